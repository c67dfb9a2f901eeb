"""`headwater waterfalls`: in which order vendors are asked for a field, and what was learned about them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.enrichment import WATERFALLS, Waterfall
from contracts.errors import Invalid
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
    wanted, order = _field(field), _order(operation)

    async def work(tx: Tx, owner: UUID) -> Waterfalls:
        await waterfalls.propose(tx, owner, wanted, order.operations, operator())
        return await waterfalls.show(tx, owner)

    _print(as_owner(tenant, work), json)


@waterfalls_app.command("promote")
def promote_order(
    field: FieldArgument,
    order: Annotated[UUID, typer.Argument(help="Id of the SHADOW order.")],
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Follow a watched order from now on."""
    wanted = _field(field)

    async def work(tx: Tx, owner: UUID) -> Waterfalls:
        await waterfalls.promote(tx, owner, wanted, order, {"promoted_by": operator()}, operator())
        return await waterfalls.show(tx, owner)

    _print(as_owner(tenant, work), json)


def _field(word: str) -> Waterfall:
    found = next((field for field in WATERFALLS if field == word), None)
    if found is None:
        raise Invalid(f"no field is called {word!r}: choose from {', '.join(WATERFALLS)}")
    return found


def _order(words: list[str]) -> ProposeOrder:
    try:
        return ProposeOrder(operations=tuple(words))
    except ValidationError:
        raise Invalid("operations are written vendor.operation, e.g. hunter.find: headwater vendors list") from None


def _print(found: Waterfalls, json: bool) -> None:
    if json:
        print_json(found)
        return
    for view in found.items:
        typer.echo(f"{view.field}:")
        print_table(view.orders, ("stage", "operations", "made_by", "verdict", "id"), empty="  by list price")
        print_table(view.tried, ("operation", "asked", "accepted", "cost_usd"), empty="  nobody was asked yet")
