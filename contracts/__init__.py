"""What is said: models, enums, the error tree, settings, log keys. No I/O.

run = what a tenant asked for · slice = a resumable part of a run · event = a fact already committed, waiting in the
outbox · job = one unit of queued work · execution = the row that decides a job happens once · activity = a kind of work
· port = what the outside world can do for us · adapter = one vendor doing it · fact = a value with its source, time and
confidence · ledger = the record of vendor calls and what they cost · singleton key = the name under which something may
exist once.
"""
