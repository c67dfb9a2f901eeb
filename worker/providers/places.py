"""A small gazetteer: country names, their larger cities, and country-code domains. Enough to read a query or
a snippet.

Not complete on purpose: the markets the product is sold into and their neighbours. A place that is not listed
is not recognised, and then the query is searched without a country.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Place:
    """A mention of a country or city. `start` and `end` are offsets in the text; `city` is None for a
    country.
    """

    country: str
    city: str | None
    start: int
    end: int


# code: names (the first is the one shown) | cities
_TABLE = """
ZA: South Africa, RSA, Suid-Afrika | Johannesburg, Cape Town, Durban, Pretoria, Gqeberha, Port Elizabeth
+ Sandton, Bloemfontein, East London, Centurion, Stellenbosch, Polokwane, Mbombela, Kimberley, Randburg
BW: Botswana | Gaborone, Francistown, Maun, Lobatse, Selebi-Phikwe, Palapye
NA: Namibia | Windhoek, Walvis Bay, Swakopmund
ZW: Zimbabwe | Harare, Bulawayo, Mutare, Gweru
ZM: Zambia | Lusaka, Kitwe, Ndola, Livingstone
MZ: Mozambique | Maputo, Beira, Nampula
LS: Lesotho | Maseru
SZ: Eswatini, Swaziland | Mbabane, Manzini
AO: Angola | Luanda
MW: Malawi | Lilongwe, Blantyre
NG: Nigeria | Lagos, Abuja, Port Harcourt, Ibadan, Kano
GH: Ghana | Accra, Kumasi
KE: Kenya | Nairobi, Mombasa, Kisumu, Nakuru
TZ: Tanzania | Dar es Salaam, Arusha, Dodoma
UG: Uganda | Kampala, Entebbe
RW: Rwanda | Kigali
ET: Ethiopia | Addis Ababa
EG: Egypt | Cairo, Giza
MA: Morocco | Casablanca, Rabat, Marrakesh
MU: Mauritius | Port Louis, Ebene
AE: United Arab Emirates, UAE, Emirates | Dubai, Abu Dhabi, Sharjah
SA: Saudi Arabia, KSA | Riyadh, Jeddah, Dammam
SG: Singapore | Jurong, Tampines
MY: Malaysia | Kuala Lumpur, Penang, Johor Bahru
ID: Indonesia | Jakarta, Surabaya, Bandung
TH: Thailand | Bangkok, Chiang Mai
HK: Hong Kong | Kowloon
IN: India | Mumbai, Delhi, Bengaluru, Bangalore, Chennai, Kolkata, Hyderabad
CN: China | Beijing, Shanghai, Shenzhen, Guangzhou
JP: Japan | Tokyo, Osaka
AU: Australia | Sydney, Melbourne, Brisbane, Perth
NZ: New Zealand | Auckland, Wellington, Christchurch
GB: United Kingdom, UK, Great Britain, Britain, England, Scotland, Wales | London, Manchester, Birmingham
+ Leeds, Glasgow, Edinburgh, Bristol, Liverpool
IE: Ireland | Dublin, Cork
US: United States, USA, America | New York, Chicago, Los Angeles, San Francisco, Houston, Boston, Seattle
CA: Canada | Toronto, Vancouver, Montreal
DE: Germany, Deutschland | Berlin, Hamburg, Munich, Frankfurt
FR: France | Paris, Lyon, Marseille
NL: Netherlands, Holland | Amsterdam, Rotterdam
ES: Spain | Madrid, Barcelona
PT: Portugal | Lisbon, Porto
IT: Italy | Rome, Milan
BR: Brazil | Sao Paulo, Rio de Janeiro
"""
_LINES = _TABLE.strip().replace("\n+", ",").splitlines()

# Sold to the whole world, so they say nothing about where a company is.
_WORLDLY_CC = frozenset({"ai", "ac", "bz", "cc", "cloud", "co", "fm", "gg", "io", "ly", "me", "sh", "to", "tv", "ws"})
# A city that is also a common word or name needs its capital letter to count.
_NEEDS_CAPITAL = frozenset({"cork", "perth", "kano", "beira", "reading", "porto", "uk", "uae", "rsa", "ksa", "usa"})


@cache
def _names() -> dict[str, tuple[str, str | None]]:
    table: dict[str, tuple[str, str | None]] = {}
    for line in _LINES:
        code, _, rest = line.partition(": ")
        countries, _, cities = rest.partition(" | ")
        for name in countries.split(","):
            table[name.strip().casefold()] = (code, None)
        for name in cities.split(","):
            table.setdefault(name.strip().casefold(), (code, name.strip()))
    return table


@cache
def _pattern() -> re.Pattern[str]:
    # Longest first, so that "Port Elizabeth" is not read as a shorter name inside it.
    names = sorted(_names(), key=len, reverse=True)
    return re.compile(r"(?<![\w@.-])(" + "|".join(map(re.escape, names)) + r")(?![\w@]|\.\w)", re.IGNORECASE)


def mentions(text: str) -> list[Place]:
    """Every country or city named in `text`, in order of appearance."""
    found = []
    for match in _pattern().finditer(text):
        word = match.group(1)
        if word.casefold() in _NEEDS_CAPITAL and not word[0].isupper():
            continue
        country, city = _names()[word.casefold()]
        found.append(Place(country, city, match.start(), match.end()))
    return found


@cache
def country_names() -> dict[str, str]:
    """ISO code -> the English name shown to people, e.g. "ZA" -> "South Africa"."""
    return {line[:2]: line[4:].partition(" | ")[0].partition(",")[0].strip() for line in _LINES}


def country_called(name: str | None) -> str | None:
    """ISO code of a country by its code or one of its listed names in any case; None for others."""
    text = (name or "").strip()
    if len(text) == 2 and text.isascii() and text.isalpha() and text.upper() != "UK":
        return text.upper()
    code, city = _names().get(text.casefold(), (None, None))
    return None if city else code


def country_of_domain(domain: str) -> str | None:
    """ISO code of a country-code domain ("x.co.za" -> "ZA"); None for .com, .io and their like."""
    end = domain.rpartition(".")[2].lower()
    if len(end) != 2 or end in _WORLDLY_CC or not end.isalpha():
        return None
    return "GB" if end == "uk" else None if end == "eu" else end.upper()
