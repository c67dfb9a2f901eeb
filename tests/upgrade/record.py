"""`python -m tests.upgrade.record`: keep the statements of a version that is about to be released, for the next one's tests."""

from __future__ import annotations

import gzip
import json

from db import migrate
from db.sql import load, modules
from tests.upgrade.previous import DATA


def main() -> None:
    """Write tests/data/statements-NNNN.json.gz, named after the newest migration."""
    newest = max(path.name for path in migrate.FOLDER.glob("*.sql"))
    kept = {"newest": newest, "statements": {f"{m}.{n}": text for m in modules() for n, text in load(m).items()}}
    path = DATA / f"statements-{newest[:4]}.json.gz"
    path.write_bytes(gzip.compress(json.dumps(kept, indent=0, sort_keys=True).encode(), mtime=0))
    print(path)


if __name__ == "__main__":
    main()
