from tests.providers.sandbox_fixture import sandbox, sandbox_server

__all__ = ["sandbox", "sandbox_server"]
