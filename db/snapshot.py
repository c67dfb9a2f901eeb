"""The schema as text, the same on every machine: what is committed as `db/schema.sql`."""

# ruff: noqa: S603

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from urllib.parse import unquote, urlsplit, urlunsplit

from contracts.errors import Unavailable
from db import engines
from db.direct import direct

_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)$")
_MONTHS = """
SELECT format('app.%I', relname) FROM pg_class
WHERE relnamespace = 'app'::regnamespace AND relispartition AND relkind = 'r' AND relname ~ '[0-9]'
"""


async def dump(url: str) -> str:
    """Schema `app` of a migrated database and the extension it needs, owners and rights included; partitions of
    months are left out.

    Raises: Unavailable when the server or a pg_dump that is new enough is missing, or pg_dump fails.
    """
    async with direct(url) as connection:
        major = connection.get_server_version().major
        months = [row[0] for row in await connection.fetch(_MONTHS)]
    return await asyncio.to_thread(_dump, url, major, months)


def _dump(url: str, major: int, months: list[str]) -> str:
    parts = urlsplit(url)
    # The password travels in the environment: arguments are everybody's to read.
    bare = urlunsplit(parts._replace(netloc=re.sub(r":[^:@]*@", "@", parts.netloc)))
    command = [
        str(engines.program("pg_dump", at_least=major)),
        "--schema-only",
        "--schema=app",
        # The extension our own function and index stand on, and its place.
        "--schema=trgm",
        "--extension=pg_trgm",
        "--no-comments",
    ]
    command += [f"--exclude-table={month}" for month in months]
    environment = {**os.environ, "LC_ALL": "C", "PGPASSWORD": unquote(parts.password or "")}
    ran = subprocess.run([*command, bare], capture_output=True, text=True, env=environment, timeout=120)
    if ran.returncode != 0:
        raise Unavailable(f"pg_dump failed: {ran.stderr.strip()[-800:]}")
    return _quiet(ran.stdout)


def _quiet(text: str) -> str:
    """Without what changes from one pg_dump to the next. Lines inside a function body stay as they are."""
    kept: list[str] = []
    quote: str | None = None
    for line in text.splitlines():
        if quote is None and _NOISE.match(line):
            continue
        if quote is None and not line.strip():
            if kept and kept[-1]:
                kept.append("")
            continue
        kept.append(line)
        for mark in re.findall(r"\$\w*\$", line):
            quote = mark if quote is None else None if mark == quote else quote
    return "\n".join(kept).strip() + "\n"
