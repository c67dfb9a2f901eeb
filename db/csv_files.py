"""CSV as people send it: which encoding, which separator, and one record at a time however long the file is."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from contracts.errors import Invalid

#: Longest line, and most lines of one record: beyond that a quote was opened and never closed.
MAX_LINE, MAX_LINES, MAX_RECORD = 200_000, 200, 1_000_000
_CHUNK = 1 << 20
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Examined:
    """How a file is to be read, and the SHA-256 of its content: the same file is the same import."""

    encoding: str
    separator: str
    sha256: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `number` counts as a spreadsheet does, the header is 1. `problem`: it cannot be read, the next ones can."""

    number: int
    cells: list[str]
    problem: str | None = None


class _Runaway(Exception):
    """A record that does not end."""


def examine(file: BinaryIO) -> Examined:
    """Read a file through once. Raises: Invalid when there is nothing in it."""
    digest, utf8, valid, head = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), True, b""
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        head = head or chunk
        try:
            if valid:
                utf8.decode(chunk)
        except UnicodeDecodeError:
            valid = False
    try:
        utf8.decode(b"", final=valid)
    except UnicodeDecodeError:
        valid = False
    if not head.strip():
        raise Invalid("there is nothing in this file: its first line must name the columns", code="empty_file")
    encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8" if valid else "cp1252")
    notes: tuple[str, ...] = ()
    if encoding == "cp1252":
        notes = ("the file is not UTF-8: it was read as Windows-1252",)
    text = head.decode(encoding, "replace").lstrip("\ufeff")
    return Examined(encoding, _separator(text), digest.digest(), notes)


def _separator(text: str) -> str:
    """The one that stands most often in the first line, outside quotes."""
    bare, quoted = "", False
    for letter in text[:MAX_LINE]:
        if letter == '"':
            quoted = not quoted
        elif letter in "\r\n" and not quoted:
            if bare.strip():
                break
            bare = ""
        elif not quoted:
            bare += letter
    return max(_SEPARATORS, key=lambda each: (bare.count(each), -_SEPARATORS.index(each)))


def records(file: BinaryIO, how: Examined) -> Generator[Record]:
    """Every record of a file, the header first, in constant memory. What cannot be read is a Record with a `problem`."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=how.encoding, errors="replace", newline="")
    csv.field_size_limit(MAX_RECORD * 2)
    lines, number = _Lines(text), 0
    try:
        while True:
            reader = csv.reader(lines, delimiter=how.separator)
            try:
                for cells in reader:
                    number += 1
                    lines.taken()
                    yield Record(number, cells)
            except _Runaway as error:
                number += 1
                lines.give_back()
                yield Record(number, [], str(error))
            except csv.Error as error:
                number += 1
                lines.give_back()
                yield Record(number, [], f"cannot be read ({error}): correct it")
            else:
                return
    finally:
        text.detach()


class _Lines:
    """Lines for the reader. Those of a record under way are kept, so that only the first is lost when it does not end."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._again: list[str] = []
        self._held: list[str] = []
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._again:
            line = self._again.pop()
        else:
            line = self._text.readline(MAX_LINE)
            if not line:
                if self._held:
                    raise _Runaway(_UNCLOSED)
                raise StopIteration
            if len(line) >= MAX_LINE and not line.endswith(("\n", "\r")):
                self._skip_line()
                self._held.append("")
                raise _Runaway(f"has more than {MAX_LINE} characters in one line: shorten it")
        self._held.append(line)
        self._size += len(line)
        if len(self._held) > MAX_LINES or self._size > MAX_RECORD:
            raise _Runaway(_UNCLOSED)
        return line

    def taken(self) -> None:
        """The record under way has ended."""
        self._held.clear()
        self._size = 0

    def give_back(self) -> None:
        """Begin anew with the second line of the record under way."""
        self._again += reversed(self._held[1:])
        self.taken()

    def _skip_line(self) -> None:
        while (more := self._text.readline(MAX_LINE)) and not more.endswith(("\n", "\r")):
            pass


_UNCLOSED = 'opens a quote (") that is never closed: close it, or write "" for a quote inside a value'
