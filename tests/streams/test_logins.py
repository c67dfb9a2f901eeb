"""Who we are for NATS: a token, a user, an NKey, a credentials file; and what is said where the file is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from contracts.settings import Settings
from tests.streams.logins import ACCOUNT, USER, Key, creds, server_of_accounts, server_of_nkey
from tests.streams.server import NatsServer, running_server
from worker.providers.jetstream import Unreachable, dial, open_connection


def settings(url: str, **more: Any) -> Settings:
    return Settings(nats_url=SecretStr(url), nats_timeout_s=2, **more)


async def published(with_: Settings) -> None:
    """The stream is made and can be looked at again."""
    connection = await open_connection(with_)
    report = await connection.ready(make=False)
    await connection.close()
    assert report.unfit == []


async def refused(with_: Settings) -> str:
    with pytest.raises(Unreachable) as told:
        await open_connection(with_)
    return str(told.value)


def user_at(server: NatsServer, who: str) -> str:
    return server.url.replace("//", f"//{who}@")


async def test_a_token_and_a_user_stand_in_the_url() -> None:
    async with running_server("--auth", "a-long-token") as server:
        await published(settings(user_at(server, "a-long-token")))
        said = await refused(settings(user_at(server, "another-token")))
        assert "another-token" not in said
    async with running_server("--user", "headwater", "--pass", "a-long-word") as server:
        await published(settings(user_at(server, "headwater:a-long-word")))
        await refused(settings(server.url))


async def test_an_nkey_is_read_out_of_a_file_and_another_one_takes_its_place(tmp_path: Path) -> None:
    key, file = Key(USER), tmp_path / "seed"
    file.write_text(Key(USER).seed)
    async with running_server("-c", str(server_of_nkey(tmp_path, key.public))) as server:
        await refused(settings(server.url, nats_nkey=str(file)))
        file.write_text(key.seed + "\n")  # read for each connection: no restart
        await published(settings(server.url, nats_nkey=str(file)))


async def test_a_credentials_file_lets_us_into_an_account(tmp_path: Path) -> None:
    config, text = server_of_accounts(tmp_path)
    file = tmp_path / "user.creds"
    file.write_text(text.replace("\n", "\r\n"))
    async with running_server("-c", str(config)) as server:
        await published(settings(server.url, nats_creds=str(file)))
        file.write_text(creds(text.splitlines()[1], Key(USER).seed))  # somebody else's seed
        await refused(settings(server.url, nats_creds=str(file)))


BAD: list[tuple[str, Callable[[Path], object], str]] = [
    ("nats_creds", lambda file: None, "cannot be read: No such file"),
    ("nats_creds", lambda file: file.write_text("nothing of it"), "is no credentials file"),
    ("nats_creds", lambda file: file.write_text(creds("a.b.c", "SUNONSENSE")), "the seed in it is none"),
    ("nats_creds", lambda file: file.write_bytes(b"\xff" * 100), "cannot be read: it is not text"),
    ("nats_nkey", lambda file: file.write_text(""), "the seed in it is none"),
    ("nats_nkey", lambda file: file.write_text(Key(ACCOUNT).seed), "is not a user's"),
]


@pytest.mark.parametrize(("setting", "write", "said"), BAD)
async def test_a_file_that_is_none_is_named_and_nothing_of_it_is_told(
    tmp_path: Path, setting: str, write: Callable[[Path], object], said: str
) -> None:
    file = tmp_path / "login"
    write(file)
    async with asyncio.timeout(5):
        with pytest.raises(Unreachable) as told:
            await dial(settings("nats://127.0.0.1:1", **{setting: str(file)}))
    assert said in str(told.value)
    assert setting.upper() in str(told.value)
    assert "SU" not in str(told.value).replace("begins with SU", "")


def test_who_we_are_is_said_in_one_way() -> None:
    for more in (
        {"nats_creds": "/a", "nats_nkey": "/b"},
        {"nats_url": SecretStr("nats://u:p@localhost"), "nats_nkey": "/b"},
    ):
        with pytest.raises(ValidationError, match="in one way"):
            Settings(**more)
