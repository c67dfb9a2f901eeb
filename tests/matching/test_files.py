"""`headwater companies dedupe` on files as people keep them: nothing about a file is an error that a person would not call one."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from contracts import blocking
from contracts.errors import Invalid
from contracts.likeness import record
from db import listing_files


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_command_says_pairs_columns_and_scores_without_a_database(tmp_path: Path) -> None:
    # bring your own history
    companies = write(
        tmp_path / "c.csv",
        "id,name,city,phone,colour\n"
        "a,Karoo Workwear (Pty) Ltd,Johannesburg,011 555 0101,red\n"
        "b,Karoo Work Wear,Johannesburg,+27 11 555 0101,blue\n"
        "c,Umhlanga Fishing,Durban,031 555 0202,green\n",
    )
    truth = write(tmp_path / "t.csv", "id_a,id_b\nb,a\n")
    command = [
        sys.executable,
        "-m",
        "headwater",
        "companies",
        "dedupe",
        "--csv",
        str(companies),
        "--truth",
        str(truth),
        "--json",
    ]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"DATABASE_URL": "postgresql://nowhere.invalid/x"},
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert [(p["id_a"], p["id_b"]) for p in said["pairs"]] == [("a", "b")]
    assert 0.5 <= said["pairs"][0]["probability"] <= 1
    assert (said["precision"], said["recall"], said["f1"]) == (1.0, 1.0, 1.0)
    assert said["columns"] == {"id": "id", "name": "name", "city": "city", "phone": "phone"}
    assert said["ignored"] == ["colour"]
    refused = subprocess.run([*command[:6], "/nowhere.csv"], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2
    assert "unreadable_file" in refused.stderr


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n\n",
        b"\xef\xbb\xbfid,name\n",
        b"id\n1\n1\n",
        b"name\n\n\n",
        b"\x00\x00,name\n,\x00\n",
        b"id,name,name\n1,a,b,c,d,e\n2\n",
        b'id,name\n1,"unclosed\n',
        "id;name\nä;Müller\n".encode("cp1252"),
        "id\tname\n1\tA\n".encode("utf-16"),
        b"\xff\xfe\xfd",
        b"id,name\r1,A\r2,B\r",
    ],
)
def test_odd_files_are_read(tmp_path: Path, text: bytes) -> None:
    report = listing_files.dedupe(write(tmp_path / "odd.csv", text), write(tmp_path / "other.csv", text))
    assert report.precision is None
    listing_files.dedupe(write(tmp_path / "odd.csv", text), truth=write(tmp_path / "t.csv", b""))


def test_a_file_without_names_or_ids_is_compared_by_what_it_has(tmp_path: Path) -> None:
    rows = "Company Name;E-Mail;Postcode;Telephone\nBäckerei Schäfer GmbH;x;80331;+49 89 1234567\n"
    rows += "Backerei Schafer;y;80331;089/1234567\n"
    report = listing_files.dedupe(write(tmp_path / "c.csv", b"\xef\xbb\xbf" + rows.encode()))
    assert [(p.id_a, p.id_b) for p in report.pairs] == [("1", "2")]
    assert report.columns == {"name": "Company Name", "zip": "Postcode", "phone": "Telephone"}
    assert any("number" in note for note in report.notes)
    nameless = listing_files.dedupe(write(tmp_path / "n.csv", "id,phone\n1,089 1234567\n2,089 1234567\n"))
    assert any("no column name" in note for note in nameless.notes)


def test_ids_are_any_text_and_repeated_ones_are_one_row_of_the_answer(tmp_path: Path) -> None:
    name = "Karoo Workwear Manufacturing"
    rows = f'id,name,city\n"x, ""y""",{name},Paarl\nü€,{name},Paarl\nü€,{name} Ltd,Paarl\n'
    report = listing_files.dedupe(write(tmp_path / "c.csv", rows))
    assert [{p.id_a, p.id_b} for p in report.pairs] == [{'x, "y"', "ü€"}]
    assert any("more than one row" in note for note in report.notes)


def test_two_files_give_pairs_across_only_and_the_truth_may_be_the_other_way_round(tmp_path: Path) -> None:
    one = write(
        tmp_path / "a.csv", "id,name,city\n1,Karoo Workwear,Paarl\n2,Karoo Workwear,Paarl\n3,Cape Foods,Paarl\n"
    )
    other = write(tmp_path / "b.csv", "id,name,city\n1,Cape Foods,Paarl\n9,Karoo Workwear,Paarl\n")
    truth = write(tmp_path / "t.csv", "left,right\n9,2\n3,1\n7,7\n")
    report = listing_files.dedupe(one, other, truth)
    assert {(p.id_a, p.id_b) for p in report.pairs} == {("1", "9"), ("2", "9"), ("3", "1")}
    assert report.true_pairs == 3
    assert report.recall == pytest.approx(2 / 3)
    assert any("in no file" in note for note in report.notes)
    with pytest.raises(Invalid, match="two columns"):
        listing_files.dedupe(one, truth=write(tmp_path / "t.csv", "id\n1\n"))


@pytest.mark.slow
def test_ten_thousand_rows_take_seconds(tmp_path: Path) -> None:
    # the figure is measured by `headwater bench --only matching`; this only sees that work does not grow with the square
    draw = random.Random(5)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randrange(4, 9))) for _ in range(900)]
    rows = [f"{n},{' '.join(draw.choices(words, k=3))} Services Ltd,London" for n in range(3000)]
    path = write(
        tmp_path / "c.csv", "id,name,city\n" + "\n".join([*rows, *[r.replace(",", "x,", 1) for r in rows[:200]]])
    )
    report = listing_files.dedupe(path)
    assert (
        len(
            {
                frozenset((p.id_a.rstrip("x"), p.id_b.rstrip("x")))
                for p in report.pairs
                if p.id_b.endswith("x") != p.id_a.endswith("x")
            }
        )
        >= 200
    )


def test_keys_that_lead_to_very_many_rows_are_followed_only_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    # R13: what bounds the work of a large file; whoever shares a rare word is still found
    names = [
        f"{rare} trading services"
        for rare in ("abelard", "abelardd", "quixote", "quixotte", *(f"n{n:03}" for n in range(80)))
    ]
    records = [record(name) for name in names]
    everything = set(blocking.candidates(records))
    monkeypatch.setattr(blocking, "MOST_FOLLOWED", 60)
    bounded = set(blocking.candidates(records))
    assert len(bounded) < len(everything) * 0.8
    assert {(0, 1), (2, 3)} <= bounded
