-- at_work --
-- Which of these sessions run a statement, or did within the last two seconds. One that waits for its client while the client waits for it is silent.
SELECT a.pid FROM pg_stat_activity a
 WHERE a.pid = ANY($1::int[]) AND ((a.state = 'active' AND coalesce(a.wait_event_type, '') <> 'Client') OR a.state_change > clock_timestamp() - interval '2 seconds')
