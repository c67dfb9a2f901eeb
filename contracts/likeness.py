"""How alike two records of a company are: the features from which a pair's probability is learned and told. Pure.

A feature is absent where one of the two does not say. Names are compared as Christen, "Data Matching" (2012), chapter 5, describes:
token sets, sorted tokens and Jaro-Winkler see different kinds of difference (words left out, swapped, mistyped).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from urllib.parse import urlsplit

from rapidfuzz.distance import JaroWinkler
from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from contracts.identity import name_core

#: Words of addresses that are written in several ways. Ordinals stay what they are, only spelt as numbers.
_STREET = {
    "street": "st", "str": "st", "avenue": "ave", "av": "ave", "aven": "ave", "boulevard": "blvd", "blv": "blvd", "boul": "blvd",
    "road": "rd", "drive": "dr", "lane": "ln", "place": "pl", "court": "ct", "square": "sq", "highway": "hwy", "parkway": "pkwy",
    "terrace": "ter", "crescent": "cres", "circle": "cir", "north": "n", "south": "s", "east": "e", "west": "w",
    "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "strasse": "st", "straat": "st", "platz": "pl",
    "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th", "seventh": "7th",
    "eighth": "8th", "ninth": "9th", "tenth": "10th", "saint": "st", "calle": "c", "piazza": "p", "plaza": "pl",
}  # fmt: skip
#: A suite or floor says where in the house, which few write down: it and its number are left out.
_INSIDE = re.compile(
    r"\b(?:suite|ste|floor|fl|unit|apt|room|rm|no|nr|level|stock|etage|bldg|building)\b\.?\s*#?\s*\d+[a-z]?\b"
)
#: German and Dutch write street and kind as one word.
_TAIL = re.compile(r"(?<=\w\w)(?:strasse|straat|str)$")
_NUMBER = re.compile(r"\d+[a-z]?")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)")
_POSSESSIVE = re.compile(r"['’`´‘?](?=s?\b|\w)")
_WORDS = re.compile(r"[^\W_]+", re.UNICODE)
#: Features made of others, by `together`.
TOGETHER = ("name_place", "name_phone", "name_site")
_EXTENSION = re.compile(r"\s*(?:ext\.?|extension|x|#)\s*\d+\s*$|[,;].*$|\bor\b.*$", re.IGNORECASE)
_ARTICLES = frozenset(
    {"the", "le", "la", "les", "el", "il", "der", "die", "das", "de", "and", "of", "et", "und", "y", "e", "at"}
)
#: What people write where they have no address of a site.
_NO_SITE = frozenset({"yes", "no", "none", "n", "y", "na", "n/a", "-"})
#: Fewer digits are an extension or a short code, which says nothing.
_LEAST_PHONE = 6


@dataclass(frozen=True, slots=True)
class Record:
    """What is compared. Empty: not known. `country` is ISO 3166-1 alpha-2 or any spelling, `phone` digits as they were written."""

    name: str
    words: tuple[str, ...] = ()
    country: str = ""
    city: str = ""
    address: str = ""
    numbers: tuple[str, ...] = ()
    zip: str = ""
    phone: str = ""
    site: str = ""
    registries: frozenset[str] = field(default_factory=frozenset)


def record(
    name: str | None,
    *,
    country: str | None = None,
    city: str | None = None,
    address: str | None = None,
    zip: str | None = None,
    phone: str | None = None,
    website: str | None = None,
    registries: frozenset[str] = frozenset(),
) -> Record:
    """Fold raw texts to what is compared."""
    words = name_words(name or "")
    street = _street(address or "")
    return Record(
        name=" ".join(words),
        words=words,
        country=_fold(country or "").upper(),
        city=" ".join(_WORDS.findall(_fold(city or ""))),
        address=" ".join(street),
        numbers=tuple(w for w in street if _NUMBER.fullmatch(w)),
        zip="".join(_WORDS.findall(_fold(zip or ""))),
        phone=phone_digits(phone or ""),
        site=site(website or ""),
        registries=registries,
    )


def name_words(name: str) -> tuple[str, ...]:
    """The words that tell a name apart: core name without possessive marks and articles, unless nothing else is left."""
    words = tuple(name_core(_POSSESSIVE.sub("", name)).split())
    telling = tuple(w for w in words if w not in _ARTICLES)
    return telling or words


def phone_digits(phone: str) -> str:
    """The national number: digits without extension, + or 00 of a country, and trunk zero. Empty when too short to say anything."""
    text = _EXTENSION.sub("", phone.strip())
    digits = re.sub(r"\(0\)|\D", "", text)
    digits = digits.removeprefix("00") if digits.startswith("00") else digits
    digits = digits.lstrip("0")
    if len(digits) == 11 and digits.startswith("1"):  # North America's country code
        digits = digits[1:]
    return digits if len(digits) >= _LEAST_PHONE else ""


def site(website: str) -> str:
    """Host of a site without www, lower case; empty when it is none."""
    text = website.strip().lower()
    if text in _NO_SITE or "." not in text:
        return ""
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.").rstrip(".")


def features(a: Record, b: Record, rarity: Rarity | None = None) -> dict[str, float]:
    """Features of a pair, symmetric. Similarities are 0 to 1; agreements and conflicts 0, 0.5 or 1. Absent: one does not say."""
    said: dict[str, float] = {}
    if a.name and b.name:
        said["name_set"] = token_set_ratio(a.name, b.name) / 100
        said["name_sort"] = token_sort_ratio(a.name, b.name) / 100
        said["name_jw"] = JaroWinkler.similarity(a.name, b.name)
        said["name_rare"] = (rarity or _EVEN).overlap(a.words, b.words)
        said["name_same"] = 1.0 if a.name.replace(" ", "") == b.name.replace(" ", "") else 0.0
    if a.address and b.address:
        said["address_set"] = token_set_ratio(a.address, b.address) / 100
        said["address_ratio"] = ratio(a.address, b.address) / 100
        if a.numbers and b.numbers:
            first = a.numbers[0] == b.numbers[0]
            shared = first or not set(a.numbers).isdisjoint(b.numbers)
            said["number_agree"] = 1.0 if first else 0.5 if shared else 0.0
            said["number_conflict"] = 0.0 if shared else 1.0
    if a.phone and b.phone:
        said["phone_agree"] = same_phone(a.phone, b.phone)
        said["phone_conflict"] = 1.0 if said["phone_agree"] == 0 else 0.0
    if a.zip and b.zip:
        said["zip_agree"] = 1.0 if a.zip.startswith(b.zip) or b.zip.startswith(a.zip) else 0.0
        said["zip_alike"] = ratio(a.zip, b.zip) / 100
    if a.city and b.city:
        said["city"] = token_set_ratio(a.city, b.city) / 100
    if a.site and b.site:
        said["site_agree"] = 1.0 if a.site == b.site else 0.0
    return together(said)


def together(said: Mapping[str, float]) -> dict[str, float]:
    """The features with what says more together than by itself: many firms share a house or a switchboard, branches
    share a name.
    """
    found = {name: value for name, value in said.items() if name not in TOGETHER}
    name = found.get("name_rare")
    if name is None:
        return found
    if "address_set" in found:
        found["name_place"] = name * found["address_set"] * found.get("number_agree", 0.5)
    if "phone_agree" in found:
        found["name_phone"] = name * found["phone_agree"]
    if "site_agree" in found:
        found["name_site"] = name * found["site_agree"]
    return found


def same_phone(a: str, b: str) -> float:
    """1: the same number, one perhaps without its country or area; 0.5: one digit off or another area code; 0: others."""
    short = min(len(a), len(b))
    if a[-short:] == b[-short:] and short >= _LEAST_PHONE:
        return 1.0
    nine = min(short, 9)
    if nine >= 8 and a[-nine:] == b[-nine:]:
        return 1.0
    if len(a) == len(b) and (sum(x != y for x, y in zip(a, b, strict=True)) == 1 or (short >= 9 and a[-7:] == b[-7:])):
        return 0.5
    return 0.0


def contradictions(a: Record, b: Record) -> tuple[str, ...]:
    """What the two say that cannot both be true of one company: then a person decides, however alike they are."""
    said = features(a, b)
    found = {
        "registry": bool(a.registries and b.registries and not a.registries & b.registries),
        "country": bool(a.country and b.country and a.country != b.country),
        "website": said.get("site_agree") == 0.0,
        "street_number": said.get("number_conflict") == 1.0,
        "phone": said.get("phone_conflict") == 1.0,
        "zip": said.get("zip_agree") == 0.0,
        "city": bool(a.city and b.city) and said["city"] < 0.6,
    }
    return tuple(name for name, true in found.items() if true)


@dataclass(frozen=True, slots=True)
class Rarity:
    """How much a word tells, from how many of `total` names have it: log((1 + total) / (1 + having))."""

    total: int = 0
    having: Mapping[str, int] = field(default_factory=dict)

    def weight(self, word: str) -> float:
        return log((2 + self.total) / (1 + self.having.get(word, 0)))

    def overlap(self, a: tuple[str, ...], b: tuple[str, ...]) -> float:
        """Share of the telling weight of both names that is in words they share; a mistyped word counts as shared."""
        left, right = list(dict.fromkeys(a)), list(dict.fromkeys(b))
        common = [w for w in left if w in right]
        both = 2 * sum(self.weight(w) for w in common)
        alone_a = [w for w in left if w not in common]
        alone_b = [w for w in right if w not in common]
        whole = both
        for word in alone_a:
            best = max(alone_b, key=lambda other: JaroWinkler.similarity(word, other), default=None)
            if best is not None and len(word) > 3 and JaroWinkler.similarity(word, best) >= 0.9:
                alone_b.remove(best)
                shared = self.weight(word) + self.weight(best)
                both += shared * 0.9
                whole += shared
            else:
                whole += self.weight(word)
        whole += sum(self.weight(w) for w in alone_b)
        return both / whole if whole else 0.0


_EVEN = Rarity()


def _street(address: str) -> list[str]:
    text = _INSIDE.sub(" ", _fold(address).replace("ß", "ss"))
    words = []
    for word in _WORDS.findall(text):
        word = _TAIL.sub(" st", word)
        words += [_STREET.get(each, each) for each in word.split()]
    return words


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text)
    return "".join(c for c in folded if not unicodedata.combining(c)).casefold()
