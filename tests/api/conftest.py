"""The `api` fixture, for every test of this folder."""

from tests.api.server_fixture import api

__all__ = ["api"]
