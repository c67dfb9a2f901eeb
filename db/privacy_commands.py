"""`headwater privacy`: a person's data, exported or erased, for whoever may read the database's URL."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.privacy import Erased, PersonExport, Who
from contracts.settings import Settings
from db import privacy, tenants
from db.terminal import JsonOption, operator, print_json, run
from db.transaction import Pool, transaction

privacy_app = typer.Typer(no_args_is_help=True, help="A person's data: export, erase.")

OwnerOption = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
EmailOption = Annotated[str | None, typer.Option("--email", help="The person's address.")]
PhoneOption = Annotated[str | None, typer.Option("--phone", help="The person's number, with its country code.")]
ContactOption = Annotated[UUID | None, typer.Option("--contact", help="Id of the contact.")]


@privacy_app.command("export")
def export_person(
    email: EmailOption = None, phone: PhoneOption = None, contact: ContactOption = None, tenant: OwnerOption = None
) -> None:
    """Everything that is stored about a person, as one JSON document."""

    async def work(pool: Pool, settings: Settings) -> PersonExport:
        who = _who(email, phone, contact)
        return await privacy.export(pool, await _owner(pool, settings, tenant), who, by=operator())

    print_json(run(work))


@privacy_app.command("erase")
def erase_person(
    email: EmailOption = None,
    phone: PhoneOption = None,
    contact: ContactOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="I mean it: this cannot be undone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, change nothing.")] = False,
    tenant: OwnerOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a person everywhere; only keyed hashes on the suppression list are left. Status 1 when anything still names them."""

    async def work(pool: Pool, settings: Settings) -> Erased:
        who = _who(email, phone, contact)
        if not (yes or dry_run):
            raise Invalid("erasing cannot be undone: look first with --dry-run, then say --yes", code="not_confirmed")
        return await privacy.erase(pool, await _owner(pool, settings, tenant), who, by=operator(), dry_run=dry_run)

    made = run(work)
    if json:
        print_json(made)
    else:
        for table, count in made.rows.items():
            typer.echo(f"{table}: {count} rows{' would be' if dry_run else ''} changed")
        typer.echo(f"suppression list: {made.suppressions} entries")
        for place, count in made.elsewhere.items():
            typer.echo(f"elsewhere, for you to erase: {count} {place.replace('_', ' ')}")
    if made.left:
        typer.echo(f"still named in: {', '.join(f'{t} ({n})' for t, n in made.left.items())}", err=True)
        raise typer.Exit(1)


def _who(email: str | None, phone: str | None, contact: UUID | None) -> Who:
    given: dict[str, Any] = {"email": email, "phone": phone, "contact_id": contact}
    try:
        return Who(**given)
    except ValidationError as error:
        raise Invalid(in_words(error.errors(include_url=False)[0]).replace("contact_id", "contact")) from None


async def _owner(pool: Pool, settings: Settings, slug: str | None) -> UUID:
    """The reserved tenant may be named: public tenders name officers, and stand there first."""
    if slug is None:
        return (await tenants.ensure_default(pool, settings)).id
    async with transaction(pool, None) as tx:
        found = await tenants.by_slug(tx, slug)
    if found is None:
        raise NotFound(f"there is no tenant {slug!r}: `headwater tenants list` shows them")
    return found.id
