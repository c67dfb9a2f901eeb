"""Duplicates in a file of companies, as `headwater companies dedupe --csv` finds them: time and memory by the number of rows."""

from __future__ import annotations

import csv
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from db import listing_files
from worker.bench.matching import COPIED, invented, mistyped

ROWS = (10_000, 100_000)
CITIES = 2_000


def measure(*, scale: float, say: Callable[[str], None]) -> dict[str, Any]:
    """For each size: seconds, processor seconds, the process's largest memory so far in MB, and how many copies were found."""
    found: dict[str, Any] = {}
    for rows in ROWS:
        say(f"duplicates among {int(rows * scale):,} rows")
        found[f"rows_{rows}"] = _one(max(200, int(rows * scale)))
    return found


def _one(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        listing, truth = Path(folder) / "companies.csv", Path(folder) / "truth.csv"
        _write(rows, listing, truth)
        began, used = time.perf_counter(), time.process_time()
        report = listing_files.dedupe(listing, None, truth)
        return {
            "rows": rows,
            "seconds": round(time.perf_counter() - began, 1),
            "cpu_s": round(time.process_time() - used, 1),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "pairs": len(report.pairs),
            "precision": round(report.precision or 0.0, 4),
            "recall": round(report.recall or 0.0, 4),
        }


def _write(rows: int, listing: Path, truth: Path) -> None:
    """Four fifths are invented companies, each in a city; the others are copies of some of these, mistyped once."""
    draw = random.Random(12)  # noqa: S311
    originals = [
        (name, country, f"City{draw.randrange(CITIES)}") for name, country in invented(draw, int(rows * (1 - COPIED)))
    ]
    copied = draw.sample(range(len(originals)), rows - len(originals))
    with listing.open("w", encoding="utf-8", newline="") as all_rows, truth.open("w", newline="") as pairs:
        out, true = csv.writer(all_rows), csv.writer(pairs)
        out.writerow(["id", "name", "country", "city"])
        out.writerows([f"o{n}", *each] for n, each in enumerate(originals))
        true.writerow(["id_a", "id_b"])
        for n in copied:
            name, country, city = originals[n]
            out.writerow([f"c{n}", mistyped(draw, name), country, city])
            true.writerow([f"o{n}", f"c{n}"])
