"""One page as text: what it says, where it links, what it forbids, whether a gate stands before it. Pure; never raises.

The HTML is a stranger's: sizes are capped, every pattern is bounded, and what cannot be read is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from contracts.sites import PageKind

MAX_LINKS = 2000
MAX_LINES = 5000
MAX_LINE = 2000
MAX_SCRIPTS = 300
#: Elements inside each other: deeper ones are cut off, as browsers do; a parser takes quadratic time over them.
MAX_NESTED = 512
#: So many tags before anybody counts how deep they go: fewer are parsed in time however they nest.
MANY_TAGS = 5000
#: A page whose text is shorter can be a gate; a longer one only mentions it.
GATE_CHARS = 700

_INLINE = ["a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "mark", "q", "s", "small", "span", "strong", "sub",
           "sup", "time", "u", "wbr"]  # fmt: skip
_UNSEEN = ["style", "template", "svg", "math", "iframe", "object", "canvas", "select", "datalist"]
_FRAME = ["nav", "header", "footer", "aside", "form", "dialog"]
#: Tags that open something which must be closed again: neither void ones, nor those which the next one closes.
_TAG = re.compile(
    r"<(/?)(?!(?:p|li|t[rdh]|d[td]|option|br|img|hr|input|meta|link|source|col|wbr|area|base|path)\b)[a-zA-Z]"
)
_SPACE = re.compile(r"\s+")
_CAPTCHA = re.compile(
    r"(?i)just a moment|attention required|are you (?:a )?(?:human|robot)|verify (?:that )?you are (?:a )?human|"
    r"checking your browser|unusual traffic|access denied|enable javascript and cookies to continue|captcha"
)
_LOGIN = re.compile(r"(?i)\b(?:log ?in|sign ?in|anmelden|password|passwort)\b")


@dataclass(frozen=True, slots=True)
class Link:
    """An href as it stands in the page, and the words it is under."""

    href: str
    words: str


@dataclass(slots=True)
class Page:
    """A page that was read. `lines` is the main text, `whole` all visible text, both squeezed, one block a line."""

    url: str
    kind: PageKind
    at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    language: str | None = None
    lines: list[str] = field(default_factory=list)
    whole: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    metas: dict[str, str] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    ld_json: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    base: str | None = None
    refresh: str | None = None
    noindex: bool = False
    nofollow: bool = False
    gate: Literal["captcha", "login"] | None = None

    @property
    def chars(self) -> int:
        """Characters of main text."""
        return sum(map(len, self.lines))


def read(
    text: str, url: str, *, kind: PageKind, at: datetime, headers: Mapping[str, str], token: str, plain: bool = False
) -> Page:
    """The page in `text`. `token` is our product token: a robots meta may be addressed to it. `plain`: it is no HTML."""
    page = Page(url, kind, at, headers)
    _obey(page, headers.get("x-robots-tag", ""), token, named=True)
    if plain:
        page.lines = page.whole = [_line(line) for line in text.splitlines()[:MAX_LINES] if line.strip()]
        return page
    tree = LexborHTMLParser(_shallow(text))
    _head(page, tree, token)
    _links(page, tree)
    has_password = tree.css_first("input[type=password]") is not None
    _bodies(page, tree)
    page.gate = _gate(page, has_password)
    return page


def _shallow(text: str) -> str:
    """`text` up to where it nests too deeply."""
    if text.count("<") < MANY_TAGS:
        return text
    depth = 0
    for tag in _TAG.finditer(text):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > MAX_NESTED:
            return text[: tag.start()]
    return text


def _head(page: Page, tree: LexborHTMLParser, token: str) -> None:
    title, root = tree.css_first("title"), tree.css_first("html")
    page.title = _line(title.text()) if title is not None else ""
    page.language = _language((root.attributes.get("lang") or "") if root is not None else "") or _language(
        page.headers.get("content-language", "")
    )
    base = tree.css_first("base[href]")
    page.base = (base.attributes.get("href") or None) if base is not None else None
    for meta in tree.css("meta")[:MAX_SCRIPTS]:
        said = meta.attributes
        name = (said.get("name") or said.get("property") or said.get("http-equiv") or "").strip().lower()
        content = (said.get("content") or "").strip()[:MAX_LINE]
        if name in ("robots", token):
            _obey(page, content, token)
        elif name == "refresh":
            page.refresh = content.partition("=")[2].strip(" '\"") or None
        elif name and content:
            page.metas.setdefault(name, _line(content))
    for script in tree.css("script")[:MAX_SCRIPTS]:
        said = script.attributes
        if (said.get("type") or "").strip().lower() == "application/ld+json":
            page.ld_json.append(script.text()[:200_000])
        elif source := said.get("src"):
            page.scripts.append(source[:500])


def _obey(page: Page, directives: str, token: str, *, named: bool = False) -> None:
    """`named`: a header may begin with the crawler it means, "otherbot: noindex"."""
    for part in directives.lower().split(","):
        whom, colon, rest = part.partition(":")
        if named and colon and whom.strip() not in ("unavailable_after", "max-snippet"):
            if whom.strip() != token:
                continue
            part = rest
        word = part.strip()
        page.noindex = page.noindex or word in ("noindex", "none")
        page.nofollow = page.nofollow or word in ("nofollow", "none")


def _links(page: Page, tree: LexborHTMLParser) -> None:
    for node in tree.css("a[href], area[href]")[:MAX_LINKS]:
        said = node.attributes
        href = (said.get("href") or "").strip()
        if href and len(href) <= MAX_LINE and "nofollow" not in (said.get("rel") or "").lower().split():
            words = node.text(separator=" ") or said.get("title") or said.get("aria-label") or ""
            page.links.append(Link(href, _line(words[:500])[:200]))


def _bodies(page: Page, tree: LexborHTMLParser) -> None:
    tree.strip_tags(["script", *_UNSEEN], recursive=True)
    body = tree.body
    if body is None:
        return
    for node in body.css("address")[:20]:
        page.addresses.append(_line(", ".join(node.text(separator="\n").split("\n")))[:500])
    tree.unwrap_tags(_INLINE)
    tree.merge_text_nodes()
    page.whole = _blocks(body)
    tree.strip_tags(["noscript", *_FRAME], recursive=True)
    page.lines = _blocks(body)


def _blocks(body: LexborNode) -> list[str]:
    pieces = body.text(separator="\x1e").split("\x1e")
    return [line for piece in pieces[: 4 * MAX_LINES] if (line := _line(piece))][:MAX_LINES]


def _gate(page: Page, has_password: bool) -> Literal["captcha", "login"] | None:
    if page.chars > GATE_CHARS:
        return None
    seen = " ".join([page.title, *page.whole[:50]])[:4000]
    if _CAPTCHA.search(seen):
        return "captcha"
    return "login" if has_password and _LOGIN.search(seen) else None


def _line(text: str) -> str:
    return _SPACE.sub(" ", text.replace("\0", "")[: 2 * MAX_LINE]).strip()[:MAX_LINE]


def _language(tag: str) -> str | None:
    """The primary subtag of a BCP 47 tag: "en-ZA" -> "en"."""
    word = re.split(r"[-_,;\s]", tag.strip().lower())[0]
    return word if 2 <= len(word) <= 3 and word.isascii() and word.isalpha() else None
