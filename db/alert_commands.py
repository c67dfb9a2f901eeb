"""`headwater alerts`: what wants a person's eye, who looks after it, where it is told. The trial: `worker.alert_commands`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError

from contracts.alerts import (
    SEVERITIES,
    AlertChannel,
    AlertChannelPage,
    AlertDetail,
    AlertList,
    CreateAlertChannel,
    NewAlertChannel,
)
from contracts.errors import Invalid, NotFound
from contracts.misfits import in_words
from contracts.settings import Settings
from contracts.webhook_endpoints import signing_secret
from db import alert_channels, alerts
from db.budget_commands import refused
from db.terminal import (
    JsonOption,
    TenantOption,
    as_owner,
    ask,
    operator,
    print_fields,
    print_json,
    print_table,
    wake_dispatchers,
)
from db.transaction import Tx

alerts_app = typer.Typer(no_args_is_help=True, help="Alerts: list, show, ack, resolve, channels, test-delivery.")
channels_app = typer.Typer(no_args_is_help=True, help="Where alerts are told: create, list, remove.")
alerts_app.add_typer(channels_app, name="channels")
Owner = Annotated[str | None, typer.Option("--tenant", help="Slug; the default tenant when absent.")]
AlertArgument = Annotated[UUID, typer.Argument(metavar="ALERT", help="Id from `alerts list`.")]
_LISTED = ("id", "severity", "state", "rule", "scope", "count", "last_seen")
_SHOWN = (
    "id", "summary", "severity", "state", "rule", "scope", "first_seen", "last_seen", "count", "acknowledged_by", "acknowledged_at",
    "resolved_at", "resolved_by", "evidence",
)  # fmt: skip
CHANNEL = (
    "id",
    "name",
    "kind",
    "place",
    "min_severity",
    "enabled",
    "failures",
    "last_error",
    "tested_at",
    "test_result",
)


@alerts_app.command("list")
def list_alerts(
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that are over, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    tenant: TenantOption = None,
    json: JsonOption = False,
) -> None:
    """Alerts, last seen first."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> AlertList:
        return AlertList(items=await alerts.standing(tx, tenants, resolved=resolved, limit=limit))

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    print_table(found.items, _LISTED, empty="no alert")


@alerts_app.command("show")
def show_alert(alert: AlertArgument, tenant: TenantOption = None, json: JsonOption = False) -> None:
    """One alert with its baseline, the runs behind it and where it was told."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> AlertDetail:
        return await alerts.show(tx, tenants, alert)

    found = ask(work, tenant)
    if json:
        print_json(found)
        return
    print_fields(found, _SHOWN)
    print_table(found.runs, ("id", "kind", "job", "status", "duration_s", "items", "errors"), empty="it names no run")
    print_table(
        found.deliveries, ("channel", "kind", "transition", "state", "attempts", "reason"), empty="told nowhere"
    )


@alerts_app.command("ack")
def acknowledge(alert: AlertArgument, tenant: TenantOption = None) -> None:
    """Say that somebody looks after it. It stays listed until it is resolved."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> bool:
        return any([await alerts.acknowledge(tx, owner, alert, by=operator()) for owner in tenants])

    if not ask(work, tenant):
        raise refused(NotFound(f"no open alert {alert}: `headwater alerts list` shows them"))
    typer.echo(f"{alert} is looked after")


@alerts_app.command("resolve")
def resolve(alert: AlertArgument, tenant: TenantOption = None) -> None:
    """Say that it is over. Should its condition still hold, it is opened anew at the next look."""

    async def work(tx: Tx, tenants: list[UUID], _: Settings) -> None:
        found = await alerts.show(tx, tenants, alert)
        await alerts.close(tx, found.tenant_id, alert, by=operator())

    ask(work, tenant)
    wake_dispatchers()
    typer.echo(f"{alert} is resolved")


@channels_app.command("create")
def create_channel(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    kind: Annotated[str, typer.Option(help="webhook, slack, pagerduty, email or sentry.")],
    url: Annotated[str | None, typer.Option(help="Of a webhook, also of Slack's.")] = None,
    secret_ref: Annotated[str | None, typer.Option(help="Name of the setting that holds the URL or key.")] = None,
    address: Annotated[str | None, typer.Option(help="Of an e-mail.")] = None,
    min_severity: Annotated[str, typer.Option(help=f"{', '.join(SEVERITIES)}.")] = "warning",
    tenant: Owner = None,
    json: JsonOption = False,
) -> None:
    """Have a tenant's alerts told somewhere. A webhook's signing secret is printed this once."""
    given = {"name": name, "kind": kind, "url": url, "secret_ref": secret_ref, "address": address}
    try:
        body = CreateAlertChannel.model_validate({**given, "min_severity": min_severity})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid(f"{'.'.join(map(str, first['loc'])) or 'channel'}: {in_words(first)}") from None

    async def work(tx: Tx, owner: UUID) -> NewAlertChannel:
        settings, secret = Settings(), None
        made = await alert_channels.create(tx, owner, body, settings, by=operator())
        if body.kind == "webhook" and body.url is not None:
            secret = signing_secret(settings.webhook_signing_key, owner, made.id, 1).get_secret_value()
        return NewAlertChannel(**made.model_dump(), signing_secret=secret)

    made = as_owner(tenant, work, or_system=True)
    print_json(made) if json else print_fields(made, (*CHANNEL, "signing_secret"))


@channels_app.command("list")
def list_channels(
    tenant: Owner = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    json: JsonOption = False,
) -> None:
    """Where a tenant's alerts are told, newest first."""

    async def work(tx: Tx, owner: UUID) -> list[AlertChannel]:
        return await alert_channels.list_(tx, owner, limit=limit)

    found = as_owner(tenant, work, or_system=True)
    if json:
        print_json(AlertChannelPage(items=found, next_cursor=None))
        return
    print_table(found, CHANNEL, empty="no channel yet: `headwater alerts channels create NAME --kind slack --url URL`")


@channels_app.command("remove")
def remove_channel(
    channel: Annotated[UUID, typer.Argument(metavar="CHANNEL", help="Id from `alerts channels list`.")],
    tenant: Owner = None,
) -> None:
    """Take it away, with the record of what it was told."""

    async def work(tx: Tx, owner: UUID) -> None:
        await alert_channels.remove(tx, owner, channel, by=operator())

    as_owner(tenant, work, or_system=True)
    typer.echo(f"{channel} is removed")
