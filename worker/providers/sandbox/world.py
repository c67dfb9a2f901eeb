"""One plausible world, the same for every vendor: who exists, where, what they sell, on which domain.

Everything is derived from the shipped extract and a seed by hashing; two processes with one seed agree on
every byte.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

EXTRACT = Path(__file__).parent.parent / "data" / "gleif_extract.csv.gz"

#: The world that is meant where none is named.
SEED = 7
#: Trades of the clothing world; each company in it has two or three.
TRADES = ("corporate clothing", "workwear", "promotional clothing", "uniforms", "branded apparel")
CLOTHIERS_PER_COUNTRY = 48

#: code -> (name, ending of its domains, cities with the larger ones first)
LANDS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ZA": ("South Africa", "co.za", ("Johannesburg", "Cape Town", "Durban", "Pretoria", "Gqeberha")),
    "BW": ("Botswana", "co.bw", ("Gaborone", "Francistown", "Maun", "Palapye")),
    "NG": ("Nigeria", "com.ng", ("Lagos", "Abuja", "Port Harcourt", "Kano")),
    "KE": ("Kenya", "co.ke", ("Nairobi", "Mombasa", "Kisumu")),
    "ZM": ("Zambia", "co.zm", ("Lusaka", "Kitwe", "Ndola")),
    "ZW": ("Zimbabwe", "co.zw", ("Harare", "Bulawayo")),
    "GB": ("United Kingdom", "co.uk", ("London", "Manchester", "Birmingham", "Leeds")),
    "SG": ("Singapore", "com.sg", ("Singapore",)),
    "HK": ("Hong Kong", "com.hk", ("Hong Kong", "Kowloon")),
    "AE": ("United Arab Emirates", "ae", ("Dubai", "Abu Dhabi", "Sharjah")),
    "SA": ("Saudi Arabia", "com.sa", ("Riyadh", "Jeddah", "Dammam")),
    "MU": ("Mauritius", "mu", ("Port Louis", "Ebene")),
    "NZ": ("New Zealand", "co.nz", ("Auckland", "Wellington", "Christchurch")),
    "MY": ("Malaysia", "com.my", ("Kuala Lumpur", "Penang")),
    "TH": ("Thailand", "co.th", ("Bangkok", "Chiang Mai")),
    "ID": ("Indonesia", "co.id", ("Jakarta", "Surabaya")),
}

_LEGAL_FORMS = re.compile(
    r"(?i)\b(pty|proprietary|proprierity|limited|ltd|plc|llc|llp|inc|pte|sdn|bhd|rf|soc|cc|fze|fzco|co|company|"
    r"corporation|corp|pt|pjsc|npc)\b\.?"
)
_NO_SHOP = re.compile(
    r"(?i)wealth|invest|fund|trust|bank|capital|asset|insur|assur|underwrit|pension|provident|medical|scheme|securit|"
    r"financ|holding|equit|credit|nominee|broker|exchange|advis|treasur|bond\b|partners|society|club|propert|estate|"
    r"dec'd|\bwill\b|portfolio|leas(e|ing)|hedge|mutual|\blife\b|retire|annuit|market neutral|global market|"
    r"issuer|loan|mortgage|receivable|charter|chamber|\bfx\b|platform|bullion|private client|\bqi\b"
)
_HEAVY = re.compile(
    r"(?i)min(e|es|ing)\b|oil|gas\b|petrol|explor|energ|power|coal|steel|iron|airways|refiner|data|hydro"
)
_CLOTHES = re.compile(
    r"(?i)apparel|cloth|fashion|fabric|garment|textile|uniform|wear\b|brands?\b|retail|stores?\b|foschini"
)


@dataclass(frozen=True)
class Company:
    """A company as every vendor of this world knows it. `trades` is empty outside the clothing world."""

    lei: str
    name: str
    country: str
    category: str
    sectors: tuple[str, ...]
    city: str
    domain: str
    trades: tuple[str, ...]
    has_mail: bool

    @property
    def brand(self) -> str:
        """The name without legal form, e.g. "Foschini Stores"."""
        return brand(self.name)


class World:
    """All companies. A country is furnished when it is first asked for, so that starting costs nothing."""

    def __init__(self, seed: int, path: Path = EXTRACT) -> None:
        self.seed = seed
        self._furnished: dict[str, list[Company]] = {}
        self._rows: dict[str, list[dict[str, str]]] = {code: [] for code in LANDS}
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["country"] in LANDS:
                    self._rows[row["country"]].append(row)

    def companies(self, country: str | None) -> list[Company]:
        """The companies of `country` in the order of their LEI; of every country for None, of an unknown one
        none.
        """
        if country is None:
            return [company for code in LANDS for company in self.companies(code)]
        if country not in self._furnished:
            rows = self._rows.get(country, [])
            clothiers, taken = self._clothiers(rows), set[str]()
            self._furnished[country] = [self._company(row, row["lei"] in clothiers, taken) for row in rows]
        return self._furnished[country]

    def luck(self, *what: object) -> float:
        """A number in [0, 1) that depends on nothing but the seed and `what`."""
        text = "\x1f".join(map(str, (self.seed, *what)))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64

    def _clothiers(self, rows: Iterable[dict[str, str]]) -> set[str]:
        """The LEIs of those for whom selling clothes is least absurd."""
        ranked = sorted(
            (_absurdity(row), self.luck("clothier", row["lei"]), row["lei"])
            for row in rows
            if row["category"] == "GENERAL" and not _NO_SHOP.search(row["legal_name"])
        )
        return {lei for _, _, lei in ranked[:CLOTHIERS_PER_COUNTRY]}

    def _company(self, row: dict[str, str], clothier: bool, taken: set[str]) -> Company:
        lei, name, country = row["lei"], row["legal_name"], row["country"]
        _, _, cities = LANDS[country]
        named = next((city for city in cities if city.casefold() in name.casefold()), None)
        # The square pulls towards the larger cities.
        city = named or cities[int(self.luck("city", lei) ** 2 * len(cities))]
        trades = sorted(TRADES, key=lambda trade: self.luck("trade", lei, trade)) if clothier else []
        return Company(
            lei=lei,
            name=name,
            country=country,
            category=row["category"],
            sectors=tuple(row["sectors"].split()),
            city=city,
            domain=_domain(name, country, lei, taken),
            trades=tuple(trades[: 2 if self.luck("breadth", lei) < 0.5 else 3]),
            has_mail=self.luck("mail", lei) < 0.6,
        )


def brand(name: str) -> str:
    """`name` without legal forms and brackets, in title case if it was shouted."""
    bare = " ".join(_LEGAL_FORMS.sub(" ", re.sub(r"\([^)]*\)|[()]", " ", name)).split()).strip(" .,&-")
    bare = bare or name
    return bare.title() if bare.isupper() and len(bare) > 4 else bare


def _absurdity(row: dict[str, str]) -> int:
    name, sectors = row["legal_name"], row["sectors"]
    if _CLOTHES.search(name):
        return 0
    heavy = 2 if _HEAVY.search(name) else 0
    return 1 + heavy + (0 if "retail" in sectors or "manufacturing" in sectors else 1)


def _domain(name: str, country: str, lei: str, taken: set[str]) -> str:
    plain = unicodedata.normalize("NFKD", brand(name)).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain.replace("'", "").replace("&", " and "))
    while len("-".join(words)) > 40 and len(words) > 1:
        words.pop()
    label = "-".join(words)[:63].strip("-") or lei.lower()
    ending = LANDS[country][1]
    domain = f"{label}.{ending}"
    if domain in taken:
        domain = f"{label}-{lei[-4:].lower()}.{ending}"
    taken.add(domain)
    return domain
