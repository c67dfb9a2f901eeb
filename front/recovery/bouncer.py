"""A PgBouncer in transaction mode before the server of a trial, where the program is installed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from contracts.errors import Unavailable
from front.soak.ground import free_ports

#: It is killed when the pipe on its guard's stdin closes: by `stop`, or because we are gone.
GUARDED = '"$@" </dev/null & bouncer=$!; read -r _; kill -KILL $bouncer; wait $bouncer 2>/dev/null'
#: Sessions it keeps to the server: fewer than its clients have, so that these share.
SESSIONS = 12


def installed() -> str | None:
    """Where the program is, or None."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


class Bouncer:
    """`url` leads to the database through it."""

    def __init__(self, folder: Path, server_url: str) -> None:
        self._folder, self._parts = folder, urlsplit(server_url)
        self.port = free_ports(1)[0]
        self._process: asyncio.subprocess.Process | None = None
        name = self._parts.path.lstrip("/")
        self.url = f"postgresql://{self._parts.username}@127.0.0.1:{self.port}/{name}?pgbouncer=true"

    async def start(self) -> None:
        """Run it until `stop`. Raises: Unavailable when it is not installed or does not answer."""
        program = installed()
        if program is None:
            raise Unavailable("pgbouncer is not installed: apt install pgbouncer", code="no_pgbouncer")
        self._folder.mkdir(exist_ok=True)
        config = self._folder / "pgbouncer.ini"
        config.write_text(self._configuration())
        self._folder.chmod(0o755)
        # It refuses to run as root, and becomes whom it is told to.
        whom = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._process = await asyncio.create_subprocess_exec(
            "sh", "-c", GUARDED, "sh", program, "-q", *whom, str(config), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL, stderr=(self._folder / "pgbouncer.log").open("ab"),
        )  # fmt: skip
        for _ in range(400):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
        raise Unavailable(f"pgbouncer does not answer: see {self._folder}/pgbouncer.log")

    async def stop(self) -> None:
        """Kill it."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await process.wait()

    def _configuration(self) -> str:
        at = self._parts
        login = f"user={at.username}" + (f" password='{unquote(at.password)}'" if at.password else "")
        database = at.path.lstrip("/")
        return "\n".join(
            [
                "[databases]",
                f"{database} = host={at.hostname} port={at.port} dbname={database} {login}",
                "[pgbouncer]",
                "listen_addr = 127.0.0.1",
                f"listen_port = {self.port}",
                "unix_socket_dir =",
                "auth_type = any",
                "pool_mode = transaction",
                f"default_pool_size = {SESSIONS}",
                "max_client_conn = 500",
                "",
            ]
        )
