"""Other queues on Postgres from Python, measured like ours: no-op jobs of 200 bytes. Each is left out where it is not installed."""
