"""One `headwater up` for all tests of a module that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.front.programs import Up, up


@pytest.fixture(scope="module")
def running() -> Iterator[Up]:
    """Everything running, vendors played by the sandbox."""
    with up("--sandbox") as ready:
        yield ready
