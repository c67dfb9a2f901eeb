"""labels.generate makes labels of feedback, model.train learns a version from them, model.evaluate holds it against what came true.

Training and judging are processor work: they run in a thread, so that the worker's other jobs go on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import structlog

from contracts.errors import TryLater
from contracts.jobs import EvaluateModel, GenerateLabels, Payload, TrainModel
from contracts.learning import ModelDetail, TrainingConfig
from contracts.models import Model
from contracts.outcomes import Outcome
from contracts.runs import RunStatus
from db import alerts, feedback, labels, models, runs
from db.access import audit
from db.models import Look, NewVersion
from db.transaction import Tx
from worker.context import Context, RunOver, Stopped
from worker.learning import evaluation, gate, segments, training
from worker.learning.delay import Arrival
from worker.learning.outcomes import Example, examples, weighted

log = structlog.get_logger("worker")

#: Who stands in the audit log where nobody asked.
BY = "model.evaluate"
ROLLED_BACK = "model_rolled_back"


async def generate_labels(ctx: Context, args: GenerateLabels) -> None:
    """One piece of feedback becomes its labels."""
    async with ctx.read() as tx:
        said = await feedback.show(tx, ctx.tenant, args.feedback_id)
    async with ctx.write() as tx:
        kinds = await labels.from_feedback(tx, ctx.tenant, said) if said is not None else []
    log.info("labels_generated", leadId=str(args.lead_id), kinds=kinds)


async def train(ctx: Context, args: TrainModel) -> None:
    """pending -> running -> completed with a version in SHADOW, or failed with what is missing."""
    async with ctx.unfenced() as tx:
        standing = await runs.peek(tx, ctx.tenant, args.run_id)
        if standing is None or standing.status.ended:
            raise RunOver
        await runs.begin(tx, ctx.tenant, args.run_id, standing.params.max_runtime_seconds)
        config = standing.params.training or TrainingConfig()
        found, others, by_age = await _learned(tx, ctx.tenant, config)
    try:
        made = await asyncio.to_thread(training.train, found, others, config, by_age)
    except training.TooFew as few:
        await _end(ctx, args.run_id, Outcome(RunStatus.FAILED, "too_few_labels", str(few)), {"examples": len(found)})
        return
    learned = found[: made.learned]
    new = NewVersion(
        made.model, config, made.metrics, made.reason, made.data_hash, learned[0].decided_at, learned[-1].decided_at
    )
    await _end(ctx, args.run_id, Outcome(RunStatus.COMPLETED), made.metrics, new)


async def _end(ctx: Context, run_id: UUID, ended: Outcome, told: dict[str, Any], new: NewVersion | None = None) -> None:
    async with ctx.write() as tx:
        standing = await runs.lock(tx, ctx.tenant, run_id)
        if standing is None or standing.status is not RunStatus.RUNNING:
            raise RunOver
        version = None
        if new is not None:
            model_id, version = await models.add(tx, ctx.tenant, new, run_id=run_id)
            told = {"modelVersionId": str(model_id), "version": version, **told}
        await runs.end(tx, ctx.tenant, run_id, ended, also={"training": told})
    log.info("model_training_ended", runId=str(run_id), status=ended.status.value, version=version, error=ended.error)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A version to be judged, whoever decides now, and the mature leads."""

    version: ModelDetail
    incumbent: ModelDetail | None
    found: list[Example]
    others: Counter[str]

    @property
    def config(self) -> TrainingConfig:
        return TrainingConfig.model_validate(self.version.config)


async def evaluate(ctx: Context, args: EvaluateModel) -> None:
    """Judge a version: a candidate goes through the gate, the one that decides is calibrated anew or rolled back."""
    async with ctx.read() as tx:
        version = await models.show(tx, ctx.tenant, args.model_version_id)
        active = await models.active(tx, ctx.tenant, version.family)
        incumbent = await models.show(tx, ctx.tenant, active) if active and active != version.id else None
        found, others = await _examples(tx, ctx.tenant, TrainingConfig.model_validate(version.config))
    subject = _Subject(version, incumbent, found, others)
    judge = _judge_active if version.stage == "ACTIVE" else _judge_candidate
    look, calibration = await asyncio.to_thread(judge, subject, args.cause)
    async with ctx.write() as tx:
        await models.take_turn(tx, ctx.tenant, version.family)
        stage = (await models.get(tx, ctx.tenant, version.id)).stage
        if stage != version.stage or await models.active(tx, ctx.tenant, version.family) != active:
            raise TryLater(
                "another version decides by now: the comparison starts anew", after_s=0.5, code="model_moved"
            )
        await _act(tx, ctx.tenant, subject, look, calibration)
    log.info(
        "model_evaluated",
        modelVersionId=str(version.id),
        version=version.version,
        decision=look.decision,
        reason=look.reason,
    )


async def _act(tx: Tx, tenant: UUID, subject: _Subject, look: Look, calibration: dict[str, float] | None) -> None:
    version = subject.version
    await models.note(tx, tenant, version.id, look)
    if look.decision == "promoted":
        await models.activate(tx, tenant, version.id, version.family, f"passed the gate: {look.reason}")
        await audit(
            tx,
            tenant,
            BY,
            "model.promoted",
            "model",
            str(version.id),
            {"version": version.version, "reason": look.reason},
        )
    elif look.decision == "rolled_back":
        await models.rollback(tx, tenant, by=BY, reason=look.reason, family=version.family)
        evidence = {"version": version.version, "reason": look.reason}
        await alerts.raise_(tx, tenant, ROLLED_BACK, str(version.id), "critical", evidence)
    elif calibration is not None:
        await models.recalibrate(tx, tenant, version.id, calibration)


def _judge_candidate(subject: _Subject, cause: str) -> tuple[Look, None]:
    """On what was decided after its training, beside whoever decides now: a version, or rules and the base rate."""
    version, model = subject.version, Model.model_validate(subject.version.model)
    window = evaluation.later(subject.found, version.trained_to)
    if not window or version.stage == "ARCHIVED":
        why = "it is archived" if version.stage == "ARCHIVED" else "no lead decided on after its training has matured"
        return Look(cause, None, None, None, "stays", why, {"left_out": dict(subject.others)}), None
    p, y = evaluation.scored(model, window)
    metrics = evaluation.figures(model, p, y, version.metrics.get("scores", ()))
    if subject.incumbent is not None:
        other, _ = evaluation.scored(Model.model_validate(subject.incumbent.model), window)
        ranks, beside = None, f"version {subject.incumbent.version}"
    else:
        # Without a version, everybody is as likely as the leads that were learned from were on average.
        other, ranks, beside = np.full(len(y), _usual(version)), evaluation.beside_rules(window), "rules alone"
    parts = segments.looked_at(p, other, ranks, y, _usual(version), [e.segments for e in window])
    verdict = gate.promotion(
        p, other, y, other_ranks=ranks, mature=len(subject.found), positives=sum(e.positive for e in subject.found),
        psi=metrics["figures"]["psi"], segments=parts,
    )  # fmt: skip
    metrics["segments"] = [part.told() for part in parts]
    promoted = verdict.passed is True and subject.config.auto_promote
    reason = f"beside {beside}: {verdict.text}" + ("" if promoted or not verdict.passed else "; waits for a person")
    metrics |= _around(subject, verdict.intervals)
    return _look(cause, window, verdict.passed, "promoted" if promoted else "stays", reason, metrics), None


def _usual(version: ModelDetail) -> float:
    """The share of positives among what was learned from."""
    told = version.metrics
    rate: float = told.get("learned_rate") or told.get("learned_positives", 0) / max(1, told.get("learned", 1))
    return rate or Model.model_validate(version.model).base_rate


def _judge_active(subject: _Subject, cause: str) -> tuple[Look, dict[str, float] | None]:
    """On what has matured since it was judged last: two failing windows running roll it back, else it is calibrated anew."""
    version, model = subject.version, Model.model_validate(subject.version.model)
    since = [e.window_to for e in version.evaluations if e.passed is not None and e.window_to is not None]
    window = evaluation.later(
        subject.found, max([*since, *([version.trained_to] if version.trained_to else [])], default=None)
    )
    if not window:
        return Look(cause, None, None, None, "kept", "nothing has matured since it was judged last", {}), None
    p, y = evaluation.scored(model, window)
    metrics = evaluation.figures(model, p, y, version.metrics.get("scores", ()))
    verdict = gate.window(p, y, model.base_rate)
    metrics |= _around(subject, verdict.intervals)
    # Windows of its time as the one that decides: what it did as a candidate was another question.
    before = [e.passed for e in version.evaluations if version.active_at is None or e.created_at > version.active_at]
    if verdict.passed is False and gate.failing([False, *before]):
        return _look(
            cause, window, False, "rolled_back", f"{gate.FAILS} windows running failed: {verdict.text}", metrics
        ), None
    calibration = evaluation.recalibration(model, subject.found)
    metrics["calibrated"] = {"was": {"slope": model.slope, "offset": model.offset}, "now": calibration}
    return _look(cause, window, verdict.passed, "kept", verdict.text, metrics), calibration


def _around(subject: _Subject, intervals: dict[str, list[float]]) -> dict[str, Any]:
    return {
        "intervals": intervals,
        "drift": evaluation.drifted(subject.found, subject.version.trained_to),
        "by_version": evaluation.by_version(subject.found),
        "left_out": dict(subject.others),
    }


def _look(
    cause: str, window: list[Example], passed: bool | None, decision: Any, reason: str, metrics: dict[str, Any]
) -> Look:
    return Look(cause, window[0].decided_at, window[-1].decided_at, passed, decision, reason, metrics)


async def _examples(tx: Tx, tenant: UUID, config: TrainingConfig) -> tuple[list[Example], Counter[str]]:
    cases, now = await labels.cases(tx, tenant), await feedback.now(tx)
    return examples(cases, now, target=config.target, maturity=timedelta(days=config.maturity_days))


async def _learned(tx: Tx, tenant: UUID, config: TrainingConfig) -> tuple[list[Example], Counter[str], Arrival | None]:
    """What is learned from: mature leads, or younger ones too, weighted. Whatever was learned from, only mature leads judge."""
    if config.label_delay == "mature":
        return *await _examples(tx, tenant, config), None
    cases, now = await labels.cases(tx, tenant), await feedback.now(tx)
    return weighted(cases, now, target=config.target, maturity=timedelta(days=config.maturity_days))


async def train_stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Training was given up: the run fails with the reason."""
    assert isinstance(args, TrainModel)
    standing = await runs.lock(tx, tenant, args.run_id)
    if standing is None or standing.status.ended:
        return
    status = RunStatus.CANCELLED if stopped.state == "cancelled" else RunStatus.FAILED
    await runs.end(tx, tenant, args.run_id, Outcome(status, stopped.error_class, stopped.error))
    log.warning("model_training_stopped", runId=str(args.run_id), errorClass=stopped.error_class)


async def stopped(_tx: Tx, _tenant: UUID, args: Payload, why: Stopped) -> None:
    """Labels or a look at a version were given up; the dead letter says why, and a retry does it again."""
    log.warning("learning_job_stopped", args=args.model_dump(mode="json"), errorClass=why.error_class)
