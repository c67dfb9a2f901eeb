"""History -> figures: the rows in the order of time, the past for training, the future for judging."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from front.backtest import columns, words
from front.backtest.reading import Table, read, refuse
from front.backtest.report import Figures, Report
from worker.learning import drift, measure, rolling
from worker.learning.fit import LEAST_CHOOSING, probabilities
from worker.learning.frame import Floats, Frame, Rows

TEST_SHARE = 0.3
#: An outcome that has no moment of its own counts as "no" once so much time has passed: seconds, or this share of known delays.
MATURITY_S, MATURITY_SHARE = 90 * 86_400.0, 0.9
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed."""

    csv: Path
    label: str
    time: str
    known_at: str | None = None
    split_at: str | None = None
    positive: str | None = None
    ignore: tuple[str, ...] = ()
    retrains: int = rolling.RETRAINS
    refits: int = rolling.REFITS


@dataclass(slots=True)
class History:
    """Rows with an outcome and a time, in its order."""

    frame: Frame
    y: Floats
    times: Floats
    known_at: Floats
    dates: bool
    ignored: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    def known(self, now: float) -> tuple[Rows, Floats]:
        """Rows whose outcome is known before `now`, and the outcomes as they looked then.

        Where some outcomes have no moment of their own (inf) only mature rows count: those are "no" then, and a late "yes" looked
        like one. Young "yes" without the young "no" beside them would overstate the share.
        """
        told = self.known_at < now
        if not np.isinf(self.known_at).any():
            return np.flatnonzero(told), self.y
        mature = self.times + self._maturity() < now
        return np.flatnonzero(mature), np.where(told, self.y, 0.0)

    def _maturity(self) -> float:
        if self.dates:
            return MATURITY_S
        delays = (self.known_at - self.times)[~np.isinf(self.known_at)]
        return float(np.quantile(delays, MATURITY_SHARE)) if len(delays) else 0.0


def backtest(asked: Asked) -> Report:
    """Read, split, play through, measure. Raises: Rejected with one line that says what to do."""
    history = _history(read(asked.csv), asked)
    cut = _cut(history, asked)
    test = np.flatnonzero(history.times >= cut)
    train, y_then = history.known(cut)
    _check(history, train, y_then, test)
    played = rolling.play(
        history.frame, history.times, history.known, test, retrains=asked.retrains, refits=asked.refits
    )
    return _report(history, played, cut, train, y_then, test)


def _history(table: Table, asked: Asked) -> History:
    for option, name in (("--label", asked.label), ("--time", asked.time), ("--known-at", asked.known_at)):
        if name is not None and name not in table.columns:
            there = ", ".join(list(table.columns)[:30])
            raise refuse(f"{option}: there is no column {name!r} in {asked.csv.name}; there are {there}", "no_column")
    y = words.outcomes(table.columns[asked.label], asked.label, asked.positive)
    times, dates = words.moments(table.columns[asked.time], asked.time)
    kept = [i for i in range(table.size) if y[i] is not None and times[i] is not None]
    kept.sort(key=lambda i: times[i] or 0.0)
    taken = {asked.label: "the outcome", asked.time: "the time"} | dict.fromkeys(asked.ignore, "left out as asked")
    if asked.known_at:
        taken[asked.known_at] = "when the outcome was known"
    chosen = columns.choose(table, taken, kept)
    when = np.array([times[i] for i in kept], dtype=np.float64)
    known_at = _known_at(table, asked, kept, when, dates)
    outcome = np.array([y[i] for i in kept], dtype=np.float64)
    history = History(chosen.frame, outcome, when, known_at, dates, chosen.ignored)
    _say(history, table, asked, len(kept), sum(v is None for v in y))
    return history


def _known_at(table: Table, asked: Asked, kept: list[int], when: Floats, dates: bool) -> Floats:
    if asked.known_at is None:
        return when
    moments, dated = words.moments(table.columns[asked.known_at], asked.known_at)
    if dated != dates:
        kinds = ("dates", "numbers") if dates else ("numbers", "dates")
        raise refuse(f"--time holds {kinds[0]} and --known-at {kinds[1]}: they must be of one kind", "bad_time")
    known = np.array([np.inf if moments[i] is None else moments[i] for i in kept], dtype=np.float64)
    return np.maximum(known, when)


def _say(history: History, table: Table, asked: Asked, kept: int, unlabelled: int) -> None:
    """What a reader of the figures must know about the rows."""
    say = history.warnings.append
    if table.torn:
        say(f"{table.torn} rows have another number of cells than the header")
    if unlabelled:
        say(f"{unlabelled} rows without an outcome were left out")
    if table.size - kept - unlabelled > 0:
        say(f"{table.size - kept - unlabelled} rows without a readable time were left out")
    if asked.known_at is None:
        say("no --known-at: every outcome is taken as known as soon as its time is past; real ones are known later")
    for name in asked.ignore:
        if name not in table.columns:
            say(f"--ignore: there is no column {name!r}")
    for name, tells in columns.leaks(history.frame, history.y).items() if kept else ():
        say(
            f"column {name!r} alone tells the outcome (AUC {tells:.3f}): it was surely written down afterwards;"
            f" run again with --ignore {name!r}"
        )


def _cut(history: History, asked: Asked) -> float:
    times = history.times
    if len(times) < 2 or times[0] == times[-1]:
        raise refuse(
            f"column {asked.time!r} says the same in every row: without an order in time there is no past to learn from",
            "no_time_order",
        )
    if asked.split_at is not None:
        cut = words.moment(asked.split_at, asked.time, history.dates)
        if not times[0] < cut <= times[-1]:
            first, last = (_shown(t, history.dates) for t in (times[0], times[-1]))
            raise refuse(
                f"--split-at {asked.split_at} leaves one side empty: rows are from {first} to {last}", "bad_split"
            )
        return cut
    cut = float(times[int((1 - TEST_SHARE) * len(times))])
    return cut if cut > times[0] else float(times[times > times[0]][0])


def _check(history: History, train: Rows, y_then: Floats, test: Rows) -> None:
    positives = int(y_then[train].sum())
    if not 0 < positives < len(train):
        what = f"{len(train)} outcomes are known" + (f", {positives} of them positive" if len(train) else "")
        raise refuse(
            f"at the split {what}: both kinds are needed to train; choose a later --split-at or bring more history",
            "one_class",
        )
    if not 0 < history.y[test].sum() < len(test):
        raise refuse(
            f"all {len(test)} rows after the split have the same outcome: choose an earlier --split-at", "one_class"
        )
    if positives < LEAST_CHOOSING:
        history.warnings.append(
            f"only {positives} positives are known at the split: with fewer than {LEAST_CHOOSING} the product scores by rules alone"
        )


def _report(history: History, played: rolling.Played, cut: float, train: Rows, y_then: Floats, test: Rows) -> Report:
    y, frame = history.y[test], history.frame
    first = played.first.model
    headline = _figures(played.rolling, y, played.base_rates)
    models = {t.feature for t in (*first.terms, *played.last.model.terms)}
    ignored = history.ignored | {
        c.name: "constant in the rows that were trained on" for c in frame.columns if c.name not in models
    }
    moved = drift.features(frame, train, test)
    heavy = sorted(played.last.model.terms, key=lambda t: -abs(t.weight))[:15]
    return Report(
        **headline.model_dump(),
        base_log_loss=measure.base_log_loss(y),
        n_train=played.trained,
        n_test=len(test),
        features=[c.name for c in frame.columns if c.name in models],
        ignored=ignored,
        warnings=history.warnings,
        split_at=_shown(cut, history.dates),
        positives_train=int(y_then[train].sum()),
        positives_test=int(y.sum()),
        base_rate_train=float(y_then[train].mean()),
        base_rate_test=float(y.mean()),
        bands=measure.bands(measure.lift_scores(played.rolling, played.base_rates), y),
        deciles=measure.deciles(played.rolling, y),
        calibration=measure.calibration(played.rolling, y),
        frozen=_figures(played.frozen, y, first.base_rate),
        recalibrated=_figures(played.recalibrated, y, played.base_rates),
        retrains=played.retrains,
        strength=played.first.strength,
        psi_scores=measure.psi(probabilities(first, frame, train), played.frozen),
        psi_features=dict(sorted(moved.items(), key=lambda item: -item[1])[:10]),
        weights=[
            {"feature": t.feature, "column": t.kind, "level": t.level, "weight": round(t.weight, 4)} for t in heavy
        ],
    )


def _figures(p: Floats, y: Floats, base: float | Floats) -> Figures:
    bands = measure.bands(measure.lift_scores(p, base), y)
    return Figures(
        auc=measure.auc(p, y), log_loss=measure.log_loss(p, y), brier=measure.brier(p, y), ece=measure.ece(p, y),
        lift={band: round(found["lift"], 4) for band, found in bands.items()},
    )  # fmt: skip


def _shown(moment: float, dates: bool) -> str:
    if not dates:
        return f"{moment:g}" if abs(moment) < 1e6 else f"{moment:.0f}"
    found = datetime.fromtimestamp(moment, UTC)
    return found.date().isoformat() if moment % DAY_S == 0 else found.isoformat()
