-- The clock as an expression. In PL/pgSQL, its first call in each transaction sets up an evaluation of its own, and nearly every statement of ours is
-- one of few in its transaction; an expression is part of the plan. statement_timestamp() is when the statement reached the server, and STABLE, which
-- an index condition needs; SQL functions are inlined only if they are no less volatile than they say.
CREATE OR REPLACE FUNCTION app.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT statement_timestamp() + app.clock_shift() $$;
