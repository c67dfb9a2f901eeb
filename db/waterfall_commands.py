"""`headwater waterfalls`: in which order vendors are asked for a field, and what was learned about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.enrichment import WATERFALLS
from contracts.errors import Invalid
from contracts.misfits import in_words
from contracts.waterfalls import ProposeOrder, Waterfalls
from db import waterfalls
from db.terminal import JsonOption, as_owner, operator, print_json, print_table
from db.transaction import Tx

waterfalls_app = typer.Typer(no_args_is_help=True, help="Waterfalls: orders of vendors, learned, watched, followed.")

FieldArgument = Annotated[str, typer.Argument(metavar="FIELD", help=", ".join(WATERFALLS))]
OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]


@waterfalls_app.command("list")
def list_waterfalls(tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """Every field: the orders that count, and what became of each vendor asked for it in the last 90 days."""

    async def work(tx: Tx, owner: UUID) -> Waterfalls:
        return await waterfalls.show(tx, owner)

    _print(as_owner(tenant, work), json)


@waterfalls_app.command("propose")
def propose_order(
    field: FieldArgument,
    operation: Annotated[list[str], typer.Argument(help="Operations in their order, e.g. hunter.find apollo.match.")],
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Watch a new order on live rows (SHADOW). Nobody follows it before it was promoted."""
    wanted = _order(field, operation)

    async def work(tx: Tx, owner: UUID) -> Waterfalls:
        await waterfalls.propose(tx, owner, wanted.field, wanted.operations, operator())
        return await waterfalls.show(tx, owner)

    _print(as_owner(tenant, work), json)


@waterfalls_app.command("promote")
def promote_order(
    order: Annotated[UUID, typer.Argument(help="Id of the SHADOW order.")],
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Follow a watched order from now on."""

    async def work(tx: Tx, owner: UUID) -> Waterfalls:
        await waterfalls.promote(tx, owner, order, {"promoted_by": operator()}, operator())
        return await waterfalls.show(tx, owner)

    _print(as_owner(tenant, work), json)


def _order(field: str, operations: list[str]) -> ProposeOrder:
    try:
        return ProposeOrder.model_validate({"field": field, "operations": operations})
    except ValidationError as error:
        raise Invalid(
            f"{in_words(error.errors()[0])}; fields are {', '.join(WATERFALLS)}; operations look like hunter.find, see "
            "headwater vendors list"
        ) from None


def _print(found: Waterfalls, json: bool) -> None:
    if json:
        print_json(found)
        return
    for view in found.items:
        typer.echo(f"{view.field}:")
        print_table(view.orders, ("stage", "operations", "made_by", "verdict", "id"), empty="  by list price")
        print_table(
            view.tried, ("operation", "asked", "accepted", "bought", "cost_usd"), empty="  nobody was asked yet"
        )
