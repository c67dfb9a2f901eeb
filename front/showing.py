"""What the demo prints: each step in a sentence, then what came of it. Plain lines where there is no terminal."""

from __future__ import annotations

import json
import shutil
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

WIDEST = 100
#: How many leads the table shows before it only counts: merged ones, then others.
SHOWN_MERGED, SHOWN_SINGLE = 16, 9
EXPLAINED = {
    "sandbox": "{}  plays the vendors, so that no key is needed",
    "worker": "moves events to the queue and runs jobs, a few at a time",
}


class Show:
    """The demo's voice. Times are seconds since `began` (monotonic)."""

    def __init__(self, began: float) -> None:
        console = Console(highlight=False)
        width = min(WIDEST, console.width) if console.is_terminal else WIDEST
        self._console = Console(highlight=False, width=width)
        self._began, self._step = began, 0

    def _say(self, text: str = "") -> None:
        self._console.print(text, soft_wrap=True)

    def _next(self, title: str, explained: str) -> None:
        self._step += 1
        self._say()
        self._say(f"[bold]{self._step}. {title}[/bold]   [dim]{time.monotonic() - self._began:.1f} s[/dim]")
        for line in explained.splitlines():
            self._say(f"   [dim]{line.strip()}[/dim]")

    def _fact(self, name: str, text: object) -> None:
        self._say(f"   {name:<12} {escape(str(text))}")

    def opening(self) -> None:
        self._say("[bold]Headwater demo[/bold]: one REST call becomes leads, on nothing but Postgres.")
        self._say("[dim]API -> outbox -> queue -> worker -> vendors -> leads[/dim]")
        self._next("Start", "Each part is a process of its own; any number of them may run on any number of hosts.")

    def started(self, part: str, what: str) -> None:
        """A part of the installation is there."""
        self._fact(part, EXPLAINED.get(part, "{}").format(what))

    def logged_in(self, email: str, tenant: str) -> None:
        self._next("Log in", "POST /v1/auth/login gives a short-lived token; Postgres itself keeps tenants apart.")
        self._fact("user", f"{email}, owner of tenant {tenant}")

    def asked(self, body: object, run: dict[str, Any], refused: str) -> None:
        self._next("Ask for a run", "The API commits the run and its event in one transaction, and answers at once.")
        first, *more = textwrap.wrap(f"POST /v1/discovery/runs {json.dumps(body)}", 84)
        self._fact("request", first)
        for line in more:
            self._fact("", line)
        self._fact("answer", f"202, run {run['id']} is {run['status']}")
        self._fact("mishap", f"the sandbox was told to refuse every search of channel {refused} (432, plan limit)")

    @contextmanager
    def watching(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Gives a function to call with the run whenever it has changed."""
        self._next("Watch", "GET /v1/discovery/runs/ID/events streams progress: slices are channel x query.")
        if not self._console.is_terminal:
            yield lambda run: self._say("   " + _progress(run))
            return
        last = ""
        with self._console.status("waiting") as status:

            def update(run: dict[str, Any]) -> None:
                nonlocal last
                last = _progress(run)
                status.update(last)

            yield update
        self._say("   " + last)

    def leads(self, leads: list[dict[str, Any]], run: dict[str, Any]) -> None:
        merged = sum(len(lead["sources"]) > 1 for lead in leads)
        self._next(
            f"Found: {len(leads)} leads",
            f"""GET /v1/leads. {run["counts"]["discovered"]} records led to them: {merged} companies were found by more
            than one channel and merged, by registry number, domain, or name and country.""",
        )
        table = Table(box=None, pad_edge=False, header_style="bold")
        # What is left beside country, sources and the gaps; rich would cut the last columns first.
        room = self._console.width - 3 - 7 - 16 - 6
        for column, width in (("company", room * 6 // 10), ("country", 7), ("domain or registry id", room * 4 // 10)):
            table.add_column(column, max_width=width, no_wrap=True)
        table.add_column("sources", no_wrap=True)
        shown = _some(leads)
        for lead in shown:
            known_by = lead["domain"] or lead["registry_id"] or "-"
            cells = (lead["company_name"], lead["country"] or "-", known_by, ", ".join(sorted(lead["sources"])))
            table.add_row(*map(escape, cells), style="bold" if len(lead["sources"]) > 1 else "")
        self._console.print(Padding(table, (0, 0, 0, 3)))
        if len(leads) > len(shown):
            self._say(f"   and {len(leads) - len(shown)} more")

    def failures(self, run: dict[str, Any]) -> None:
        self._next("What went wrong", "A channel that fails is named, and holds up no other: the run ends partial.")
        # A breaker that opens between two slices adds its own words to the same failure: the first message tells it.
        failed: dict[tuple[str, str], list[str]] = {}
        for error in run["stats"]["errors"]:
            failed.setdefault((error.get("channel", "run"), error["type"]), []).append(error["message"])
        for (channel, _), messages in failed.items():
            first, *more = textwrap.wrap(f"({len(messages)} slices) {messages[0]}", 110)
            self._say(f"   [red]{escape(channel):<12}[/red] {escape(first)}")
            for line in more:
                self._say(f"   {'':<12} {escape(line)}")

    def stats(self, run: dict[str, Any]) -> None:
        self._next("The run's stats", "They stand on the run's row, written in the transaction that ended it.")
        stats = run["stats"]
        self._fact("status", f"{run['status']} after {stats['durationMs'] / 1000:.1f} s")
        self._fact("channels", ", ".join(f"{name} {n}" for name, n in stats["channelResults"].items()))
        for thing in ("companies", "contacts", "leads"):
            self._fact(thing, f"{stats[f'{thing}Created']} created, {stats[f'{thing}Skipped']} skipped")
        self._fact("vendor calls", run["counts"]["api_calls"])

    def scored(self, leads: list[dict[str, Any]], profile: str, drafts: list[dict[str, Any]]) -> None:
        self._next(
            f"Qualified: {len(leads)} leads, by profile {profile!r}",
            """POST /v1/leads/enrichments. Their sites are read, vendors asked where something is missing, and what is known is
            weighed by the profile's rules: every score says what it is made of.""",
        )
        for lead in leads:
            score = lead["latest_score"]
            who = lead["contact_name"] or "nobody found"
            said = f"{score['score']:.2f} {score['band']:<6} {lead['company_name'][:38]:<38}  {who[:24]}"
            self._say(f"   [bold]{escape(said)}[/bold]")
            for line in textwrap.wrap(score["rationale"] or "", 92)[:2]:
                self._say(f"   {'':<11} [dim]{escape(line)}[/dim]")
        if drafts:
            written = f"wait for a person's yes; to {drafts[0]['contact_name']}: {drafts[0]['body']}"
            first, *more = textwrap.wrap(written, 92)
            self._fact(f"{len(drafts)} drafts", first)
            for line in more:
                self._say(f"   {'':<12} {escape(line)}")

    def outbox(self, stats: dict[str, Any]) -> None:
        self._next("The outbox", "GET /v1/outbox/stats. Every event left it once; jobs that gave up wait for you.")
        self._fact("waiting", ", ".join(f"{state} {n}" for state, n in stats["counts"].items()))
        sent = round(stats["rates"][-1]["sent_per_s"] * stats["rates"][-1]["window_s"])
        self._fact("handed off", f"about {sent} events in the last hour")
        self._fact("queue", ", ".join(f"{state} {n}" for state, n in stats["queue"].items()))
        letters = stats["dead_letters_open"]
        self._fact("dead letters", f"{letters['job']} jobs, {letters['event']} events  (headwater jobs retry ID)")

    def lead_story(self, lead: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self._next(
            f"How one lead came about: {lead['company_name']}",
            "GET /v1/outbox/events/ID shows what an event led to: event -> job -> vendor call -> rows -> next event.",
        )
        begin = datetime.fromisoformat(events[0]["created_at"])
        for event in events:
            for moment in event["timeline"]:
                at = (datetime.fromisoformat(moment["at"]) - begin).total_seconds()
                self._say(f"   {at:+8.3f} s  {escape(event['type']):<15} {escape(moment['text'])}")
            for done in event["executions"]:
                for rows in done["produced"]:
                    named = ", ".join(f"{status.lower()} {n}" for status, n in rows["by_status"].items())
                    said = f"{done['job']} wrote {rows['count']} {rows['kind']}" + (f" ({named})" if named else "")
                    self._say(f"   {'':>10}  {'':<15} {escape(said.replace('_', ' '))}")
            if event["routes"] == 0:
                self._say(f"   {'':>10}  {'':<15} no job follows from it")
        for record in sorted(lead["discovery_records"], key=lambda r: str(r["created_at"])):
            became = "the lead's first record" if record["status"] == "DISCOVERED" else "merged into the same company"
            at = (datetime.fromisoformat(record["created_at"]) - begin).total_seconds()
            self._say(f"   {at:+8.3f} s  {escape(record['source']):<15} {escape(record['external_id'][:48])}: {became}")

    def proof(self, everything: dict[str, Any], run: dict[str, Any]) -> None:
        self._next("Proof", "headwater outbox verify, headwater runs verify ID: both sides of every hop are counted.")
        for name, checked in (("outbox", everything), ("run", run)):
            word = "[green]ok[/green]" if checked["ok"] else "[red]NOT ok[/red]"
            counts = ", ".join(f"{key} {checked[key]}" for key in ("events", "jobs", "lost", "doubled"))
            self._say(f"   {name:<12} {word}: {counts}")

    def closing(self, broken: list[str], kept: Path | None) -> None:
        """The end: `broken` = promises that were not kept, `kept` = where the database stays, if it does."""
        self._say()
        took = f"{time.monotonic() - self._began:.1f} s"
        if broken:
            self._say(f"[red]Not everything that was promised was shown.[/red] All processes are stopped. {took}")
            return
        left = f"the database stays in {kept}" if kept else "nothing is left behind"
        self._say(f"All processes are stopped, {left}. {took}")
        program = "headwater" if shutil.which("headwater") else ".venv/bin/headwater"
        self._say(
            f"Next: [bold]make up[/bold] leaves it running on port 5050; [bold]{program} --help[/bold] lists the rest."
        )


def _some(leads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged = [lead for lead in leads if len(lead["sources"]) > 1]
    single = [lead for lead in leads if len(lead["sources"]) == 1]
    return merged[:SHOWN_MERGED] + single[:SHOWN_SINGLE]


def _progress(run: dict[str, Any]) -> str:
    slices = run["slices"] or []
    closed = len(slices) - run["open_slices"]
    counts = run["counts"]
    failed = sorted({s["channel"] for s in slices if s["error"]})
    return (
        f"{run['status']:<9} {closed:>2} of {len(slices):>2} slices  {counts['discovered']:>4} records  "
        f"{counts['leads_created']:>3} leads" + (f"  failing: {', '.join(failed)}" if failed else "")
    )
