-- An execution is changed twice, when it starts and when it ends, a batch of neighbours at a time. With 30 % of a page free, a third of the changes
-- moved to another page, and made an entry in each index; with half of it free nearly all stay, and table and indexes together take less. (ADR 0049)
ALTER TABLE app.job_executions SET (fillfactor = 50);
