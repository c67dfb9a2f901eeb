"""`headwater survivorship`: by which rule one of several sources' values of a field stands."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.survivorship import SetSurvivorship, Survivorship
from db import survivorship
from db.terminal import JsonOption, as_owner, operator, print_fields, print_json
from db.transaction import Tx

survivorship_app = typer.Typer(no_args_is_help=True, help="Survivorship: which source's value of a field stands.")
OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
RULES = "source_order, latest, most_frequent, highest_confidence"


@survivorship_app.command("show")
def show_policy(tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """The rules as they stand."""
    _print(as_owner(tenant, survivorship.policy), json)


@survivorship_app.command("set")
def set_policy(
    default: Annotated[str, typer.Option("--default", help=f"For all fields: {RULES}.")] = "highest_confidence",
    field: Annotated[list[str] | None, typer.Option("--field", help="NAME=RULE, e.g. phone=source_order.")] = None,
    source: Annotated[list[str] | None, typer.Option("--source", help="Vendors, the most trusted first.")] = None,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Decide all of it; what is left out goes back to its default. Columns follow with the next fact about a company."""
    wanted = _wanted(default, field or [], source or [])

    async def work(tx: Tx, owner: UUID) -> Survivorship:
        return await survivorship.put(tx, owner, wanted, by=operator())

    _print(as_owner(tenant, work), json)


def _wanted(default: str, fields: list[str], sources: list[str]) -> SetSurvivorship:
    for each in fields:
        if "=" not in each:
            raise Invalid(f"{each!r} names no rule: write --field NAME=RULE, with a rule of {RULES}")
    rules = dict(each.split("=", 1) for each in fields)
    try:
        return SetSurvivorship.model_validate({"default": default, "fields": rules, "source_order": sources})
    except ValidationError as error:
        raise Invalid(f"{in_words(error.errors()[0])}; rules are {RULES}") from None


def _print(found: Survivorship, json: bool) -> None:
    if json:
        print_json(found)
    else:
        print_fields(found, ("default", "fields", "source_order"))
