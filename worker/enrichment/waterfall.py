"""Which vendor to ask next for a field: order, acceptance, cost cap and shadow, as pure functions.

Vendors that answer independently of each other are cheapest asked in ascending order of cost / probability of acceptance, stopping
at the first accepted answer (the sequential testing of a parallel system). The probability is estimated from what became of earlier
questions, smoothed by one success and one failure (Beta(1, 1)); in a small share of rows it is drawn from that distribution
instead (Thompson sampling), so that a vendor with bad luck is tried again. The cost is the mean of what was paid for earlier
questions, and of `PRIOR` more at the list price.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: Share of rows whose order is drawn instead of taken from the mean.
EXPLORE = 0.05
#: As many questions at the list price count among those that were paid: more than these outweigh it.
PRIOR = 10
StepOutcome = Literal["accepted", "rejected", "miss", "suppressed", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one operation for one field: questions answered, answers accepted, those that were bought rather than read
    from the ledger, and what these cost in US dollars.
    """

    asked: int = 0
    accepted: int = 0
    bought: int = 0
    cost_usd: float = 0.0

    @property
    def chance(self) -> float:
        """The smoothed probability that its answer is accepted."""
        return (self.accepted + 1) / (self.asked + 2)

    def price_usd(self, list_usd: float) -> float:
        """What a question costs on average: as it was paid, and at the list price while few were."""
        return (PRIOR * list_usd + self.cost_usd) / (PRIOR + self.bought)


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that can be asked for a field: the list price of a question, and of one of its units (US dollars)."""

    operation: str
    cost_usd: float
    unit_usd: float = 0.0


def luck_of(*what: object) -> random.Random:
    """The same luck for the same row and field, so that a job that starts again asks in the same order and pays nothing twice."""
    seed = hashlib.sha256("\x1f".join(map(str, what)).encode()).digest()
    return random.Random(seed)  # noqa: S311


def rank(steps: Sequence[Step], tried: Mapping[str, Tried]) -> list[Step]:
    """`steps` by ascending cost / chance, free ones first; equals keep the order given."""
    return sorted(steps, key=lambda step: _price(step, tried) / tried.get(step.operation, Tried()).chance)


def explored(
    steps: Sequence[Step], tried: Mapping[str, Tried], luck: random.Random, share: float = EXPLORE
) -> list[Step] | None:
    """In a `share` of rows another order, with chances drawn from what is known; None in the others."""
    if luck.random() >= share:
        return None
    drawn = {step.operation: _drawn(tried.get(step.operation, Tried()), luck) for step in steps}
    return sorted(steps, key=lambda step: _price(step, tried) / drawn[step.operation])


def affordable(worst_usd: float, spent_usd: float, cap_usd: float) -> bool:
    """May this row still pay for a question that costs `worst_usd` at most? Free ones always."""
    return worst_usd <= 0 or spent_usd + worst_usd <= cap_usd


def worth_it(step: Step, tried: Mapping[str, Tried], value_usd: float) -> bool:
    """Is the field worth more than the question costs, by its chance? Below break-even a vendor is not asked."""
    price = _price(step, tried)
    return price <= 0 or value_usd * tried.get(step.operation, Tried()).chance >= price


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an order would cost a row, in US dollars, and the probability that it ends with an accepted answer."""

    cost_usd: float
    found: float


def expect(order: Iterable[Step], tried: Mapping[str, Tried], known: Mapping[str, bool] | None = None) -> Expectation:
    """Walk `order` in expectation. `known`: what became of operations that this row did ask (True = accepted)."""
    cost, reached = 0.0, 1.0
    for step in order:
        cost += reached * _price(step, tried)
        known_here = (known or {}).get(step.operation)
        chance = float(known_here) if known_here is not None else tried.get(step.operation, Tried()).chance
        reached *= 1 - chance
    return Expectation(cost, 1 - reached)


@dataclass(frozen=True, slots=True)
class Pair:
    """One row under both orders: what the active one cost and found, what the shadow one would have."""

    active_usd: float
    active_found: float
    shadow_usd: float
    shadow_found: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a SHADOW order may become ACTIVE, and why (not). `saving_usd` a row, with its 90 % interval."""

    ready: bool
    why: str
    rows: int
    saving_usd: float = 0.0
    low_usd: float = 0.0
    high_usd: float = 0.0


def judge(pairs: Sequence[Pair], *, least: int = 50, rounds: int = 400) -> Judgement:
    """Promote only a saving that is real (paired bootstrap, 90 % interval above 0) and costs at most one answer in a hundred."""
    n = len(pairs)
    if n < least:
        return Judgement(False, f"{n} of {least} rows seen", n)
    savings = [p.active_usd - p.shadow_usd for p in pairs]
    luck = luck_of("bootstrap", n)
    means = sorted(sum(luck.choices(savings, k=n)) / n for _ in range(rounds))
    low, high, mean = means[int(0.05 * rounds)], means[int(0.95 * rounds) - 1], sum(savings) / n
    lost = sum(p.active_found - p.shadow_found for p in pairs) / n
    if lost > 0.01:
        return Judgement(False, f"it would find {lost:.1%} fewer", n, mean, low, high)
    if low <= 0:
        return Judgement(False, "its saving may be chance", n, mean, low, high)
    return Judgement(True, f"it saves {mean:.4f} USD a row", n, mean, low, high)


def _price(step: Step, tried: Mapping[str, Tried]) -> float:
    return tried.get(step.operation, Tried()).price_usd(step.cost_usd)


def _drawn(of: Tried, luck: random.Random) -> float:
    return max(luck.betavariate(of.accepted + 1, of.asked - of.accepted + 1), 1e-6)
