"""The fenced blocks of the documents: which are there, what each is for, and which commands stand in one. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Languages a block may have. `sh` and `python` are run, `json` and `yaml` are read, `mermaid` and `text` are to be looked at.
KNOWN = ("sh", "python", "json", "yaml", "mermaid", "text")
#: The shell leaves these out; nobody writes such a mark inside of quotes.
_COMMENT = re.compile(r"(?:^|(?<=\s))# .*$", re.MULTILINE)
_OPENING = re.compile(r"^ *(`{3,}|~{3,})(.*)$")


class Misplaced(ValueError):
    """A block that nobody would check. The sentence says where it is and how to mend it."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: `line` is that of its first line of text. `no_run` says why it cannot be run in a test."""

    page: str
    line: int
    language: str
    no_run: str | None
    text: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, text: str) -> list[Block]:
    """Every block of a page. Raises: Misplaced."""
    found: list[Block] = []
    fence, opening, body, began = "", "", [""], 0
    for number, line in enumerate(text.splitlines(), 1):
        match = _OPENING.match(line)
        if not fence and match:
            fence, opening, body, began = match[1], match[2].strip(), [], number + 1
        elif fence and match and match[1].startswith(fence) and not match[2].strip():
            found.append(_block(page, began, opening, "\n".join(body)))
            fence = ""
        elif fence:
            body.append(line)
    if fence:
        raise Misplaced(f"{page}:{began}: the block is never closed")
    return found


def _block(page: str, line: int, opening: str, text: str) -> Block:
    language, _, rest = opening.partition(" ")
    where = f"{page}:{line}"
    if language not in KNOWN:
        raise Misplaced(f"{where}: language {language!r}: write one of {', '.join(KNOWN)}")
    reason = rest.strip().removeprefix("no-run:").strip() if rest.strip().startswith("no-run:") else None
    if rest.strip() and reason is None:
        raise Misplaced(f"{where}: {rest.strip()!r} after the language: only `no-run: REASON` may stand there")
    if reason is not None and len(reason.split()) < 3:
        raise Misplaced(f"{where}: no-run wants its reason, in some words")
    if reason is not None and language not in ("sh", "python"):
        raise Misplaced(f"{where}: nothing runs a block of {language}: drop the marker")
    if language == "text" and (hidden := _hidden(text)):
        raise Misplaced(f"{where}: {hidden!r} is to be typed: make it a block of sh")
    return Block(page, line, language, reason, text)


def _hidden(text: str) -> str | None:
    """A line that somebody would type, unless it is one of the synopsis (`headwater runs create|list`)."""
    for line in text.splitlines():
        typed = re.match(r"^(?:\$ |curl |make |docker |kubectl |pg_|psql |export |\. )", line)
        if typed or (line.startswith("headwater ") and re.search(r"\$|--[\w-]+ [a-z0-9]+(?![a-z0-9|])|#", line)):
            return line
    return None


def of(page: Path) -> list[Block]:
    """The blocks of a page. Raises: Misplaced."""
    return blocks(page.relative_to(ROOT).as_posix(), page.read_text(encoding="utf-8"))


def collected(language: str) -> list[Block]:
    """Every block of a language. Pages with a misplaced one are left out: a test of its own says so, and collecting goes on."""
    found: list[Block] = []
    for page in PAGES:
        with suppress(Misplaced):
            found += [block for block in of(page) if block.language == language]
    return found


def all_blocks() -> Iterator[Block]:
    for page in PAGES:
        yield from of(page)


def commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command of a piece of shell, comments left out. Meant for what documents show, no more."""
    joined = _COMMENT.sub("", text.replace("\\\n", " "))
    # What stands in quotes stays one word, also over several lines.
    lexer = shlex.shlex(joined, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    words: list[str] = []
    for token in lexer:
        if token and set(token) <= set("();|&\n"):
            if words:
                yield words
            words = []
        else:
            words.append(token)
    if words:
        yield words
