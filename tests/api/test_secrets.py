from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from api.secrets import generated_secret


def test_everybody_gets_the_same_secret_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "jwt_secret"
    with ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(lambda _: generated_secret(path), range(32)))
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["jwt_secret"]
    assert generated_secret(tmp_path / "other") != generated_secret(path)
