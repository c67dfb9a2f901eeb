"""Which letters the bytes of a page stand for."""

from __future__ import annotations

import codecs
import re

_DECLARED = re.compile(rb"""(?i)<meta[^>]{0,200}?charset\s{0,5}=\s{0,5}["']?\s{0,5}([\w:.+-]{1,40})""")
_PARAMETER = re.compile(r"""(?i)charset\s*=\s*["']?\s*([\w:.+-]{1,40})""")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: What browsers read when a page says the left (WHATWG Encoding Standard): supersets that pages really mean.
_MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip
#: Nothing else is decoded: some codecs of Python are no charsets, and some can hide markup from a reader.
_KNOWN = frozenset(
    {
        "utf-8", "utf-16", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "cp932",
        "cp949", "cp874", "mac-roman", "cp866", *(f"cp125{n}" for n in range(9)), *(f"iso8859-{n}" for n in range(2, 17)),
    }
)  # fmt: skip
_HEAD = 4096


def decoded(body: bytes, content_type: str) -> str:
    """`body` as text: by its byte order mark, else as UTF-8 if it is, else as header or meta say, else as Windows-1252.

    Valid UTF-8 beats what is declared: hardly any text in another charset happens to be it, and many servers declare by habit.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace").replace("\0", "")
    said = _header(content_type) or _meta(body)
    if said in ("utf-16", "utf-16-le", "utf-16-be", "iso2022_jp"):
        return body.decode(said, "replace").replace("\0", "")
    try:
        return _cut_safe(body).decode("utf-8").replace("\0", "")
    except UnicodeDecodeError:
        return body.decode(said or "cp1252", "replace").replace("\0", "")


def _cut_safe(body: bytes) -> bytes:
    """Without a last letter that the size cap may have cut in two."""
    for back in range(1, min(4, len(body)) + 1):
        byte = body[-back]
        if byte >= 0xC0:
            whole = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return body if back >= whole else body[:-back]
        if byte < 0x80:
            break
    return body


def _header(content_type: str) -> str | None:
    found = _PARAMETER.search(content_type)
    return _codec(found[1]) if found else None


def _meta(body: bytes) -> str | None:
    found = _DECLARED.search(body[:_HEAD])
    name = _codec(found[1].decode("ascii", "ignore")) if found else None
    # A page that could be read up to its meta tag is not in UTF-16.
    return "utf-8" if name and name.startswith("utf-16") else name


def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
    except LookupError:
        return None
    name = _MEANT.get(name, name)
    return name if name in _KNOWN else None
