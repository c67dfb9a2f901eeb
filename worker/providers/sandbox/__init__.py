"""Stand-in vendors on loopback: the register's and the web search's wire formats, over real HTTP, with faults
on order.

Written from the vendors' documents and sharing no code with the adapters, so that a misreading there does not
hide here. The companies are real (see `../data/LICENCE-gleif.txt`); their sites, cities, trades and mail
addresses are invented.
"""
