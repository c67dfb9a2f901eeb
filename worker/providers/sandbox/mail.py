"""A mail server that delivers nothing: it keeps what it is handed, for whoever wants to look. SMTP as far as clients speak it.

Orders stand in the recipient's name: `refused@` is turned down, `later@` put off, `unwanted@` turned down after the text, and for
`vanish@` the connection breaks when the text has been taken.

`fault(verb, reply)` orders what is said to that verb (CONNECT: the greeting; TEXT: when the text has been taken), once: a line, or
one of HANG_UP, SILENCE and DRIP (a byte at a time, without end).
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
    #: verb -> what is said to it the next time.
    faults: dict[str, str] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _talks: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def __aenter__(self) -> Mailbox:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._talks.values():
            writer.close()
        if self._talks:
            await asyncio.wait(self._talks, timeout=1)

    def fault(self, verb: str, reply: str) -> None:
        """Say `reply` to `verb`, once."""
        self.faults[verb] = reply

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[task] = writer
        try:
            await self._session(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            del self._talks[task]

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(line: str, to: str) -> str:
            line = self.faults.pop(to, line)
            if line == HANG_UP:
                raise ConnectionResetError
            if line == SILENCE:
                await reader.read()
                raise ConnectionResetError
            while line == DRIP:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(DRIP_S)
            writer.write(f"{line}\r\n".encode())
            await writer.drain()
            return line

        await say("220 sandbox ESMTP", "CONNECT")
        to = ""
        while line := (await reader.readline()).decode(errors="replace").strip():
            self.told.append(line)
            verb = line.partition(" ")[0].upper()
            if verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                await say(_ORDERS.get(to.partition("@")[0], "250 ok"), verb)
            elif verb == "DATA":
                if not (await say("354 go on", verb)).startswith("354"):
                    continue
                text = await reader.readuntil(b"\r\n.\r\n")
                self._keep(text[:-3])
                if to.startswith("vanish@"):
                    return
                await say("554 not wanted" if to.startswith("unwanted@") else "250 taken", "TEXT")
            elif verb == "QUIT":
                await say("221 bye", verb)
                return
            elif verb == "EHLO":
                await say("250-sandbox\r\n250 AUTH PLAIN", verb)
            elif verb == "AUTH":
                await say("235 welcome", verb)
            else:
                await say("250 ok", verb)

    def _keep(self, text: bytes) -> None:
        lines = [line.removeprefix(b".") for line in text.split(b"\r\n")]
        self.mails.append(message_from_bytes(b"\r\n".join(lines), policy=default))


#: What may stand for a reply.
HANG_UP, SILENCE, DRIP = "hang up", "silence", "drip"
DRIP_S = 0.02
_ORDERS = {"refused": "550 no such mailbox", "later": "451 come again"}
