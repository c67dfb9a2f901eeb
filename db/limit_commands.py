"""`headwater limits`: what may run at once and how often, and what is paused. A tenant's weight: `headwater tenants quotas`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from contracts.limits import Limit, LimitList, LimitScope, SetLimit
from contracts.misfits import in_words
from contracts.pauses import AskPause
from contracts.settings import Settings
from db import limits, queue
from db.terminal import JsonOption, operator, print_json, print_table, run
from db.transaction import DbRole, Pool, Tx, transaction

T = TypeVar("T")
limits_app = typer.Typer(no_args_is_help=True, help="Limits: jobs at once, starts a second, pauses.")

ScopeArgument = Annotated[LimitScope, typer.Argument(metavar="SCOPE", help="queue, tenant or vendor.")]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A queue, a tenant's slug, VENDOR or VENDOR.OPERATION.")
]
_COLUMNS = ("scope", "name", "max_running", "per_s", "burst", "running", "waiting", "held", "by", "since", "reason")


@limits_app.command("list")
def list_limits(json: JsonOption = False) -> None:
    """What is limited or paused, what runs of it, and what waits."""
    _do(lambda tx: limits.views(tx), json)


@limits_app.command("set")
def set_limit(
    scope: ScopeArgument,
    name: NameArgument,
    max_running: Annotated[
        int | None, typer.Option(help="Jobs that run at once, over all workers; of a vendor: requests.")
    ] = None,
    per_s: Annotated[
        float | None, typer.Option(help="Jobs that start, or requests that leave, in a second, on average.")
    ] = None,
    burst: Annotated[int | None, typer.Option(help="Jobs or requests that may start together after a rest.")] = None,
    json: JsonOption = False,
) -> None:
    """Limit a queue, a tenant or a vendor, all of it anew: what is not named is no limit, and without any option it is lifted.

    A vendor keeps to VENDOR_LIMITS as well; workers know of a change within 2 s.
    """
    given = {"max_running": max_running, "per_s": per_s, "burst": burst}
    wanted = _checked(lambda: SetLimit.model_validate(given))
    _do(lambda tx: limits.put(tx, scope, name, wanted, by=operator()), json)


@limits_app.command("pause")
def pause(
    scope: ScopeArgument,
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Shown to whoever asks why nothing moves.")],
    json: JsonOption = False,
) -> None:
    """Let nothing of it start: jobs wait, none is lost, those that run are finished."""
    asked = _checked(lambda: AskPause(reason=reason))
    _do(lambda tx: limits.pause(tx, scope, name, reason=asked.reason, by=operator()), json)


@limits_app.command("resume")
def resume(scope: ScopeArgument, name: NameArgument, json: JsonOption = False) -> None:
    """Go on with what waits."""
    _do(lambda tx: limits.resume(tx, scope, name, by=operator()), json)


def _checked(make: Callable[[], T]) -> T:
    try:
        return make()
    except ValidationError as error:
        wrongs = [
            "".join(f"--{str(part).replace('_', '-')}: " for part in e["loc"]) + in_words(e) for e in error.errors()
        ]
        raise typer.BadParameter("; ".join(wrongs)) from None


def _do(work: Callable[[Tx], Awaitable[list[Limit]]], json: bool) -> None:
    async def with_pool(pool: Pool, _: Settings) -> list[Limit]:
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            found = await work(tx)
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.JOBS_CHANNEL)
        return found

    found = run(with_pool)
    if json:
        print_json(LimitList(items=found))
    else:
        print_table(found, _COLUMNS, empty="nothing is limited or paused")
