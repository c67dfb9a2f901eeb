"""Makes the pair model that is shipped: `python -m worker.matching.train tests/data/matching db/data/pair_model.json`.

Learns from half of the Chicago entities, FEBRL's first set, and invented directories of real company names. The other
half of Chicago,
Fodors-Zagats and FEBRL's third set are not learned from. Repeatable: the same data give the same file.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from contracts.blocking import candidates, rarity
from contracts.likeness import Record, features, record
from contracts.models import Model
from worker.matching.invented import directory
from worker.matching.training import Pair, fit, without_columns

#: How much a pair of each source counts. Chicago's agencies and sites share names and telephones as companies elsewhere do not.
CHICAGO, FEBRL, INVENTED = 0.5, 1.0, 1.0


def labelled(records: Sequence[Record], entities: Sequence[str], weight: float = 1.0) -> list[Pair]:
    """The candidate pairs of a labelled list."""
    rare = rarity(records)
    return [
        (features(records[a], records[b], rare), entities[a] == entities[b], weight)
        for a, b in sorted(set(candidates(records)))
    ]


def chicago(data: Path, keep: Callable[[str], bool]) -> tuple[list[Record], list[str]]:
    """Records and true entities of the Chicago sites."""
    rows = [r for r in _rows(data / "chicago_sites.csv.gz") if keep(r["true_id"])]
    found = [
        record(r["site_name"], address=r["address"], zip=r["zip"], phone=r["phone"], website=r["website"]) for r in rows
    ]
    return found, [r["true_id"] for r in rows]


def febrl(data: Path, number: int) -> tuple[list[Record], list[str]]:
    """Records and true entities of a FEBRL set: people, as invented by its authors."""
    rows = _rows(data / f"febrl{number}.csv.gz")
    found = [record(r["name"], address=r["address"], city=r["city"], zip=r["zip"]) for r in rows]
    return found, [r["entity"] for r in rows]


def invented(seed: int, first: int, last: int) -> tuple[list[Record], list[str]]:
    """Records and true entities of an invented directory of companies with these names."""
    text = gzip.decompress((files("worker.providers") / "data" / "gleif_extract.csv.gz").read_bytes()).decode()
    names = [(r["legal_name"], r["country"]) for r in csv.DictReader(text.splitlines())][first:last]
    listings = directory(names, seed)
    found = [
        record(x.name, country=x.country, city=x.city, address=x.address, zip=x.zip, phone=x.phone, website=x.website)
        for x in listings
    ]
    return found, [str(x.entity) for x in listings]


def for_training(true_id: str) -> bool:
    """The half of Chicago's entities that is learned from."""
    return hashlib.sha256(true_id.encode()).digest()[-1] % 2 == 0


def train(data: Path) -> Model:
    pairs = without_columns(labelled(*chicago(data, for_training), CHICAGO), 1)
    pairs += without_columns(labelled(*febrl(data, 1), FEBRL), 2)
    pairs += without_columns(labelled(*invented(1, 0, 1500), INVENTED), 3)
    return fit(pairs)


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


if __name__ == "__main__":
    made = train(Path(sys.argv[1]))
    Path(sys.argv[2]).write_text(made.model_dump_json(indent=1) + "\n", encoding="utf-8")
