"""Mail over real TLS: what goes over it, and a handshake that lasts until the time is over."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from contracts.errors import VendorDown, VendorRefused
from contracts.outgoing import OutgoingMail
from contracts.settings import Settings
from worker.providers import smtp
from worker.providers.sandbox.mail import Mailbox

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="a certificate is made by openssl")
MAIL = OutgoingMail(to="thandi@karoo.co.za", subject="Hello", body="A word.", reference="m-1")
#: How late the slow server is with everything; not too late for any one reply.
LATE_S, TIMEOUT_S = 0.4, 0.5


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    made = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(made)]
    told = subprocess.run(["openssl", "req", "-x509", *key, *subject], check=True, capture_output=True, text=True)
    made.write_text(made.read_text() + told.stdout)
    return made


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificate)
    return made


@contextlib.asynccontextmanager
async def over_tls(box: Mailbox, tls: ssl.SSLContext) -> AsyncIterator[str]:
    server = await asyncio.start_server(box._talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"smtps://ada:pa55@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def sender(url: str, timeout_s: float = 5.0) -> smtp.SmtpSend:
    given = Settings(smtp_url=SecretStr(url), smtp_from="hello@ours.example", vendor_timeout_s=timeout_s)
    [made] = smtp.make(given)
    assert isinstance(made, smtp.SmtpSend)
    return made


async def test_a_mail_goes_over_tls_to_whom_we_trust_and_to_nobody_else(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Mailbox() as box, over_tls(box, tls) as url:
        with pytest.raises(VendorRefused, match="certificate"):
            await sender(url).ask([MAIL], key="k")
        assert box.told == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        [reply] = await sender(url).ask([MAIL], key="k")
        assert reply.outcome == "found"
        assert [each["To"] for each in box.mails] == ["thandi@karoo.co.za"]


async def test_who_is_hung_up_on_during_the_handshake_does_not_go_on_dripping(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for reply in (b"220 hello\r\n", b"250-slow\r\n250 STARTTLS\r\n"):
                await asyncio.sleep(LATE_S)
                writer.write(reply)
                await reader.readline()
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # TLS is to read what comes now
            writer.write(b"220 go on\r\n")
            await asyncio.sleep(LATE_S)
            await writer.start_tls(tls)
            for _ in range(500):
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.02)
        writer.close()

    server = await asyncio.start_server(late, "127.0.0.1", 0)
    try:
        url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(VendorDown) as left:
            async with asyncio.timeout(4):
                await sender(url, TIMEOUT_S).ask([MAIL], key="k")
        assert not left.value.sent
    finally:
        server.close()
