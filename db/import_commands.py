"""`headwater import` and `headwater export`: files in and out, however large, for whoever may read the database's URL."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from contracts.errors import Invalid, NotFound
from contracts.exports import ExportKind
from contracts.imports import Import, ImportDone, ImportKind, ImportPage
from contracts.settings import Settings
from contracts.tenants import SYSTEM_TENANT
from db import exports, imports, profiles, queue, tenants
from db.exports import Filters
from db.terminal import JsonOption, operator, print_fields, print_json, print_table, run, utc
from db.transaction import DbRole, Pool, transaction

T = TypeVar("T")
import_app = typer.Typer(
    no_args_is_help=True, help="Files in: companies, leads, orders, stock, samples, suppressions; list, show."
)
export_app = typer.Typer(no_args_is_help=True, help="Files out: companies, leads, suppressions.")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV; its first line names the columns.")]
OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Check every row and count, write none.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Read a file once more that was read to its end.")]
MapOption = Annotated[
    list[str] | None, typer.Option("--map", help="ours=theirs: which column is meant. May be repeated.")
]
OutOption = Annotated[Path | None, typer.Option("--out", help="Write there; absent: to standard output.")]
CountryOption = Annotated[str | None, typer.Option("--country", help="ISO code.")]
SinceOption = Annotated[datetime | None, typer.Option("--since", help="Changed since then, UTC, e.g. 2026-01-31.")]
_COUNTS = ("rows", "created", "merged", "skipped", "bad", "companies_created", "contacts_created")
#: Rows between two lines that say how far it is.
SAY_EVERY = 10_000


@import_app.command("companies")
def import_companies(
    file: FileArgument, dry_run: DryOption = False, mapping: MapOption = None, again: AgainOption = False,
    tenant: OwnerOption = None, json: JsonOption = False,
) -> None:  # fmt: skip
    """Companies: name, and domain, country or registry id; city, industries."""
    _import("companies", file, dry_run, mapping, again, tenant, None, json)


@import_app.command("leads")
def import_leads(
    file: FileArgument, dry_run: DryOption = False, mapping: MapOption = None, again: AgainOption = False,
    icp: Annotated[str | None, typer.Option("--icp", help="Id or name of the profile they are leads for.")] = None,
    tenant: OwnerOption = None, json: JsonOption = False,
) -> None:  # fmt: skip
    """Leads: a company as above, and a contact: contact_name, contact_email, contact_title, linkedin_url."""
    _import("leads", file, dry_run, mapping, again, tenant, icp, json)


@import_app.command("suppressions")
def import_suppressions(
    file: FileArgument, dry_run: DryOption = False, mapping: MapOption = None, again: AgainOption = False,
    tenant: OwnerOption = None, json: JsonOption = False,
) -> None:  # fmt: skip
    """Whom nobody may write to: email, phone, domain or person; channel, reason. Only keyed hashes are kept."""
    _import("suppressions", file, dry_run, mapping, again, tenant, None, json)


@import_app.command("skus")
def import_skus(
    file: FileArgument, dry_run: DryOption = False, mapping: MapOption = None, again: AgainOption = False,
    tenant: OwnerOption = None, json: JsonOption = False,
) -> None:  # fmt: skip
    """Stock: sku; sku_name, on_hand, lead_days, review_days, active."""
    _import("skus", file, dry_run, mapping, again, tenant, None, json)


@import_app.command("orders")
def import_orders(
    file: FileArgument, dry_run: DryOption = False, mapping: MapOption = None, again: AgainOption = False,
    tenant: OwnerOption = None, json: JsonOption = False,
) -> None:  # fmt: skip
    """Order lines: the customer as of companies, order_id, ordered_at, sku, quantity; line, unit_price, discount, delivered_at."""
    _import("orders", file, dry_run, mapping, again, tenant, None, json)


@import_app.command("samples")
def import_samples(
    file: FileArgument, dry_run: DryOption = False, mapping: MapOption = None, again: AgainOption = False,
    tenant: OwnerOption = None, json: JsonOption = False,
) -> None:  # fmt: skip
    """Samples given: the customer as of companies, sample_id, sku, given_at; rep."""
    _import("samples", file, dry_run, mapping, again, tenant, None, json)


def _import(
    kind: ImportKind,
    file: Path,
    dry_run: bool,
    mapping: list[str] | None,
    again: bool,
    tenant: str | None,
    icp: str | None,
    json: bool,
) -> None:
    read_as = dict(_pair(each) for each in mapping or ())

    def say(_: Import, rows: int) -> None:
        if rows // SAY_EVERY != (rows - imports.BATCH) // SAY_EVERY:
            typer.echo(f"{rows} rows read", err=True)

    async def work(pool: Pool, owner: UUID) -> ImportDone:
        profile = None
        if icp is not None:
            async with transaction(pool, owner) as tx:
                profile = (await profiles.find(tx, owner, icp)).id
        asked = imports.Asked(kind, file.name, operator(), dry_run, read_as, profile)
        try:
            with file.open("rb") as opened:
                done = await imports.load_file(pool, owner, opened, asked, again=again, progress=None if json else say)
        except OSError as error:
            raise Invalid(f"{file} cannot be read ({error.strerror}): give the path of a CSV file") from error
        async with transaction(pool, None, role=DbRole.SYSTEM) as tx:
            await queue.wake(tx, queue.OUTBOX_CHANNEL)
        return done

    done = _as_owner(tenant, work)
    if json:
        print_json(done)
        return
    if done.again:
        typer.echo(f"this file was imported on {done.finished_at:%Y-%m-%d %H:%M}: --again reads it once more", err=True)
    _print(done)


def _pair(text: str) -> tuple[str, str]:
    ours, found, theirs = text.partition("=")
    if not found:
        raise typer.BadParameter(f"{text!r} is no mapping: write ours=theirs", param_hint="--map")
    return ours.strip(), theirs


def _print(done: ImportDone) -> None:
    print_fields(done, ("id", "kind", "label", "state", "dry_run", *_COUNTS))
    for note in done.notes:
        typer.echo(note, err=True)
    if done.ignored:
        typer.echo(f"ignored columns: {', '.join(done.ignored)}", err=True)
    for error in done.first_errors:
        column = f", {error.column}" if error.column else ""
        typer.echo(f"row {error.row}{column}: {error.message}", err=True)
    if done.errors > len(done.first_errors):
        typer.echo(f"{done.errors} reasons in all: headwater import errors {done.id}", err=True)


@import_app.command("list")
def list_imports(
    kind: Annotated[str | None, typer.Option(help="companies, leads, suppressions, skus, orders or samples.")] = None,
    tenant: OwnerOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    cursor: Annotated[UUID | None, typer.Option(help="`next_cursor` of the list before.")] = None,
    json: JsonOption = False,
) -> None:
    """A tenant's imports, newest first."""

    async def work(pool: Pool, owner: UUID) -> list[Import]:
        async with transaction(pool, owner) as tx:
            return await imports.list_(tx, owner, before=cursor, kind=kind, limit=limit + 1)

    found = _as_owner(tenant, work)
    page = ImportPage(items=found[:limit], next_cursor=str(found[limit - 1].id) if len(found) > limit else None)
    if json:
        print_json(page)
        return
    print_table(
        page.items, ("id", "kind", "label", "state", *_COUNTS[:5], "started_at"), empty="nothing was imported yet"
    )
    if page.next_cursor:
        typer.echo(f"more: --cursor {page.next_cursor}")


@import_app.command("show")
def show_import(import_id: UUID, tenant: OwnerOption = None, json: JsonOption = False) -> None:
    """One import, and the first of what was wrong with it."""

    async def work(pool: Pool, owner: UUID) -> ImportDone:
        async with transaction(pool, owner) as tx:
            return await imports.done(tx, owner, import_id)

    found = _as_owner(tenant, work)
    print_json(found) if json else _print(found)


@import_app.command("errors")
def show_errors(import_id: UUID, tenant: OwnerOption = None) -> None:
    """What was wrong with which row, as CSV."""

    async def work(pool: Pool, owner: UUID) -> None:
        async for part in imports.error_lines(pool, owner, import_id):
            sys.stdout.write(part)

    _as_owner(tenant, work)


@export_app.command("companies")
def export_companies(
    out: OutOption = None, country: CountryOption = None, since: SinceOption = None, tenant: OwnerOption = None
) -> None:
    """Companies as CSV, oldest first."""
    _export("companies", out, Filters(country, utc(since)), tenant)


@export_app.command("leads")
def export_leads(
    out: OutOption = None,
    country: CountryOption = None,
    since: SinceOption = None,
    status: Annotated[str | None, typer.Option(help="new, processing, enriched or failed.")] = None,
    run_id: Annotated[UUID | None, typer.Option("--run", help="Id of the run that found them.")] = None,
    icp_profile_id: Annotated[UUID | None, typer.Option("--icp", help="Id of their profile.")] = None,
    tenant: OwnerOption = None,
) -> None:
    """Leads with company and contact as CSV, oldest first."""
    _export("leads", out, Filters(country, utc(since), status, run_id, icp_profile_id), tenant)


@export_app.command("suppressions")
def export_suppressions(out: OutOption = None, tenant: OwnerOption = None) -> None:
    """The suppression list as CSV: hashes, never values."""
    _export("suppressions", out, Filters(), tenant)


def _export(kind: ExportKind, out: Path | None, wanted: Filters, tenant: str | None) -> None:
    async def work(pool: Pool, owner: UUID) -> None:
        if out is None:
            async for part in exports.lines(pool, owner, kind, wanted):
                sys.stdout.write(part)
            return
        try:
            with out.open("w", encoding="utf-8", newline="") as file:
                async for part in exports.lines(pool, owner, kind, wanted):
                    file.write(part)
        except OSError as error:
            raise Invalid(f"{out} cannot be written ({error.strerror}): give another path") from error

    _as_owner(tenant, work)


def _as_owner(slug: str | None, work: Callable[[Pool, UUID], Awaitable[T]]) -> T:
    """Run `work` as the tenant named, else the default one, in transactions of its own."""

    async def with_pool(pool: Pool, settings: Settings) -> T:
        if slug is None:
            return await work(pool, (await tenants.ensure_default(pool, settings)).id)
        async with transaction(pool, None) as tx:
            found = await tenants.by_slug(tx, slug)
        if found is None or found.id == SYSTEM_TENANT:
            raise NotFound(f"there is no tenant {slug!r} of its own: `headwater tenants list` shows them")
        return await work(pool, found.id)

    return run(with_pool)
