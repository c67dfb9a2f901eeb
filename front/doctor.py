"""`headwater doctor`: what is wrong here, and what mends it."""

from __future__ import annotations

import asyncio
import json
import platform
from importlib.metadata import version
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from contracts.checkups import Finding, fine, note, wrong
from contracts.errors import HeadwaterError
from contracts.providers import Channel
from contracts.settings import Settings
from db import address
from db.checkup import examine
from front.client import Client
from front.logs import configure_logging, settings_problems

#: How long a running address may take to answer, in seconds.
ANSWER_S = 10.0
MARKS = {"ok": "ok   ", "note": "note ", "wrong": "WRONG"}


def doctor(
    url: Annotated[
        str | None, typer.Option(help="Only check a running API at this address, such as http://127.0.0.1:5050.")
    ] = None,
    held_after: Annotated[
        float, typer.Option(min=0, max=86_400, help="A transaction older than this many seconds counts as held.")
    ] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look for what is wrong and name the command that mends it. Changes nothing. Exit status 1 if something is wrong."""
    found = _address(url) if url else [_program(), *_here(held_after)]
    ok = all(f.level != "wrong" for f in found)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "findings": [f.model_dump() for f in found]}, indent=2, ensure_ascii=False))
    else:
        for each in found:
            typer.echo(f"{MARKS[each.level]}  {each.check:<13}  {each.found}")
            if each.mend:
                typer.echo(f"{'':>5}  {'':<13}  -> {each.mend}")
        wrongs = sum(f.level == "wrong" for f in found)
        typer.echo("all is well" if ok else f"{wrongs} wrong")
    if not ok:
        raise typer.Exit(1)


def _program() -> Finding:
    return fine("program", f"headwater {version('headwater')}, Python {platform.python_version()}, {platform.system()}")


def _here(held_s: float) -> list[Finding]:
    try:
        settings = Settings()
    except ValidationError as error:
        return [wrong("settings", said, "correct it in the environment") for said in settings_problems(error)]
    configure_logging(settings, "headwater-doctor")
    found = [*_settings(settings), *_stream(settings)]
    try:
        url = address.database_url(settings)
    except HeadwaterError:
        none = f"DATABASE_URL is not set, and no server runs on {settings.headwater_data}"
        return [*found, wrong("database", none, "headwater up, or headwater db serve, or set DATABASE_URL")]
    return [*found, *asyncio.run(examine(url, settings, held_s=held_s))]


def _settings(settings: Settings) -> list[Finding]:
    found = []
    if settings.bootstrap_email and settings.bootstrap_password is None:
        mend = "set BOOTSTRAP_PASSWORD too, or neither"
        found.append(wrong("settings", "BOOTSTRAP_EMAIL is set without BOOTSTRAP_PASSWORD", mend))
    if settings.database_url and settings.jwt_secret is None:
        mend = "set JWT_SECRET, the same to every API process; headwater up makes one by itself"
        found.append(note("settings", "JWT_SECRET is not set: headwater api will not start", mend))
    found += _channels(settings)
    return found or [fine("settings", "all can be read, every default channel works")]


def _stream(settings: Settings) -> list[Finding]:
    """Is the JetStream stream there, and fit?"""
    if settings.nats_url is None:
        return []
    from worker.providers.jetstream import Unreachable
    from worker.stream_commands import looked_at

    try:
        report = asyncio.run(looked_at(settings))
    except Unreachable as error:
        return [wrong("jetstream", str(error), "start NATS with -js, correct NATS_URL, or: headwater streams setup")]
    if report.unfit:
        return [wrong("jetstream", "; ".join(report.unfit), "headwater streams setup --mend, or another NATS_STREAM")]
    keeps = f"{report.max_age_s / 3600:g} h" if report.max_age_s else "for ever"
    return [fine("jetstream", f"{report.stream} keeps {keeps}, drops doubles for {report.duplicate_window_s:g} s")]


def _channels(settings: Settings) -> list[Finding]:
    from worker.providers.registry import build

    async def absent() -> dict[Channel, str]:
        registry = build(settings)
        await registry.close()
        return dict(registry.absent)

    missing = asyncio.run(absent())
    wanted = [Channel(name) for name in settings.discovery_channels]
    if settings.company_file and Channel.FILE not in wanted:
        wanted.append(Channel.FILE)
    return [
        note("channels", missing[channel], "or choose others with DISCOVERY_CHANNELS")
        for channel in wanted
        if channel in missing
    ]


def _address(url: str) -> list[Finding]:
    """A smoke check from outside: is it there, is it ready, which version is it?"""
    try:
        client = Client(url, timeout_s=ANSWER_S)
        client.get("/healthz")
        found = [fine("alive", f"{url} answers")]
        found += _readiness(*client.ask("GET", "/readyz", refusals=(503,)))
        found.append(_version(client.get("/openapi.json")))
        return found
    except HeadwaterError as error:
        return [wrong("address", error.detail, "headwater up, or correct --url")]


def _readiness(status: int, said: dict[str, Any]) -> list[Finding]:
    found = [fine("ready", "yes") if status == 200 else wrong("ready", "no", "mend what is named below")]
    for name, check in said["checks"].items():
        if check["status"] == "failed":
            found.append(wrong(name, check["detail"] or "failed", "its log says more"))
        elif check["status"] == "none":
            found.append(note(name, check["detail"] or "there is none", "start it, if it should be there"))
        else:
            found.append(fine(name, check["detail"] or "ok"))
    return found


def _version(document: dict[str, Any]) -> Finding:
    there, here = document["info"]["version"], version("headwater")
    if there != here:
        return note("version", f"{there} there, {here} here", "deploy one version everywhere")
    return fine("version", there)
