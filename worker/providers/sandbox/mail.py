"""A mail server that delivers nothing: it keeps what it is handed, for whoever wants to look. SMTP as far as clients speak it.

Orders stand in the recipient's name: `refused@` is turned down, `later@` put off, `unwanted@` turned down after the text, and for
`vanish@` the connection breaks when the text has been taken.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default


@dataclass
class Mailbox:
    """`mails`: what was taken, oldest first. `told`: every line that was said to it."""

    mails: list[EmailMessage] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Mailbox:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 sandbox ESMTP")
        to = ""
        while line := (await reader.readline()).decode(errors="replace").strip():
            self.told.append(line)
            verb = line.partition(" ")[0].upper()
            if verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                await say(_ORDERS.get(to.partition("@")[0], "250 ok"))
            elif verb == "DATA":
                await say("354 go on")
                text = await reader.readuntil(b"\r\n.\r\n")
                self._keep(text[:-3])
                if to.startswith("vanish@"):
                    return
                await say("554 not wanted" if to.startswith("unwanted@") else "250 taken")
            elif verb == "QUIT":
                await say("221 bye")
                return
            else:
                await say("250 ok")

    def _keep(self, text: bytes) -> None:
        lines = [line.removeprefix(b".") for line in text.split(b"\r\n")]
        self.mails.append(message_from_bytes(b"\r\n".join(lines), policy=default))


_ORDERS = {"refused": "550 no such mailbox", "later": "451 come again"}
