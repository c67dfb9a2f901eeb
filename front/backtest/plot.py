"""A backtest as a picture: how calibrated it was, and how much better the best leads were. SVG, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from front.backtest.report import Report

WIDTH, HEIGHT, SIDE, TOP = 960, 460, 340, 70
Line = Sequence[tuple[float, float]]
_INK, _GRID, _OURS, _THEIRS = "#1f2933", "#d5dbe1", "#1b6ca8", "#b8860b"


def svg(report: Report, title: str) -> str:
    """Two panels: said against was, and lift by share of leads taken."""
    said = max(0.01, *(max(b["said"], b["was"]) for b in report.calibration))
    best = max(1.0, *(d["lift"] for d in report.deciles))
    was = [(b["said"], b["was"]) for b in report.calibration]
    tenths = [(d["share"], d["lift"]) for d in report.deciles]
    calibration = _panel(90, "calibration", ("said", "came true"), (said, said), was, [(0, 0), (said, said)])
    lift = _panel(
        560, "lift of the best leads", ("share of leads", "times everybody"), (1, best), tenths, [(0, 1), (1, 1)]
    )
    line = (
        f"AUC {report.auc:.3f} · log loss {report.log_loss:.4f} (base rate {report.base_log_loss:.4f})"
        f" · calibration error {report.ece:.3f} · {report.n_test} rows"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13"'
    return (
        f'{head} fill="{_INK}"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<text x="90" y="28" font-size="17">{escape(title)}</text><text x="90" y="48">{line}</text>{calibration}{lift}</svg>\n'
    )


def _panel(x: int, title: str, axes: tuple[str, str], ends: tuple[float, float], points: Line, beside: Line) -> str:
    """One picture with its left edge at `x`: `points` drawn through, `beside` dashed. `ends`: the largest values shown."""
    (across, up), (widest, highest) = axes, ends

    def at(px: float, py: float) -> str:
        return f"{x + SIDE * px / widest:.1f},{TOP + SIDE * (1 - py / highest):.1f}"

    parts = [f'<text x="{x}" y="{TOP - 6}" font-weight="bold">{escape(title)}</text>']
    for fifth in range(6):
        share = fifth / 5
        gx, gy = x + SIDE * share, TOP + SIDE * (1 - share)
        parts.append(f'<path d="M{x} {gy:.1f}h{SIDE}M{gx:.1f} {TOP}v{SIDE}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{x - 6}" y="{gy + 4:.1f}" text-anchor="end">{highest * share:.2g}</text>')
        parts.append(f'<text x="{gx:.1f}" y="{TOP + SIDE + 16}" text-anchor="middle">{widest * share:.2g}</text>')
    parts.append(f'<text x="{x + SIDE / 2}" y="{TOP + SIDE + 36}" text-anchor="middle">{escape(across)}</text>')
    middle = TOP + SIDE / 2
    parts.append(f'<text transform="translate({x - 48} {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    for line, how in (
        (beside, f'stroke="{_THEIRS}" stroke-dasharray="5 4"'),
        (points, f'stroke="{_OURS}" stroke-width="2"'),
    ):
        parts.append(f'<polyline points="{" ".join(at(*p) for p in line)}" fill="none" {how}/>')
    for point in points:
        cx, cy = at(*point).split(",")
        parts.append(f'<circle cx="{cx}" cy="{cy}" r="4" fill="{_OURS}"/>')
    return "".join(parts)
