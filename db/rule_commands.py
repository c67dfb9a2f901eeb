"""`headwater icp rules`: a profile's rules, for whoever may read the database's URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.rule_sets import (
    Comparison,
    CreateRuleSet,
    MoveRuleSet,
    Preview,
    PreviewRules,
    RuleSet,
    RuleSetList,
    RuleSetMoved,
)
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import profiles, rule_sets, rule_trials, tenants
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json, print_table, run, wake_dispatchers
from db.transaction import Pool, Tx, transaction

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)

rules_app = typer.Typer(no_args_is_help=True, help="Rule sets: create, list, show, preview, compare, promote, archive.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
ProfileArgument = Annotated[str, typer.Argument(help="Id or name of a profile.", metavar="PROFILE")]
SetArgument = Annotated[UUID, typer.Argument(help="Id of a rule set.", metavar="RULE_SET")]
FileArgument = Annotated[
    Path,
    typer.Argument(
        help='JSON: {"rules": [{"field_key": …, "operator": …, "value": …, "weight": …}], "medium_from": …}', metavar="FILE",
        exists=True, dir_okay=False, readable=True,
    ),
]  # fmt: skip
_LISTED = ("id", "version", "stage", "medium_from", "high_from", "made_by", "reason", "stage_at")
_RULE = ("position", "type", "field_key", "operator", "value", "weight", "on_missing")


@rules_app.command("create")
def create_rule_set(
    profile: ProfileArgument,
    file: FileArgument,
    active: Annotated[
        bool, typer.Option("--active", help="Let it decide at once; else it is watched in SHADOW.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever reads it later.")] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Add a version of a profile's rules and thresholds from a file. A set never changes: add another."""
    given = {"stage": "ACTIVE" if active else "SHADOW", "reason": reason}
    body = _read(file, CreateRuleSet, **{k: v for k, v in given.items() if v is not None})

    async def work(tx: Tx, owner: UUID) -> RuleSetMoved:
        found = await profiles.find(tx, owner, profile)
        return await rule_sets.create(tx, owner, found.id, body, by=operator())

    _moved(as_owner(tenant, work), json)


@rules_app.command("list")
def list_rule_sets(profile: ProfileArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Every version of a profile's rules, newest first; version 0 is the profile's own filters."""

    async def work(tx: Tx, owner: UUID) -> RuleSetList:
        found = await profiles.find(tx, owner, profile)
        return RuleSetList(items=await rule_sets.list_(tx, owner, found.id))

    found = as_owner(tenant, work)
    if json:
        print_json(found)
        return
    print_table(found.items, _LISTED, empty="no rule set")


@rules_app.command("show")
def show_rule_set(
    profile: ProfileArgument, rule_set: SetArgument, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """One version with its rules."""

    async def work(tx: Tx, owner: UUID) -> RuleSet:
        found = await profiles.find(tx, owner, profile)
        return await rule_sets.get(tx, owner, found.id, rule_set)

    _show(as_owner(tenant, work), json)


@rules_app.command("preview")
def preview_rules(
    profile: ProfileArgument,
    file: FileArgument,
    newest: Annotated[int, typer.Option(min=1, max=5000, help="How many companies to look at.")] = 1000,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """What proposed rules would make of the newest companies, and why each one is out. Nothing is stored."""
    body = _read(file, PreviewRules, newest=newest)

    async def work(pool: Pool, owner: UUID) -> Preview:
        return await rule_trials.preview(pool, owner, await profile_id_of(pool, owner, profile), body)

    found = with_owner(tenant, work)
    if json:
        print_json(found)
        return
    typer.echo(
        f"{found.companies} companies: {found.candidates} candidates, {found.rejected} rejected, {found.deferred} deferred"
    )
    print_table(found.by_reason, ("companies", "outcome", "rule"), empty="no filter puts anything out")


@rules_app.command("compare")
def compare_rule_set(
    profile: ProfileArgument, rule_set: SetArgument, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """How many leads would change their band under a version, beside what decides now."""

    async def work(pool: Pool, owner: UUID) -> Comparison:
        return await rule_trials.compare(pool, owner, await profile_id_of(pool, owner, profile), rule_set)

    found = with_owner(tenant, work)
    if json:
        print_json(found)
        return
    typer.echo(
        f"{found.changed} of {found.leads} leads would change band; handed over: {found.exported_now} now,"
        f" {found.exported_then} then"
    )
    print_table(found.bands, ("now", "then", "leads"), empty="no lead of this profile has been looked at yet")


@rules_app.command("promote")
def promote_rule_set(
    profile: ProfileArgument,
    rule_set: SetArgument,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Have the profile's leads scored again, newest first.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many leads.")] = 1000,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Let a version decide, also one that was archived; the one that did is archived."""

    async def work(tx: Tx, owner: UUID) -> RuleSetMoved:
        found = await profiles.find(tx, owner, profile)
        body = MoveRuleSet(rescore=rescore, limit=limit)
        return await rule_sets.promote(tx, owner, found.id, rule_set, body, by=operator())

    moved = as_owner(tenant, work)
    if moved.rescoring:
        wake_dispatchers()
    _moved(moved, json)


@rules_app.command("archive")
def archive_rule_set(
    profile: ProfileArgument, rule_set: SetArgument, tenant: OwnerOption = None, json: JsonOption = False
) -> None:
    """Take a version out of use; without an ACTIVE one the profile's own filters decide."""

    async def work(tx: Tx, owner: UUID) -> RuleSet:
        found = await profiles.find(tx, owner, profile)
        return await rule_sets.archive(tx, owner, found.id, rule_set, by=operator())

    _show(as_owner(tenant, work), json)


def _read(file: Path, kind: type[Body], **more: Any) -> Body:
    """A body from a file. Raises: Invalid (exit status 2) saying what is wrong with it."""
    try:
        given = from_json(file.read_bytes())
        return kind.model_validate({**given, **more} if isinstance(given, dict) else given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        words = f"{file}: {where}: {in_words(first)}" if where else f"{file}: {in_words(first)}"
    except ValueError as error:
        words = f"{file} is not what is asked for: {error}"
    raise Invalid(words)


async def profile_id_of(pool: Pool, owner: UUID, text: str) -> UUID:
    """Of a profile by id or name. Raises: NotFound (`icp_not_found`)."""
    async with transaction(pool, owner) as tx:
        return (await profiles.find(tx, owner, text)).id


def with_owner(slug: str | None, work: Callable[[Pool, UUID], Awaitable[T]]) -> T:
    """Run what takes more than one transaction for the tenant named, else the default one."""

    async def with_pool(pool: Pool, settings: Settings) -> T:
        if slug is None:
            return await work(pool, (await tenants.ensure_default(pool, settings)).id)
        async with transaction(pool, None) as tx:
            found = await tenants.by_slug(tx, slug)
        if found is None or found.id == SYSTEM_TENANT:
            raise NotFound(f"there is no tenant {slug!r} of its own: `headwater tenants list` shows them")
        return await work(pool, found.id)

    return run(with_pool)


def _moved(moved: RuleSetMoved, json: bool) -> None:
    if json:
        print_json(moved)
        return
    _show(moved.rule_set, json)
    if moved.archived:
        typer.echo(f"archived: {moved.archived}")
    if moved.rescoring or moved.left:
        typer.echo(f"{moved.rescoring} leads will be scored again, {moved.left} are left")


def _show(made: RuleSet, json: bool) -> None:
    if json:
        print_json(made)
        return
    print_fields(made, _LISTED)
    print_table(made.rules, _RULE, empty="no rules")
