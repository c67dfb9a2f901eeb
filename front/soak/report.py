"""The report of a soak as a table."""

from __future__ import annotations

from typing import Any


def table(report: dict[str, Any]) -> str:
    """Markdown: what was done to it, what came of it, and what does not hold."""
    lines = [
        f"soak, seed {report['seed']}: {'everything holds' if report['ok'] else 'NOT everything holds'}",
        "",
        "| what | number |",
        "|---|---|",
    ]
    lines += [f"| {name} | {value} |" for name, value in _rows(report)]
    if report["findings"]:
        lines += ["", "What does not hold:", "", *[f"- {each}" for each in report["findings"]]]
        lines += [
            "",
            f"The same storm again: headwater soak --seed {report['seed']} --minutes {report['minutes']:g} --keep",
        ]
    return "\n".join(lines)


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    hits, verify, runs, paid, said = (report[name] for name in ("hits", "verify", "runs", "paid", "said"))
    left, listeners = report["left"], hits.get("half-open listener", 0)
    restarts = f"{hits.get('restart', 0)} ({report['recoveries']}; longest stop {report['longest_stop_s']} s"
    restarts += f", start {report['longest_start_s']} s)"
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(report["kinds"].items(), key=lambda each: -each[1]))
    return [
        ("server", report["server"]),
        ("storm, drain, all", f"{report['storm_s']:.0f} s, {report['drain_s']:.0f} s, {report['took_s']:.0f} s"),
        ("events committed", f"{report['events']:,} ({kinds})"),
        ("events rolled back on purpose", f"{said['rolled_back']:,}"),
        ("events a second, over the storm", f"{report['events_per_s']:,.0f}"),
        ("business rows written", f"{report['effects']:,} + {report['touches']:,} of coalesced jobs"),
        ("absorbed", f"{report['absorbed']:,}"),
        ("**lost, doubled, without a cause, too early**",
         f"**{report['lost']}, {report['doubled']}, {report['ghost']}, {report['early']}**"),
        ("outbox verify: lost, doubled, orphaned", f"{verify['lost']}, {verify['doubled']}, {verify['orphaned']}"),
        ("SIGKILL of workers, dispatchers",
         f"{hits.get('kill worker', 0) + hits.get('kill dispatcher', 0):,}"
         f" ({hits.get('kill worker', 0)}, {hits.get('kill dispatcher', 0)})"),
        ("SIGKILL of producers, APIs", f"{hits.get('kill producer', 0)}, {hits.get('kill api', 0)}"),
        ("immediate restarts of Postgres (recoveries)", restarts),
        ("SIGSTOP past the lease", str(hits.get("freeze", 0))),
        ("connections cut, half-open, of them listeners",
         f"{hits.get('cut', 0)}, {hits.get('half-open', 0) + listeners}, {listeners}"),
        ("sessions terminated", str(hits.get("terminated session", 0))),
        ("notifications dropped", f"{report['notifications_dropped']:,} in {hits.get('deaf', 0)} periods"),
        ("delayed periods, vendor faults", f"{hits.get('delay', 0)}, {hits.get('vendor fault', 0)}"),
        ("rescued executions, of them falsely", f"{report['rescued']:,}, {report['false_rescues']:,}"),
        ("stale finishes, fenced writes, deadlocks",
         f"{said['stale_finishes']:,}, {said['fenced_writes']:,}, {said['deadlocks']:,}"),
        ("quarantined, dead, retried by hand",
         f"{report['quarantined']}, {report['dead']}, {report['retried']} (not retried: {report['not_retried'] or 'none'})"),
        ("runs asked for, requests", f"{runs['asked']}, {runs['requests']} ({runs['by_status']})"),
        ("runs verify: broken", str(runs["broken"])),
        ("**billed twice**",
         f"**{paid['twice']}** of {paid['credits']:.0f} credits (ledger: {paid['ledger']['units']:.0f};"
         f" {paid['ledger']['forfeited']} calls forfeited)"),
        ("processes that ended by themselves", str(report["ends"] or "none")),
        ("longest time without a job done", f"{report['longest_gap_s']:.1f} s"),
        ("left behind: sessions, files, processes", f"{left['sessions']}, {left['files']}, {left['processes']}"),
    ]  # fmt: skip
