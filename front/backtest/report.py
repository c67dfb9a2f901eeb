"""What `headwater leads backtest` answers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Figures(BaseModel):
    """How good probabilities were on the test rows. Log loss in nats; `ece` over ten bins of equal mass."""

    auc: float
    log_loss: float
    brier: float
    ece: float
    lift: dict[str, float] = Field(description="by band of R10's score: conversion beside everybody's")


class Report(Figures):
    """The headline is the product's way: trained and calibrated anew as outcomes become known. Others stand beside it."""

    base_log_loss: float = Field(description="of saying the test's own base rate of everybody: no constant does better")
    n_train: int = Field(description="rows whose outcome was known at the split")
    n_test: int
    features: list[str]
    ignored: dict[str, str] = Field(description="columns that were not used, with the reason")
    warnings: list[str]
    split_at: str
    positives_train: int
    positives_test: int
    base_rate_train: float
    base_rate_test: float
    bands: dict[str, dict[str, float]]
    deciles: list[dict[str, float]] = Field(description="lift of the best tenth, two tenths, ...")
    calibration: list[dict[str, float]] = Field(description="bins of equal mass: said, was, rows")
    frozen: Figures = Field(description="the model of the split, never touched again")
    recalibrated: Figures = Field(description="its weights, calibrated on the newest 1,000 known outcomes")
    retrains: int
    strength: float = Field(description="inverse strength of the shrinkage (C), chosen by time folds before the split")
    psi_scores: float = Field(description="the frozen model's probabilities, before and after the split")
    psi_features: dict[str, float] = Field(description="the ten that moved most")
    weights: list[dict[str, Any]] = Field(description="the fifteen heaviest columns of the newest model")


def lines(report: Report) -> str:
    """For people."""
    shown = [
        f"trained on {report.n_train} rows ({report.positives_train} positive), tested on {report.n_test} later ones"
        f" ({report.positives_test} positive), split at {report.split_at}",
        "",
        f"{'':16}{'as the product':>16}{'recalibrated':>16}{'frozen':>16}{'base rate':>16}",
    ]
    for name, said in (("AUC", "auc"), ("log loss", "log_loss"), ("Brier", "brier"), ("calibration err", "ece")):
        values = [getattr(f, said) for f in (report, report.recalibrated, report.frozen)]
        base = f"{report.base_log_loss:16.4f}" if said == "log_loss" else ""
        shown.append(f"{name:16}" + "".join(f"{value:16.4f}" for value in values) + base)
    shown.append("")
    for band in ("HIGH", "MEDIUM", "LOW"):
        b = report.bands[band]
        shown.append(f"{band:7} {b['share']:6.1%} of leads, {b['rate']:6.1%} convert, {b['lift']:.2f} times everybody")
    shown += ["", f"features: {', '.join(report.features)}"]
    shown += [f"ignored {name}: {reason}" for name, reason in report.ignored.items()]
    shown += [f"warning: {warning}" for warning in report.warnings]
    return "\n".join(shown)
