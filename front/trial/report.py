"""What a trial found, as text."""

from __future__ import annotations

from typing import Any


def table(found: dict[str, Any]) -> str:
    """The report for people: time and bound, requests and limits, what the kills changed."""
    lines: list[str] = []
    for name in ("calm", "stormy"):
        if name in found:
            lines += [*_one(name, found[name]), ""]
    if "compared" in found:
        c = found["compared"]
        lines += [
            f"kills: billed twice {c['billed_twice']}, paid requests {c['paid_requests']} beside {c['paid_requests_calm']} "
            f"without kills (difference {c['difference']}, with an answer {c['paid_and_answered']}, unknown {c['unknown']}, "
            f"jobs given up and retried {c['retried']}, "
            f"lost answers had again for nothing {c['asked_again']}; "
            f"leads that lost an answer {c['leads_that_lost_an_answer']}, asked otherwise {c['leads_asked_otherwise']}, "
            f"of them without a loss {c['otherwise_without_a_loss']}): {'ok' if c['ok'] else 'BROKEN'}",
            f"the vendors' bill is {'no' if c['no_more_than_calm'] else 'A'} higher one than without kills, and differs by "
            f"{'no more' if c['within_the_unknowns'] else 'MORE'} than the unknowns",
            *c["twice"],
        ]
    return "\n".join(lines)


def _one(name: str, of: dict[str, Any]) -> list[str]:
    which = max(of["bounds"], key=of["bounds"].get)
    return [
        f"{name}: {of['companies']} companies in {of['seconds']:.1f} s, {of['ratio']:.2f} x the {of['bound_s']:.1f} s that "
        f"limits and latencies impose ({which}); {of['workers']} workers x {of['concurrency']} jobs, {of['kills']} kills",
        f"  sites: {', '.join(f'{k} {v}' for k, v in of['sites'].items())}",
        f"  paid requests {of['paid_requests']}; calls {', '.join(f'{k} {v}' for k, v in of['calls'].items())}",
        *(
            f"  {s['operation']:<24} asked {s['asked']:>5}  accepted {s['accepted']:>5}  units {s['units']:g}"
            for s in of["steps"]
        ),
        *(f"  {pace:<32} fullest window {w['most']:g} of {w['limit']:g}" for pace, w in of["over_limit"].items()),
    ]
