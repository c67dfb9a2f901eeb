"""A mail server on a real socket, as much of RFC 5321 as a client needs to hand over a mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    text: str


@dataclass
class Mailbox:
    port: int = 0
    mails: list[Mail] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail = Mail("", [], "")

        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 mailbox")
        while line := (await reader.readline()).decode().strip():
            verb = line.upper()
            if verb.startswith("MAIL FROM:"):
                mail = Mail(_address(line), [], "")
            elif verb.startswith("RCPT TO:"):
                mail.recipients.append(_address(line))
            elif verb == "DATA":
                say("354 go on")
                mail.text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                self.mails.append(mail)
            elif verb == "QUIT":
                say("221 bye")
                break
            say("250 ok")
        writer.close()


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


@asynccontextmanager
async def receiving_mail() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box
