-- steady --
-- A page reads an index in its order and stops. Where statistics are missing or a plan must fit any parameters, the planner
-- would rather read and sort everything; not in this transaction.
SELECT app.now() AS now, set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
