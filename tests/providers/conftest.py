from pathlib import Path

import pytest

from tests.providers.sandbox_fixture import sandbox, sandbox_server

__all__ = ["downloads", "sandbox", "sandbox_server"]


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where vendors' files are fetched to: they go when the test does."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path
