-- When an attempt that was taken for dead came back to write or to finish, and was refused: its rescue was a false one, and did no harm.
ALTER TABLE app.job_attempts ADD COLUMN fenced_at timestamptz;
GRANT UPDATE (fenced_at) ON app.job_attempts TO headwater_app;
CREATE INDEX job_attempts_crashed ON app.job_attempts (ended_at) WHERE outcome = 'crashed';
