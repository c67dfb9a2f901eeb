-- nats --
-- Is NATS left alone, and until when? The app role does not see breakers: ask as system.
SELECT b.failures, b.opened_until FROM app.breakers b WHERE b.operation = 'nats.publish' AND b.state <> 'closed' ORDER BY b.updated_at DESC LIMIT 1

-- endpoint --
-- How the endpoint stands that an event is for.
SELECT e.enabled, e.disabled_reason, e.failures, e.open_until, e.last_error FROM app.webhook_endpoints e WHERE e.tenant_id = $1 AND e.id = $2
