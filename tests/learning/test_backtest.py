"""`headwater leads backtest`: on any file, with one line where it cannot."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import Rejected
from front.backtest import plot, replay
from front.backtest.report import Report

Row = dict[str, Any]


def rows(number: int = 900, seed: int = 3) -> list[Row]:
    """A history whose outcome hangs on `size` and `sector`, one lead a day."""
    dice, made = random.Random(seed), []
    for nth in range(number):
        size, sector = dice.gauss(0, 1), dice.choice(["retail", "mining", "health"])
        won = dice.random() < 1 / (1 + math.exp(1.5 - 1.2 * size - (1 if sector == "mining" else 0)))
        made.append(
            {
                "lead_id": f"L{nth:05}",
                "day": date(2023, 1, 1) + timedelta(days=nth),
                "size": round(math.exp(4 + size)),
                "sector": sector,
                "won": int(won),
            }
        )
    return made


def write(path: Path, table: list[Row], delimiter: str = ",", bom: bool = False) -> Path:
    text = io.StringIO()
    out = csv.DictWriter(text, list(table[0]), delimiter=delimiter)
    out.writeheader()
    out.writerows(table)
    raw = text.getvalue().encode("utf-8-sig" if bom else "utf-8")
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def run(path: Path, label: str = "won", time: str = "day", **more: Any) -> Report:
    return replay.backtest(replay.Asked(path, label, time, retrains=2, refits=10, **more))


@pytest.mark.slow
def test_the_command_says_what_it_used_and_how_good_it_was(tmp_path: Path) -> None:
    path, picture = write(tmp_path / "history.csv.gz", rows(), delimiter=";", bom=True), tmp_path / "picture.svg"
    words = [
        "leads",
        "backtest",
        "--csv",
        str(path),
        "--label",
        "won",
        "--time",
        "day",
        "--json",
        "--plot",
        str(picture),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "headwater", *words], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"auc", "log_loss", "base_log_loss", "brier", "ece", "lift", "n_train", "n_test", "features"} <= found.keys()
    assert found["auc"] > 0.7
    assert found["log_loss"] < found["base_log_loss"]
    assert (found["n_train"], found["n_test"], found["features"]) == (630, 270, ["size", "sector"])
    assert found["ignored"]["lead_id"].startswith("names its row")
    assert found["lift"]["HIGH"] > 1 > found["lift"]["LOW"]
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")


def changed(**values: Callable[[int, Row], Any]) -> list[Row]:
    made = rows()
    for nth, row in enumerate(made):
        row.update({name: value(nth, row) for name, value in values.items()})
    return made


@pytest.mark.parametrize(
    ("words", "label"),
    [
        (lambda n, r: "won" if r["won"] else "lost", None),
        (lambda n, r: "Yes" if r["won"] else "No", None),
        (lambda n, r: str(bool(r["won"])), None),
        (lambda n, r: "gold" if r["won"] else "tin", "gold"),
        (lambda n, r: "Closed Won" if r["won"] else "open" if n % 9 == 0 else "Closed Lost", None),
    ],
)
def test_outcomes_are_read_as_people_write_them(
    tmp_path: Path, words: Callable[[int, Row], str], label: str | None
) -> None:
    found = run(write(tmp_path / "h.csv", changed(won=words)), positive=label)
    assert found.auc > 0.7
    assert found.positives_test > 20


@pytest.mark.parametrize(
    "words",
    [
        lambda n, r: n * 10,
        lambda n, r: r["day"].strftime("%d/%m/%Y"),
        lambda n, r: r["day"].strftime("%m/%d/%Y %H:%M"),
        lambda n, r: f"{r['day']}T12:00:00+02:00",
        lambda n, r: r["day"].strftime("%b %d, %Y"),
        lambda n, r: r["day"].strftime("%Y-%m"),
        lambda n, r: "" if n == 7 else r["day"],
    ],
)
def test_times_are_read_in_many_forms_and_order_the_rows(tmp_path: Path, words: Callable[[int, Row], Any]) -> None:
    table = changed(day=words)
    random.Random(1).shuffle(table)
    found = run(write(tmp_path / "h.csv", table))
    assert found.auc > 0.7
    assert found.n_train + found.n_test >= 899


def test_columns_that_are_no_features_are_named_with_the_reason(tmp_path: Path) -> None:
    dice = random.Random(2)
    found = run(
        write(
            tmp_path / "h.csv",
            changed(
                same=lambda n, r: "x",
                empty=lambda n, r: "",
                note=lambda n, r: " ".join(str(dice.random()) for _ in range(4)),
                seq=lambda n, r: n,
                closed=lambda n, r: r["day"] + timedelta(days=n % 50),
                price=lambda n, r: f"{n % 17},5",
                leak=lambda n, r: r["won"] * 5 + dice.random(),
                mostly=lambda n, r: "?" if n % 3 else n % 10,
            ),
            delimiter=";",
        )
    )
    assert set(found.features) == {"size", "sector", "price", "leak", "mostly"}
    assert set(found.ignored) == {"won", "day", "lead_id", "same", "empty", "note", "seq", "closed"}
    assert any("'leak' alone tells the outcome" in warning for warning in found.warnings)
    assert run(tmp_path / "h.csv", ignore=("leak",)).auc < 0.9


def test_an_outcome_counts_in_training_only_once_it_was_known(tmp_path: Path) -> None:
    late = changed(told=lambda n, r: r["day"] + timedelta(days=200))
    found = run(write(tmp_path / "late.csv", late), known_at="told")
    assert (found.n_train, found.n_test) == (430, 270)
    # Only what came true has a moment: rows count once they are mature, the others as lost.
    wins = changed(told=lambda n, r: r["day"] + timedelta(days=20) if r["won"] else "")
    assert run(write(tmp_path / "wins.csv", wins), known_at="told").n_train == 540


def test_the_split_can_be_named(tmp_path: Path) -> None:
    found = run(write(tmp_path / "h.csv", rows()), split_at="2023-07-20")
    assert (found.n_train, found.split_at) == (200, "2023-07-20")


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("", {}, "is empty"),
        ("day,won\n", {}, "a header and no rows"),
        ("day,won\n1,1\n2,1\n", {}, "outcomes of both kinds"),
        ("day,won\n1,1\n1,0\n", {}, "the same in every row"),
        ("day,won\nx,1\ny,0\n", {}, "no dates"),
        ("day,won\n1,a\n2,b\n", {}, "--positive"),
        ("day,won\n1,1\n2,0\n", {"label": "lost"}, "no column 'lost'"),
        ("day,won\n1,1\n2,0\n3,1\n4,0\n", {"split_at": "99"}, "one side empty"),
        ("day,won\n1,1\n2,0\n3,1\n4,0\n", {"split_at": "2026-01-01"}, "wants a number"),
        ("day,won\n1,0\n2,0\n3,1\n4,0\n", {}, "both kinds are needed"),
        ("day,won\n1,0\n2,1\n3,0\n4,0\n", {}, "the same outcome"),
    ],
)
def test_a_file_nothing_can_be_learned_from_gets_one_line(tmp_path: Path, text: str, more: Row, said: str) -> None:
    path = tmp_path / "h.csv"
    path.write_text(text)
    with pytest.raises(Rejected, match=said) as refused:
        run(path, **more)
    assert "\n" not in refused.value.detail


def test_four_rows_are_enough_for_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text("day,won,x\n1,1,5\n2,0,3\n3,1,4\n4,0,4\n5,1,2\n6,0,1\n")
    found = run(path)
    assert found.n_train == 4
    assert any("by rules alone" in warning for warning in found.warnings)
    assert plot.svg(found, "a < b").startswith("<svg")


def test_a_file_that_is_not_there_and_one_that_is_no_gzip(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="cannot be read"):
        run(tmp_path / "none.csv")
    (tmp_path / "half.csv").write_bytes(gzip.compress(b"day,won\n1,0\n" * 100)[:20])
    with pytest.raises(Rejected, match="no whole gzip file"):
        run(tmp_path / "half.csv")
