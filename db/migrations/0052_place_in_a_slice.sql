-- Where a slice was left when the day's calls were spent: the next run goes on there. NULL: it was read to its end, or begins anew. (ADR 0051)
ALTER TABLE app.source_cursors ADD COLUMN place varchar(500);
