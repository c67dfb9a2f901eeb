"""`headwater bench`: what this machine does, measured on a Postgres of its own, stock Procrastinate beside it."""
