"""`headwater icp`: list, create, show, change, close, for whoever may read the database's URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError

from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.profiles import ChangeProfile, CreateProfile, Profile, ProfilePage
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import profiles, tenants
from db.candidate_commands import list_candidates, refresh_candidates
from db.rule_commands import rules_app
from db.terminal import JsonOption, operator, print_fields, print_json, print_table, run
from db.transaction import Pool, Tx, transaction

T = TypeVar("T")
Body = TypeVar("Body", bound=BaseModel)

icp_app = typer.Typer(
    no_args_is_help=True, help="ICP profiles: list, create, show, change, close; their rules and candidates."
)
icp_app.add_typer(rules_app, name="rules")
icp_app.command("refresh")(refresh_candidates)
icp_app.command("candidates")(list_candidates)

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
WhichArgument = Annotated[str, typer.Argument(help="Id or name of a profile.", metavar="PROFILE")]
Several = list[str] | None
IndustryOption = Annotated[Several, typer.Option("--industry", help="Target industry. May be repeated.")]
CountryOption = Annotated[Several, typer.Option("--country", help="Target country, e.g. ZA. May be repeated.")]
TechnologyOption = Annotated[Several, typer.Option("--technology", help="Required technology. May be repeated.")]
NaicsOption = Annotated[Several, typer.Option("--naics", help="NAICS code, 2 to 6 digits. May be repeated.")]
MinOption = Annotated[int | None, typer.Option("--min-size", help="Fewest employees.")]
MaxOption = Annotated[int | None, typer.Option("--max-size", help="Most employees.")]
_LISTED = ("id", "name", "naics_codes", "target_countries", "version", "closed_at")


@icp_app.command("create")
def create_profile(
    name: str,
    industry: IndustryOption = None,
    country: CountryOption = None,
    min_size: MinOption = None,
    max_size: MaxOption = None,
    technology: TechnologyOption = None,
    naics: NaicsOption = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Add a profile."""
    wishes = _wishes(industry, country, min_size, max_size, technology, naics)

    async def work(tx: Tx, owner: UUID) -> Profile:
        return await profiles.create(tx, owner, _asked(CreateProfile, name=name, **wishes), by=operator())

    _print(_as_owner(tenant, work), json)


@icp_app.command("list")
def list_profiles(
    closed: Annotated[bool, typer.Option("--closed", help="Show closed ones too.")] = False,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's profiles, newest first."""

    async def work(tx: Tx, owner: UUID) -> list[Profile]:
        return await profiles.list_(tx, owner, before=cursor, closed=closed, limit=limit + 1)

    found = _as_owner(tenant, work)
    page = ProfilePage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(page.items, _LISTED, empty="no profile yet: `headwater icp create NAME --naics CODE` makes one")
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@icp_app.command("show")
def show_profile(profile: WhichArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """One profile."""

    async def work(tx: Tx, owner: UUID) -> Profile:
        return await _which(tx, owner, profile)

    _print(_as_owner(tenant, work), json)


@icp_app.command("change")
def change_profile(
    profile: WhichArgument,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    industry: IndustryOption = None,
    country: CountryOption = None,
    min_size: MinOption = None,
    max_size: MaxOption = None,
    technology: TechnologyOption = None,
    naics: NaicsOption = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Replace what is named; a list is replaced whole."""
    wishes = _wishes(industry, country, min_size, max_size, technology, naics)
    named = {"name": name} if name is not None else {}

    async def work(tx: Tx, owner: UUID) -> Profile:
        body = _asked(ChangeProfile, **named, **wishes)
        return await profiles.change(tx, owner, (await _which(tx, owner, profile)).id, body, by=operator())

    _print(_as_owner(tenant, work), json)


@icp_app.command("close")
def close_profile(profile: WhichArgument, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Take a profile out of use; its name is free again."""

    async def work(tx: Tx, owner: UUID) -> Profile:
        found = await _which(tx, owner, profile)
        await profiles.close(tx, owner, found.id, by=operator())
        return await profiles.get(tx, owner, found.id)

    _print(_as_owner(tenant, work), json)


def _wishes(
    industry: Several, country: Several, low: int | None, high: int | None, technology: Several, naics: Several
) -> dict[str, Any]:
    given = {
        "target_industries": industry, "target_countries": country, "min_company_size": low, "max_company_size": high,
        "required_technologies": technology, "naics_codes": naics,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _asked(kind: type[Body], **wishes: Any) -> Body:
    try:
        return kind.model_validate(wishes)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise Invalid(f"{where}{in_words(first)}") from None


async def _which(tx: Tx, owner: UUID, text: str) -> Profile:
    """By id, else the open profile of that name. Raises: NotFound."""
    try:
        found = await profiles.show(tx, owner, UUID(text))
    except ValueError:
        found = await profiles.named(tx, owner, text)
    if found is None:
        raise NotFound(f"no ICP profile {text!r}: `headwater icp list` shows them", code="icp_not_found")
    return found


def _as_owner(slug: str | None, work: Callable[[Tx, UUID], Awaitable[T]]) -> T:
    async def with_pool(pool: Pool, settings: Settings) -> T:
        if slug is None:
            owner = (await tenants.ensure_default(pool, settings)).id
        else:
            async with transaction(pool, None) as tx:
                found = await tenants.by_slug(tx, slug)
            if found is None or found.id == SYSTEM_TENANT:
                raise NotFound(f"there is no tenant {slug!r} with profiles: `headwater tenants list` shows them")
            owner = found.id
        async with transaction(pool, owner) as tx:
            return await work(tx, owner)

    return run(with_pool)


def _print(shown: Profile, json: bool) -> None:
    if json:
        print_json(shown)
    else:
        print_fields(shown, tuple(Profile.model_fields))
