"""alerts.evaluate holds a run that ended against its like; alert.deliver tells one channel; alert.test tries one.

A delivery is noted before it goes out and after, so that an alert's end is told where its beginning was, and never before it.
A process that dies in between sends again, under the same event id (docs/decisions/0030-alerts.md).
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import structlog

from contracts import alert_rules
from contracts.alert_words import told
from contracts.alerts import AlertWay
from contracts.errors import HeadwaterError, Unavailable, VendorBusy
from contracts.jobs import DeliverAlert, EvaluateAlerts, Payload, TryAlertChannel
from contracts.outgoing import Alert
from db import alert_channels, alert_runs, alerts
from db.transaction import Tx
from worker.context import Context, Stopped

log = structlog.get_logger("worker")
#: How long the end of an alert waits for its beginning to have been told, in seconds.
AFTER_S = 2.0


async def evaluate(ctx: Context, args: EvaluateAlerts) -> None:
    """Open and resolve what the end of a run decides."""
    async with ctx.read() as tx:
        subject = await alert_runs.subject(tx, ctx.tenant, args.run_id)
    run = next((each for each in subject.history if each.id == args.run_id), None) if subject else None
    findings = []
    if subject is not None and run is not None:
        findings = alert_rules.look(run, subject.history, subject.month, is_business_job=subject.is_business_job)
    async with ctx.write() as tx:
        if subject is None:
            return
        is_newest = subject.history[:1] == [run]
        for each in findings:
            if each.bad:
                evidence = {**each.evidence, "kind": subject.scope, "detected_after_s": round(subject.ago_s, 3)}
                await alerts.raise_(tx, ctx.tenant, each.rule, subject.scope, each.severity, evidence)
            elif is_newest:
                # An older run says nothing about what a newer one opened.
                await alerts.resolve(tx, ctx.tenant, each.rule, subject.scope)


async def deliver(ctx: Context, args: DeliverAlert) -> None:
    """Tell one channel that an alert was opened, or is over: once.

    Raises: what the channel raises; VendorBusy while the end of an alert waits for its beginning.
    """
    which = (ctx.tenant, args.alert_id, args.channel_id)
    # Fenced: what was given up meanwhile would be under way again, with nobody to end it.
    async with ctx.step() as tx:
        found = await alert_channels.way(tx, ctx.tenant, args.channel_id)
        alert = await alert_channels.alert(tx, ctx.tenant, args.alert_id)
        opened = await alert_channels.state(tx, *which, "opened")
        if args.transition == "resolved" and opened == "sending":
            raise VendorBusy("its beginning is being told", after_s=AFTER_S, vendor="alerts")
        skip = _why_not(args, found, opened)
        begun = skip is None and alert is not None and await alert_channels.begin(tx, *which, args.transition)
    if not begun or found is None or alert is None:
        async with ctx.write() as tx:
            if await alert_channels.state(tx, *which, args.transition) in (None, "sending"):
                reason = skip or "it was over before it could be told"
                await alert_channels.end(tx, *which, args.transition, "skipped", reason)
        return
    words = told(str(alert.id), alert.rule, alert.scope, alert.severity, alert.evidence, args.transition)
    await ctx.ports.tell(found[0], words, ctx.pacer, attempt=ctx.attempt)
    async with ctx.write() as tx:
        await alert_channels.end(tx, *which, args.transition, "sent")


def _why_not(args: DeliverAlert, found: tuple[AlertWay, bool] | None, opened: str | None) -> str | None:
    if found is None:
        return "the channel is gone"
    if not found[1]:
        return "the channel is switched off"
    if args.transition == "resolved" and opened != "sent":
        return "its beginning was not told here"
    return None


async def deliver_stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """A delivery that was given up stands on its channel, and opens an alert told on the others."""
    assert isinstance(args, DeliverAlert)
    how: Literal["skipped", "dead"] = "skipped" if why.state == "cancelled" else "dead"
    await alert_channels.end(tx, tenant, args.alert_id, args.channel_id, args.transition, how, why.error)


async def try_channel(ctx: Context, args: TryAlertChannel) -> None:
    """Send a trial to a channel, also one that is switched off, and note what came of it. A refusal is a result."""
    async with ctx.read() as tx:
        found = await alert_channels.way(tx, ctx.tenant, args.channel_id)
    if found is not None:
        try:
            await ctx.ports.tell(found[0], trial(args.probe_id), ctx.pacer, attempt=ctx.attempt)
            result = "delivered"
        except HeadwaterError as error:
            if isinstance(error, Unavailable) or error.code == "paced":
                raise  # that tells nothing of the channel: it is tried later
            result = error.detail
    async with ctx.write() as tx:
        if found is not None:
            await alert_channels.note_test(tx, ctx.tenant, args.channel_id, result)


def trial(probe_id: UUID) -> Alert:
    """What is sent to try a channel."""
    return Alert(
        key=f"headwater:test:{probe_id}",
        summary="a trial: somebody wants to know whether alerts arrive here, and they do",
        severity="info",
        component="test",
        event_id=f"test:{probe_id}",
    )


async def test_stopped(tx: Tx, tenant: UUID, args: Payload, why: Stopped) -> None:
    """The test could not be done at all."""
    assert isinstance(args, TryAlertChannel)
    await alert_channels.note_test(tx, tenant, args.channel_id, why.error)


async def stopped(_tx: Tx, _tenant: UUID, _args: Payload, why: Stopped) -> None:
    """A look that could not be taken: the dead letter says so."""
    log.error("alerts_not_evaluated", error=why.error)
