"""CSV as people send it: found out, read record by record, and no row lost to the mistake of another."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest

from contracts.errors import Invalid
from db import csv_files


def read(content: bytes) -> tuple[csv_files.Examined, list[tuple[int, list[str]]], dict[int, str]]:
    file = io.BytesIO(content)
    how = csv_files.examine(file)
    found = list(csv_files.records(file, how))
    good = [(r.number, r.cells) for r in found if r.problem is None]
    return how, good, {r.number: r.problem for r in found if r.problem}


@pytest.mark.parametrize(
    ("content", "encoding", "separator"),
    [
        ("\ufeffName;City\nKaroo;Köln\n".encode(), "utf-8-sig", ";"),
        ("Name,City\r\nKaroo,Köln\r\n".encode("cp1252"), "cp1252", ","),
        ("Name\tCity\rKaroo\tKöln\r".encode("utf-16"), "utf-16", "\t"),
        ('"Name, long"|City\nKaroo|Köln\n'.encode(), "utf-8", "|"),
    ],
)
def test_encoding_and_separator_are_found_out(content: bytes, encoding: str, separator: str) -> None:
    how, rows, problems = read(content)
    assert (how.encoding, how.separator, problems) == (encoding, separator, {})
    assert rows[1] == (2, ["Karoo", "Köln"])
    assert ("Windows-1252" in " ".join(how.notes)) == (encoding == "cp1252")


def test_quoted_newlines_separators_and_quotes_stay_in_their_value() -> None:
    _, rows, problems = read(b'name,note\n"Karoo\nWorkwear","a, ""b"""\nNext,5" pipe\n')
    assert rows[1:] == [(2, ["Karoo\nWorkwear", 'a, "b"']), (3, ["Next", '5" pipe'])]
    assert problems == {}


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    _, rows, problems = read(b'name,x\nA,1\n"B,2\nC,3\n' + b"D,4\n" * 300)
    assert list(problems) == [3]
    assert "never closed" in problems[3]
    assert [cells[0] for _, cells in rows] == ["name", "A", "C", *["D"] * 300]


def test_a_line_without_end_costs_one_row_and_no_memory() -> None:
    class Endless(io.RawIOBase):
        """60 MB in one line, between two good ones; nobody holds it."""

        def __init__(self) -> None:
            self.at = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset
            return offset

        def readinto(self, buffer: Any) -> int:
            head, long, tail = b"name,x\nA,1\n", 60_000_000, b"\nB,2\n"
            size = len(head) + long + len(tail)
            n = min(len(buffer), size - self.at)
            for k in range(n if n < 100 else 0):
                p = self.at + k
                buffer[k] = head[p] if p < len(head) else tail[p - len(head) - long] if p >= len(head) + long else 121
            if n >= 100:
                buffer[:n] = b"y" * n
                for part, start in ((head, 0), (tail, len(head) + long)):
                    for k, byte in enumerate(part):
                        if self.at <= start + k < self.at + n:
                            buffer[start + k - self.at] = byte
            self.at += n
            return n

    file = io.BufferedReader(Endless())
    tracemalloc.start()
    how = csv_files.examine(file)
    found = [(r.cells, r.problem is None) for r in csv_files.records(file, how)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(["name", "x"], True), (["A", "1"], True), ([], False), (["B", "2"], True)]
    assert peak < 20_000_000


def test_an_empty_file_is_refused_in_words() -> None:
    with pytest.raises(Invalid, match="nothing in this file"):
        csv_files.examine(io.BytesIO(b" \n\n"))
