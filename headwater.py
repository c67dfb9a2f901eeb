"""The front door: one command line. A command's module is imported when it is used, so that help comes at once."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

#: Command -> where it is, and what it does.
DOORS = {
    "demo": ("front.demo:demo", "Run the whole product once on this machine, show what it found, stop."),
    "up": ("front.up:up", "Run database, API and worker until Ctrl-C."),
    "doctor": ("front.doctor:doctor", "Look for what is wrong, and say how to mend it."),
    "api": ("api.commands:api", "Serve the API."),
    "worker": ("worker.commands:worker", "Run a worker: dispatcher, jobs, schedules, maintenance."),
    "sandbox": (
        "worker.commands:sandbox",
        "Run the vendor sandbox: every vendor's wire format over an invented world.",
    ),
    "bench": ("front.bench.command:bench", "Measure this machine, stock Procrastinate beside it."),
    "soak": ("front.soak.commands:soak", "Try to break every promise by storm, and prove that none broke."),
    "recovery": ("front.recovery.commands:recovery", "Let every fault fall, and show how soon all work is done again."),
    "trial": ("front.trial.command:trial", "Enrich many companies over the sandbox: time, limits, kills, the bill."),
    "runs": ("db.run_commands:runs_app", "Runs: create, list, show, timeline, records, cancel, verify, replay."),
    "discover": ("db.discover_command:discover", "Run the daily discovery by hand: --dry-run or --real."),
    "schedules": (
        "db.schedule_commands:schedules_app",
        "Schedules: list, next, fires, create, change, pause, resume, delete.",
    ),
    "nightly": ("db.night_commands:nightly", "Run tenants' nights: nine steps from the register to the CRM."),
    "shortlists": ("db.night_commands:shortlists_app", "Shortlists: what a night brought, as table, JSON or CSV."),
    "opportunities": ("db.opportunity_commands:opportunities_app", "Public tenders: fetch, list, last."),
    "icp": ("db.profile_commands:icp_app", "ICP profiles: whom a tenant wants as customers."),
    "queries": ("db.query_commands:queries_app", "Discovery queries: what runs look for that name nothing."),
    "staging": ("db.staging_commands:staging_app", "The company register in staging: import, pull, status."),
    "leads": ("front.lead_door:leads_app", "Leads: list, show, enrich, score, feedback, replay, backtest."),
    "models": ("db.model_commands:models_app", "Model versions: train, judge, promote, roll back, share out."),
    "messages": ("db.message_commands:messages_app", "Messages: list, show, approve, reject, settings."),
    "suppressions": ("db.suppression_commands:suppressions_app", "Suppressions: add, check, list, remove."),
    "privacy": ("db.privacy_commands:privacy_app", "A person's data: export, erase."),
    "import": (
        "db.import_commands:import_app",
        "Files in: companies, leads, orders, stock, samples, suppressions; list, show.",
    ),
    "export": ("db.import_commands:export_app", "Files out: companies, leads, suppressions."),
    "webhooks": ("db.webhook_commands:webhooks_app", "Webhooks of tenants: create, list, change, rotate, remove."),
    "streams": ("worker.stream_commands:streams_app", "JetStream: which facts go there; set, off, list, setup."),
    "companies": ("db.company_commands:companies_app", "Companies: list, show, find duplicates in files."),
    "matches": ("db.match_commands:matches_app", "Likely duplicates: list, merge, reject, undo, scan."),
    "survivorship": (
        "db.survivorship_commands:survivorship_app",
        "Survivorship: show, set which source's value stands.",
    ),
    "crm": ("worker.crm_commands:crm_app", "The CRM: connection, policy, sync, links, pushes."),
    "accounts": (
        "db.account_commands:accounts_app",
        "Customers, stock, samples, triggers; invented ones to measure with.",
    ),
    "analytics": ("db.analytics_commands:analytics_app", "Daily figures: rollup, show, funnel."),
    "waterfalls": ("db.waterfall_commands:waterfalls_app", "Waterfalls: in which order vendors are asked, and why."),
    "outbox": (
        "db.outbox_commands:outbox_app",
        "The outbox: what waits and why, what was sent, replay and undo, pause.",
    ),
    "jobs": ("db.jobs_commands:jobs_app", "Jobs: run one, where they stand, what they ended in, retry, cancel."),
    "vendors": ("db.vendor_commands:vendors_app", "Vendors: who can be asked, what it cost, budgets, lost answers."),
    "limits": ("db.limit_commands:limits_app", "Limits: jobs at once, starts a second, pauses."),
    "alerts": ("worker.alert_commands:alerts_app", "Alerts: list, show, ack, resolve, channels, test-delivery."),
    "tenants": ("db.tenant_commands:tenants_app", "Tenants: create, list, show, suspend, resume, close, quotas."),
    "retention": ("db.retention_commands:retention_app", "Retention: how long rows of each table stay."),
    "users": ("db.access_commands:users_app", "Users: create, list, disable, set a password."),
    "keys": ("db.access_commands:keys_app", "API keys: create, list, revoke."),
    "db": ("db.commands:app", "The database: migrate, status, url, serve, dump."),
    "openapi": ("api.commands:openapi", "Print the OpenAPI document."),
}


class Doors(TyperGroup):
    """Commands by name, imported one at a time."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(DOORS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in DOORS:
            return None
        where, what = DOORS[cmd_name]
        module, _, attribute = where.partition(":")
        behind = getattr(import_module(module), attribute)
        # A group of one: typer makes commands only inside of one.
        around = typer.Typer(add_completion=False, rich_markup_mode=None)
        around.callback()(lambda: None)
        if isinstance(behind, typer.Typer):
            around.add_typer(behind, name=cmd_name, help=what)
        else:
            around.command(cmd_name)(behind)
        group = typer.main.get_command(around)
        return group.get_command(ctx, cmd_name) if isinstance(group, TyperGroup) else None

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, what) for name, (_, what) in DOORS.items()])


app = typer.Typer(
    name="headwater",
    cls=Doors,
    help="Finds, enriches, scores and hands over sales leads, on nothing but Postgres.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
#: Commands that bring their own logging, or report bad settings as a finding.
QUIET = ("demo", "doctor")


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"headwater {version('headwater')}")
        raise typer.Exit


@app.callback()
def _before(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand in QUIET:
        return
    from contracts.settings import Settings
    from front.logs import configure_logging

    settings = Settings()
    configure_logging(settings, f"headwater-{context.invoked_subcommand or 'cli'}")
    if settings.otel_exporter_otlp_endpoint:
        from db import tracing

        tracing.arm(settings, f"headwater-{context.invoked_subcommand or 'cli'}")
    if settings.headwater_faults:
        from db import faults

        faults.arm(settings.headwater_faults)


def _end_as_by_ctrl_c() -> None:
    # SIGTERM and a closed terminal would leave throw-away folders behind. What nohup ignores stays ignored.
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _check_words() -> None:
    from contracts.errors import Invalid

    for number, word in enumerate(sys.argv[1:], 1):
        if not word.isascii() and any("\ud800" <= c <= "\udfff" for c in word):
            raise Invalid(f"word {number} of the command is not UTF-8: type it again, or set a UTF-8 locale")


def main() -> None:
    """Run a command. A failure we know is one line saying the next step, on stderr, exit status 1; bad words or settings: 2."""
    from contracts.errors import HeadwaterError, Invalid
    from front import lifeline

    _end_as_by_ctrl_c()
    if lifeline.VARIABLE in os.environ:
        lifeline.hold()
    try:
        _check_words()
        app(prog_name="headwater")
    except HeadwaterError as error:
        typer.echo(f"headwater: {error.detail}", err=True)
        sys.exit(2 if isinstance(error, Invalid) else 1)
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError) or error.title != "Settings":
            raise
        from front.logs import settings_problems

        for line in settings_problems(error):
            typer.echo(f"headwater: {line}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
