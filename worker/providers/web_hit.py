"""From a web search hit to a company: whose site is it, what is it called, where is it?

Pure. A hit on a directory, a social network, a marketplace or a mail host says something about a company but
is not its site: such hosts are never companies.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from contracts.domains import company_domain as company_domain
from contracts.domains import registrable_domain as registrable_domain
from contracts.domains import suffixes

MAX_URL = 500
MAX_CONTACTS = 5

_TRACKING = re.compile(r"(?i)^(utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|ref|source|sessionid|phpsessid)$")
_INDEX = re.compile(r"(?i)/(index|default|home)\.(html?|php|aspx?)$")
_EMAIL = re.compile(
    r"(?<![\w.+-])([A-Za-z0-9][\w.+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])", re.ASCII
)
_SEPARATOR = re.compile(r"\s+[-–—|·•»:]+\s+|\s*\|\s*|:\s+")
_PAGE_WORDS = re.compile(
    r"(?i)^(welcome( to)?|home( ?page)?|about( us)?|contact( us)?|products?|services|catalogue|"
    r"shop( online)?|official (web)?site|index|our (team|story|work)|untitled|404.*|page not found)"
    r"\b[\s!:.-]*"
)
_LETTERS = re.compile(r"[\W_]+")


def normal_url(url: str) -> str | None:
    """One spelling for one page: https, no www, no tracking, no fragment, no index page, at most 500
    characters.

    None for what is not a web address.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or "." not in host:
        return None
    host = host.removeprefix("www.") + (f":{port}" if port not in (None, 80, 443) else "")
    path = quote(_INDEX.sub("", parts.path).rstrip("/"), safe="/%:@!$&'()*+,;=~-._")
    asked = sorted((k, v) for k, v in parse_qsl(parts.query) if not _TRACKING.match(k))
    whole = f"https://{host}{path}" + (f"?{urlencode(asked)}" if asked else "")
    if len(whole) <= MAX_URL:
        return whole
    return f"{whole[: MAX_URL - 33]}#{hashlib.sha256(whole.encode()).hexdigest()[:32]}"


def company_name(title: str, domain: str) -> str:
    """The company in a page title: "Home | Acme (Pty) Ltd - Uniforms" at acme.co.za -> "Acme (Pty) Ltd".

    Of the parts between separators the one that looks like the domain wins, else the first that is not page
    furniture; a title without any gives the domain's own label.
    """
    label = suffixes()(domain).domain or domain
    parts = [_PAGE_WORDS.sub("", part.strip()).strip() for part in _SEPARATOR.split(" ".join(title.split()))]
    parts = [part for part in parts if _LETTERS.sub("", part)]
    if not parts:
        return label.replace("-", " ").title()
    best = max(parts, key=lambda part: _likeness(part, label))
    return (best if _likeness(best, label) >= 3 else parts[0])[:500].strip()


def addresses_at(domain: str, text: str) -> list[str]:
    """E-mail addresses in `text` that belong to `domain`, lower case, each once, at most 5."""
    found: dict[str, None] = {}
    for match in _EMAIL.finditer(text):
        if registrable_domain(match.group(2)) == domain:
            found[f"{match.group(1).rstrip('.')}@{match.group(2)}".lower()] = None
    return list(found)[:MAX_CONTACTS]


def _likeness(part: str, label: str) -> int:
    """How many letters of the domain's label the words of `part` account for, from its start."""
    name, wanted = _LETTERS.sub("", part).casefold(), _LETTERS.sub("", label).casefold()
    initials = "".join(word[0] for word in re.findall(r"\w+", part.casefold()))
    if len(wanted) > 1 and initials.startswith(wanted):
        return len(wanted) + 2
    shared = 0
    while shared < min(len(name), len(wanted)) and name[shared] == wanted[shared]:
        shared += 1
    return shared
