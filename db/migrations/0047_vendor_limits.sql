-- A vendor may be limited by operators as well: requests at once, and how often it is asked. Who asks it counts them in `paces`, so the tokens
-- of such a row stay as they were set.
ALTER TABLE app.limits DROP CONSTRAINT limits_check3;
