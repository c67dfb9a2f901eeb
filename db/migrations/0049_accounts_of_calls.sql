-- Which account of its vendor a call was sent under: a digest of the key. What an account has been charged for, another may be charged for again.
ALTER TABLE app.vendor_calls ADD COLUMN account varchar(16);
