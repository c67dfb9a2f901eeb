"""Invented directories of companies, to learn from what the labelled sets do not show: houses with many firms,
branches, moves, other
countries' addresses, missing columns. Names are given (real legal names); everything else is drawn. Pure, and the same for a seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.identity import name_core

_STREETS = (
    "{n} {d} {w} Street", "{n} {w} St.", "{n} {w} Avenue", "{n} {w} Ave", "{n} {d} {w} Blvd.", "{n} {w} Road", "{n} {w} Lane",
    "{w}straße {n}", "{w}str. {n}", "{w}weg {n}", "Rue de {w} {n}", "{n} rue {w}", "Via {w} {n}", "Calle {w} {n}", "{w}straat {n}",
    "{n} {w} Drive", "Piazza {w} {n}", "Avenida {w}, {n}", "{w}gatan {n}", "ul. {w} {n}",
)  # fmt: skip
_STEMS = (
    "Linden", "Park", "Church", "Mill", "King", "Queen", "Station", "Garden", "Bahnhof", "Schiller", "Goethe", "Republique",
    "Victor Hugo", "Garibaldi", "Roma", "Mayor", "Alcala", "Harbour", "Market", "High", "Oak", "Maple", "Cedar",
    "Washington", "Lincoln", "Jefferson", "Madison", "Lake", "River", "Hill", "Spring", "Wilhelm", "Friedrich", "Kaiser",
    "Nieuwe", "Prins Hendrik", "Drottning", "Marszalkowska", "Commercial", "Bridge", "Grove", "Chestnut", "Franklin",
    "Clark", "Ashland", "Western", "Mozart", "Beethoven", "Pasteur", "Foch",
)  # fmt: skip
_CITIES = (
    "Springfield", "Port Alma", "Lindau", "Neustadt", "Villeneuve", "Montclair", "San Marco", "Castelnuovo", "Villanueva",
    "Amstelveen", "Norrby", "Nowy Dwor", "Kingsbridge", "Westbrook", "Eastfield", "Oakdale", "Rosebank", "Sandton",
    "Halfway House", "Riverside",
)  # fmt: skip
_SHORT = {
    "international": "intl", "services": "svcs", "service": "svc", "management": "mgmt", "company": "co", "associates":
    "assoc", "association": "assn", "center": "ctr", "centre": "ctr", "manufacturing": "mfg", "national": "natl",
    "university": "univ",
}  # fmt: skip
_FORMS = ("Ltd", "Limited", "Inc.", "LLC", "GmbH", "S.A.", "")


@dataclass(frozen=True, slots=True)
class Listing:
    """A company as one directory lists it. `entity` is the truth."""

    entity: int
    name: str
    country: str
    city: str
    address: str
    zip: str
    phone: str
    website: str


def directory(names: Sequence[tuple[str, str]], seed: int) -> list[Listing]:
    """Listings of companies called so, in those countries: each once or more, as differently as people write it down."""
    draw = random.Random(seed)  # noqa: S311
    houses = [_house(draw) for _ in range(max(1, len(names) // 12))]
    board = {house: _phone(draw, house[1]) for house in houses}
    listings: list[Listing] = []
    entity = 0
    for name, country in names:
        house = draw.choice(houses) if draw.random() < 0.3 else _house(draw)
        shared = house in board and draw.random() < 0.25
        phone = board[house] if shared else _phone(draw, house[1])
        if house in board and not shared and draw.random() < 0.5:  # the next numbers of a block
            phone = board[house][:-2] + f"{draw.randrange(100):02}"
        site = f"www.{name_core(name).replace(' ', '')[:24]}.{draw.choice(('com', 'net', 'org', 'example'))}"
        first = Listing(entity, name, country, house[0], house[2], house[1], phone, site)
        listings += _views(draw, first)
        entity += 1
        if draw.random() < 0.08:  # a branch or a namesake elsewhere: somebody else
            away = _house(draw)
            other = replace(
                first, entity=entity, city=away[0], address=away[2], zip=away[1], phone=_phone(draw, away[1])
            )
            listings += _views(draw, replace(other, website="" if draw.random() < 0.7 else other.website))
            entity += 1
    return listings


def _house(draw: random.Random) -> tuple[str, str, str]:
    place = draw.randrange(len(_CITIES))
    direction = draw.choice(("", "N.", "S.", "E.", "W.", "North"))
    address = draw.choice(_STREETS).format(n=draw.randrange(1, 4000), d=direction, w=draw.choice(_STEMS))
    return _CITIES[place], f"{20 + place}{draw.randrange(12):02}{draw.randrange(10)}", " ".join(address.split())


def _phone(draw: random.Random, zip_: str) -> str:
    return f"{int(zip_[:2]) + 200}{draw.randrange(2_000_000, 9_999_999)}"


def _views(draw: random.Random, of: Listing) -> list[Listing]:
    many = 1 if draw.random() < 0.45 else 2 if draw.random() < 0.75 else 3
    return [of] + [_seen(draw, of) for _ in range(many - 1)]


def _seen(draw: random.Random, of: Listing) -> Listing:
    """The same company as another directory has it."""
    changed = replace(of, name=_renamed(draw, of.name, of.city))
    if draw.random() < 0.08:  # it moved, or one lists the office and the other the shop
        house = _house(draw)
        changed = replace(
            changed, address=house[2], zip=house[1], city=changed.city if draw.random() < 0.6 else house[0]
        )
    elif draw.random() < 0.8:
        changed = replace(changed, address=_readdressed(draw, of.address))
    if draw.random() < 0.1:
        changed = replace(changed, phone=_phone(draw, of.zip))
    elif draw.random() < 0.5:
        area, rest = of.phone[:3], of.phone[3:]
        changed = replace(changed, phone=f"({area}) {rest[:3]}-{rest[3:]}")
    if draw.random() < 0.15:
        changed = replace(changed, city=draw.choice((f"{of.city} City", f"West {of.city}", draw.choice(_CITIES))))
    if draw.random() < 0.06:
        changed = replace(changed, zip=_mistyped(draw, of.zip))
    if draw.random() < 0.08:
        changed = replace(changed, website=f"http://{name_core(of.name).split()[0]}-group.example/about")
    return changed


def _renamed(draw: random.Random, name: str, city: str) -> str:
    words = name_core(name).split() if draw.random() < 0.6 else name.split()
    if len(words) > 1 and draw.random() < 0.25:
        words = [_SHORT.get(w.lower(), w) for w in words]
    if len(words) > 2 and draw.random() < 0.22:
        words = words[:-1] if draw.random() < 0.7 else words[1:]
    if len(words) > 1 and draw.random() < 0.05:
        draw.shuffle(words)
    if draw.random() < 0.3:
        at = max(range(len(words)), key=lambda i: len(words[i]))
        words[at] = _mistyped(draw, words[at])
    if draw.random() < 0.05:
        words.append(f"({city})")
    if draw.random() < 0.05:
        words.append(draw.choice(("Group", "Services", "Cafe", "Center", "Trading")))
    text = " ".join(words)
    text = f"{text} {draw.choice(_FORMS)}".strip() if draw.random() < 0.3 else text
    return text.lower() if draw.random() < 0.3 else text.upper() if draw.random() < 0.2 else text


def _readdressed(draw: random.Random, address: str) -> str:
    for long, short in (
        ("Street", "St"),
        ("Avenue", "Ave."),
        ("Blvd.", "Boulevard"),
        ("Road", "Rd."),
        ("straße", "str."),
        ("Lane", "Ln"),
    ):
        if long in address and draw.random() < 0.6:
            address = address.replace(long, short)
    words = address.split()
    if draw.random() < 0.2:
        words = [w for w in words if w not in ("N.", "S.", "E.", "W.", "North")]
    if draw.random() < 0.1:
        words += ["near", draw.choice(_STEMS)]
    if draw.random() < 0.08:
        words += ["Suite", str(draw.randrange(1, 900))]
    if draw.random() < 0.1:
        at = max(range(len(words)), key=lambda i: len(words[i]))
        words[at] = _mistyped(draw, words[at])
    return " ".join(words)


def _mistyped(draw: random.Random, word: str) -> str:
    if len(word) < 3:
        return word
    at = draw.randrange(1, len(word) - 1)
    kind = draw.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    letter = draw.choice("0123456789" if word[at].isdigit() else "abcdefghijklmnopqrstuvwxyz")
    return word[:at] + letter + word[at + (kind == 2) :]
