"""A signing secret for whoever starts the product without one."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def generated_secret(path: Path) -> str:
    """The secret kept in `path` (0600), made on first use. Several processes may ask at once: all get the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        # Written beside and linked into place, so that nobody reads half of it.
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(48))
            os.link(draft, path)
        finally:
            draft.unlink()
    return path.read_text().strip()
