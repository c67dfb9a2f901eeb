-- The fence of a job's write as a call: the done mark, or P0002 (no_data_found) when this attempt no longer owns the execution or it was cancelled.
-- It travels as text in the message that opens the transaction. An UPDATE said that way is planned anew for each job, which costs more than running
-- it; the plan in here is the session's, made for the role and its policies. A CALL needs no plan around it.
CREATE PROCEDURE app.complete(tenant uuid, execution uuid, attempt integer) LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE app.job_executions e SET state = 'done', finished_at = app.now()
     WHERE e.tenant_id = tenant AND e.id = execution AND e.token = attempt AND e.state = 'running' AND e.cancel_requested_at IS NULL;
    IF NOT FOUND THEN
        RAISE no_data_found USING MESSAGE = 'another attempt owns this execution, or it was cancelled';
    END IF;
END
$$;
REVOKE EXECUTE ON PROCEDURE app.complete(uuid, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE app.complete(uuid, uuid, integer) TO headwater_app, headwater_system;
