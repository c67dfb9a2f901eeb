"""Where marketing messages may be sent, and in which language: by country. Pure tables; a tenant's policy comes first.

The gates are cautious defaults, no legal advice: `consent_required` wherever electronic marketing to a person needs a prior
consent or an existing customer (EU and EEA: ePrivacy Directive art. 13; United Kingdom: PECR reg. 22; Switzerland: UWG art. 3;
South Africa: POPIA s. 69; Canada: CASL; Australia: Spam Act; Singapore: PDPA, Do Not Call; Brazil: LGPD; India: TRAI; USA: TCPA),
and everywhere else too, because WhatsApp's own Business Messaging Policy asks for an opt-in. A tenant that knows better says so
(`regions` of its message settings).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Gate = Literal["allow", "consent_required", "deny"]
_STRICT: Mapping[Gate, int] = {"allow": 0, "consent_required": 1, "deny": 2}
#: For countries that neither a tenant nor `GATES` names, and for people whose country nobody knows.
DEFAULT_GATE: Gate = "consent_required"
#: Sanctions keep WhatsApp's business platform out of these (Meta's list).
GATES: Mapping[str, Gate] = {"CU": "deny", "IR": "deny", "KP": "deny", "SY": "deny"}

#: Language of a first message, where a country has one that we have words in. Several: the first that the tenant allows.
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("DE", "AT", "LI"), ("de",)),
    **dict.fromkeys(("FR", "MC", "SN", "CI"), ("fr",)),
    **dict.fromkeys(
        ("ES", "MX", "AR", "CL", "CO", "PE", "UY", "PY", "BO", "EC", "VE", "CR", "PA", "GT", "HN", "NI", "SV", "DO"), ("es",)
    ),
    **dict.fromkeys(("IT", "SM"), ("it",)),
    **dict.fromkeys(("PT", "BR", "AO", "MZ"), ("pt",)),
    "NL": ("nl",),
    "BE": ("nl", "fr"),
    "LU": ("fr", "de"),
    "CH": ("de", "fr", "it"),
    **dict.fromkeys(
        ("GB", "IE", "US", "CA", "AU", "NZ", "ZA", "BW", "NA", "KE", "NG", "GH", "UG", "ZM", "ZW", "SG", "IN", "MY", "PH", "HK"),
        ("en",),
    ),
}  # fmt: skip

#: Country calling codes, longest first when read. +1 and +7 are shared: the larger country stands for all.
CALLING: Mapping[str, str] = {
    "1": "US", "7": "RU", "20": "EG", "27": "ZA", "30": "GR", "31": "NL", "32": "BE", "33": "FR", "34": "ES",
    "36": "HU", "39": "IT", "40": "RO", "41": "CH", "43": "AT", "44": "GB", "45": "DK", "46": "SE", "47": "NO",
    "48": "PL", "49": "DE", "51": "PE", "52": "MX", "53": "CU", "54": "AR", "55": "BR", "56": "CL", "57": "CO",
    "58": "VE", "60": "MY", "61": "AU", "62": "ID", "63": "PH", "64": "NZ", "65": "SG", "66": "TH", "81": "JP",
    "82": "KR", "84": "VN", "86": "CN", "90": "TR", "91": "IN", "92": "PK", "94": "LK", "98": "IR", "211": "SS",
    "212": "MA", "213": "DZ", "216": "TN", "218": "LY", "221": "SN", "225": "CI", "233": "GH", "234": "NG", "244": "AO",
    "250": "RW", "251": "ET", "254": "KE", "255": "TZ", "256": "UG", "258": "MZ", "260": "ZM", "263": "ZW", "264": "NA",
    "265": "MW", "266": "LS", "267": "BW", "268": "SZ", "351": "PT", "352": "LU", "353": "IE", "354": "IS", "356": "MT",
    "357": "CY", "358": "FI", "359": "BG", "370": "LT", "371": "LV", "372": "EE", "377": "MC", "378": "SM", "380": "UA",
    "381": "RS", "385": "HR", "386": "SI", "420": "CZ", "421": "SK", "423": "LI", "850": "KP", "852": "HK", "853": "MO",
    "880": "BD", "886": "TW", "961": "LB", "963": "SY", "965": "KW", "966": "SA", "968": "OM", "971": "AE", "972": "IL",
    "973": "BH", "974": "QA",
}  # fmt: skip


def country_of_phone(phone: str | None) -> str | None:
    """The country of a number in E.164 by its calling code; None for one we do not know."""
    digits = (phone or "").removeprefix("+")
    return next((CALLING[digits[:n]] for n in (3, 2, 1) if digits[:n] in CALLING), None)


def gate(countries: tuple[str | None, ...], own: Mapping[str, Gate], default: Gate | None = None) -> Gate:
    """The strictest gate of the countries somebody may be in; `own` is the tenant's table, `default` its own for all others."""
    fallback = default or DEFAULT_GATE
    known = [c for c in countries if c]
    found = [own.get(c) or (default if default and c not in GATES else GATES.get(c, fallback)) for c in known]
    return max((g for g in found if g), key=_STRICT.__getitem__, default=fallback)


def language(countries: tuple[str | None, ...], allowed: tuple[str, ...], default: str) -> str:
    """The first language of the first of these countries that is allowed, else the tenant's default."""
    spoken = (each for c in countries if c for each in LANGUAGES.get(c, ()))
    return next((each for each in spoken if each in allowed), default)
