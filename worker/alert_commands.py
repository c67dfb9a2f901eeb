"""`headwater alerts test-delivery`: not in `db` because it asks the channel itself, whether or not a worker runs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from contracts.alerts import AlertChannel
from contracts.errors import HeadwaterError, NotFound
from contracts.settings import Settings
from db import alert_channels, tenants
from db.alert_commands import CHANNEL, Owner, alerts_app
from db.ids import new_id
from db.terminal import JsonOption, print_fields, print_json, run
from db.transaction import Pool, transaction
from worker.alerting.jobs import trial
from worker.providers.alert_post import tell

__all__ = ["alerts_app"]


@alerts_app.command("test-delivery")
def deliver_trial(
    channel: Annotated[UUID, typer.Argument(metavar="CHANNEL", help="Id from `alerts channels list`.")],
    tenant: Owner = None,
    json: JsonOption = False,
) -> None:
    """Send a trial to a channel and note what came of it. Exit status 1 when it did not arrive."""

    async def work(pool: Pool, settings: Settings) -> AlertChannel:
        async with transaction(pool, None) as tx:
            owner = await tenants.by_slug(tx, tenant or settings.default_tenant_slug)
        if owner is None:
            raise NotFound("there is no such tenant: `headwater tenants list` shows them")
        async with transaction(pool, owner.id, read_only=True) as tx:
            found = await alert_channels.way(tx, owner.id, channel)
        if found is None:
            raise NotFound(
                f"no channel {channel}: `headwater alerts channels list` shows them", code="channel_not_found"
            )
        try:
            await tell(settings, found[0], trial(new_id()))
            result = "delivered"
        except HeadwaterError as error:
            result = error.detail
        async with transaction(pool, owner.id) as tx:
            await alert_channels.note_test(tx, owner.id, channel, result)
            return await alert_channels.show(tx, owner.id, channel)

    made = run(work)
    print_json(made) if json else print_fields(made, CHANNEL)
    if made.test_result != "delivered":
        raise typer.Exit(1)
