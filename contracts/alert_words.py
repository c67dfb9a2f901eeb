"""What an alert says to a person: one sentence with its figures, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from contracts.alerts import Severity, Transition
from contracts.outgoing import Alert

_SEE_RUN = "look at `headwater runs show`"
#: rule -> its sentence; members of the evidence stand in braces.
_SENTENCES: Mapping[str, str] = {
    "run.consecutive_failures": f"{{failures}} runs in a row failed: {_SEE_RUN} for the newest, mend it, start one again",
    "run.slow": f"a run took {{duration_s}} s, usual are {{median_s}} s (median of {{n}}): {_SEE_RUN}",
    "run.running_long": "a run has been going for {duration_s} s, usual are {median_s} s (median of {n}): look at its timeline",
    "run.error_rate": f"{{errors}} of {{items}} items of a run failed: {_SEE_RUN}",
    "run.zero_records": f"a run found nothing, usual are {{median}} (median of {{n}}): {_SEE_RUN}, check its sources",
    "run.excess_records": f"a run went through {{items}} items, usual are {{median}} (median of {{n}}): {_SEE_RUN}",
    "run.late": "{n} runs have not begun, the oldest for {oldest_s} s: is a worker running? `headwater doctor`",
    "schedule.late": "a schedule is {late_s} s late, {failures} tries failed: `headwater schedules list`, `headwater doctor`",
    "schedule.failed": "what a schedule was to start was refused ({code}): correct it, `headwater schedules fires` says why",
    "slo.duration": "a job took {duration_s} s, {threshold_s} s are promised",
    "slo.error_rate": "{errors} of {items} items failed in {days} days, 1 % is promised",
    "slo.success_rate": "{failed} of {n} runs failed in {days} days, 99.9 % are to end well",
    "budget.nearly_spent": "{spent} of {limit} {unit} of a budget are spent: raise it or wait, `headwater vendors budgets`",
    "budget.spent": "a budget of {limit} {unit} is spent: raise it or wait, `headwater vendors budgets`",
    "dead_letters.open": "{n} dead letters wait for an answer: `headwater jobs list --dead-letters`",
    "outbox.age": "events have been due for {oldest_s} s: is a dispatcher running? `headwater doctor`",
    "alert.channel_failing": "alerts do not arrive by channel {channel}: {error}; try `headwater alerts test-delivery`",
}


class _Known(Formatter):
    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        value = kwargs.get(str(key), "?")
        return f"{value:g}" if isinstance(value, float) else value


def has_words(rule: str) -> bool:
    """Is there a sentence for it? Without one a summary only names the rule."""
    return rule in _SENTENCES


def summary(rule: str, scope: str, evidence: Mapping[str, Any]) -> str:
    """One sentence. A rule without words of its own is named."""
    sentence = _SENTENCES.get(rule)
    words = _Known().vformat(sentence, (), dict(evidence)) if sentence else rule.replace("_", " ").replace(".", ": ")
    return f"{scope}: {words}"[:1000]


def told(
    alert_id: str, rule: str, scope: str, severity: Severity, evidence: Mapping[str, Any], transition: Transition
) -> Alert:
    """The alert as it leaves the house: plain figures, the names of runs, and no lists."""
    plain = {name[:100]: value for name, value in evidence.items() if isinstance(value, str | int | float | bool)}
    return Alert(
        key=f"headwater:{alert_id}",
        summary=summary(rule, scope, evidence),
        severity=severity,
        component=rule[:300],
        details={"rule": rule, "scope": scope, **plain},
        resolved=transition == "resolved",
        event_id=f"{alert_id}:{transition}",
    )
