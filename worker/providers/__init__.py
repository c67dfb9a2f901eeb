"""The outside world: one file per vendor, each behind a port of `contracts/providers.py`. Only `http.py`
knows httpx.
"""
