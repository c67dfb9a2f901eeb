"""E-mail addresses and telephone numbers in a page's text and links. Pure; bounded in time whatever the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import phonenumbers

from worker.enrichment.crawl_plan import belongs
from worker.enrichment.page import Page

#: Of a page's visible text, from its start and from its end: contact data stands in the footer.
MAX_TEXT = 200_000
MAX_FOUND = 50

_EMAIL = re.compile(
    r"(?<![\w.+-])([A-Za-z0-9][\w.+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])", re.ASCII
)
_AT = re.compile(r"(?i)[\[({<]\s?(?:at|ät|@)\s?[\])}>]| (?-i:AT) ")
_DOT = re.compile(r"(?i)\s?[\[({<]\s?(?:dot|punkt|\.)\s?[\])}>]\s?| (?-i:DOT) ")
_NAME_BEFORE = re.compile(r"([A-Za-z0-9][\w.+-]{0,63})\s?$", re.ASCII)
_HOST_AFTER = re.compile(r"^\s?((?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,24})(?![\w-])", re.ASCII)
#: Local parts and hosts of templates, and of what is no mailbox but looks like one (an image for dense screens).
_NOBODY = re.compile(
    r"(?i)^(?:you|your|name|user|username|email|e-?mail|mail|example|test|john\.?doe|jane\.?doe|someone|firstname(?:\.lastname)?|"
    r"yourname|your\.?email|no-?reply|do-?not-?reply|xxx+|abc|[0-9a-f]{24,})$"
)
_NOWHERE = re.compile(
    r"(?i)^(?:.*\.)?(?:example\.(?:com|org|net)|domain\.(?:com|tld)|yourdomain\.com|company\.com|mysite\.com|email\.com|sentry\.io|"
    r"wixpress\.com|sentry\.wixpress\.com|godaddy\.com|schema\.org|w3\.org)$"
)
_FILE = re.compile(r"(?i)\.(?:png|jpe?g|gif|webp|svg|css|js|pdf|html?|php|mp4|ico)$")
FREE_MAIL = frozenset(
    {
        "gmail.com", "googlemail.com", "yahoo.com", "yahoo.co.uk", "yahoo.co.id", "hotmail.com", "outlook.com", "live.com",
        "aol.com", "icloud.com", "gmx.de", "gmx.net", "web.de", "proton.me", "protonmail.com", "mail.com", "webmail.co.za",
        "mweb.co.za", "vodamail.co.za", "telkomsa.net", "iafrica.com",
    }
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.,/@#-])(?:\+|\(\+?)?\d[\d ().\u00a0\u2011-]{5,20}\d(?![\w@%])")
_PHONE_WORD = re.compile(r"(?i)(?:tel|phone|call|mobile|mob|cell|whatsapp|telefon|hotline|fon|t|m|p)[.:/\s()+-]{0,8}$")
_FAX_WORD = re.compile(r"(?i)(?:fax|f)[.:/\s()+-]{0,8}$")


@dataclass(frozen=True, slots=True)
class Found:
    """A value, how it stood there, how sure that makes it; `country` a number belongs to."""

    value: str
    how: str
    confidence: float
    country: str | None = None


def emails(page: Page, domain: str) -> list[Found]:
    """Addresses of the page, each once, lower case; the company's own domain first, then free mail, then others."""
    best: dict[str, Found] = {}
    for address, how, sure in _addresses(page):
        if (kept := plausible(address, domain)) is None:
            continue
        value, weight = kept
        found = Found(value, how, round(sure * weight, 2))
        if value not in best or best[value].confidence < found.confidence:
            best[value] = found
        if len(best) >= MAX_FOUND:
            break
    return sorted(best.values(), key=lambda f: (-_weight(f.value.rpartition("@")[2], domain), -f.confidence, f.value))


def _addresses(page: Page) -> Iterator[tuple[str, str, float]]:
    for link in page.links:
        if link.href[:7].lower() == "mailto:":
            for match in _EMAIL.finditer(unquote(link.href[7:]).partition("?")[0]):
                yield match[0], "mailto", 0.95
    text = _text(page)
    for match in _EMAIL.finditer(text):
        yield match[0], "text", 0.9
    for match in _AT.finditer(text):
        before = _NAME_BEFORE.search(text[max(0, match.start() - 66) : match.start()])
        after = _HOST_AFTER.match(_DOT.sub(".", text[match.end() : match.end() + 120]))
        if before and after:
            yield f"{before[1]}@{after[1]}", "spelt", 0.75


def plausible(address: str, domain: str) -> tuple[str, float] | None:
    """(the address in lower case, how likely it is the company's), or None for what nobody reads."""
    local, _, host = address.lower().rpartition("@")
    local = local.strip(".")
    if (
        not local
        or len(local) > 64
        or ".." in local
        or _NOBODY.match(local)
        or _NOWHERE.match(host)
        or _FILE.search(host)
    ):
        return None
    return f"{local}@{host}", _weight(host, domain)


def _weight(host: str, domain: str) -> float:
    if belongs(host, domain):
        return 1.0
    return 0.6 if host in FREE_MAIL else 0.3


def phones(page: Page, country: str | None) -> list[Found]:
    """Telephone numbers in E.164, each once, the surest first. `country` reads national numbers; no faxes."""
    best: dict[str, Found] = {}
    for said, how, sure in _numbers(page):
        found = number(said, how, sure, country)
        if found is not None and (found.value not in best or best[found.value].confidence < found.confidence):
            best[found.value] = found
        if len(best) >= MAX_FOUND:
            break
    return sorted(best.values(), key=lambda f: (-f.confidence, f.value))


def _numbers(page: Page) -> Iterator[tuple[str, str, float]]:
    for link in page.links:
        scheme, _, rest = link.href.partition(":")
        if scheme.lower() in ("tel", "callto"):
            yield unquote(rest)[:40], "tel", 0.95
        elif "wa.me/" in link.href[:40]:
            yield "+" + link.href.partition("wa.me/")[2][:20].partition("?")[0].strip("+/"), "whatsapp", 0.9
    text = _text(page)
    for count, match in enumerate(_NUMBER.finditer(text)):
        if count > 4 * MAX_FOUND:
            return
        before = text[max(0, match.start() - 24) : match.start()].rpartition("\n")[2]
        if _FAX_WORD.search(before):
            continue
        # Without a word or a plus before it, digits may be anything.
        named = bool(_PHONE_WORD.search(before))
        yield match[0], "text", 0.85 if named else 0.7 if "+" in match[0] else 0.4


def number(said: str, how: str, sure: float, country: str | None) -> Found | None:
    try:
        number = phonenumbers.parse(said.replace("(0)", ""), country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_valid_number(number):
        weight, value = 1.0, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    elif phonenumbers.is_possible_number(number) and "+" in said:
        # Written out in full, of a length that can be dialled: a range our tables may not know yet, so it stays as it was written.
        weight, value = 0.6, "+" + "".join(c for c in said if c.isdecimal() and c.isascii())
    else:
        return None
    region = phonenumbers.region_code_for_country_code(number.country_code or 0)
    home = phonenumbers.region_code_for_number(number) or (region if region not in ("001", "ZZ") else None)
    return Found(value, how, round(sure * weight, 2), home if home and len(home) == 2 and home.isalpha() else None)


def _text(page: Page) -> str:
    text = "\n".join(page.whole)
    return text if len(text) <= 2 * MAX_TEXT else f"{text[:MAX_TEXT]}\n{text[-MAX_TEXT:]}"
