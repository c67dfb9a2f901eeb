"""The table of recovery."""

from __future__ import annotations

from collections.abc import Sequence

from front.recovery.trial import Result

HEAD = (
    "| fault | trials | recovered within 30 s | median, longest (s after its end) | lost | doubled | stale finishes accepted | "
    "by hand | rescued, falsely |"
)


def table(results: Sequence[Result]) -> str:
    """Markdown, a row a cell."""
    lines = [HEAD, "|" + "---|" * (HEAD.count("|") - 1)]
    for each in results:
        if each.skipped:
            lines.append(f"| {each.what} | skipped: {each.skipped} | | | | | | | |")
            continue
        said = each.as_dict()
        took = f"{said['median_s']}, {said['max_s']}"
        told = (
            each.what,
            each.trials,
            each.recovered,
            took,
            each.lost,
            each.doubled,
            each.stale_accepted,
            each.by_hand,
        )
        lines.append(f"| {' | '.join(map(str, told))} | {each.rescued}, {each.false_rescues} |")
    for each in results:
        if each.detected_s:
            said = each.as_dict()
            lines += ["", f"From SIGKILL until the job runs elsewhere, {len(each.detected_s)} jobs of {each.trials} kills: p50 "
                      f"{said['detected_p50_s']} s, longest {said['detected_max_s']} s."]  # fmt: skip
    return "\n".join(lines)
