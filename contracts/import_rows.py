"""A row of a file as one of our things: which column means what, and what is wrong with a cell. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts import sales_rows
from contracts.countries import NAMES
from contracts.domains import company_domain
from contracts.errors import Invalid
from contracts.exports import FORMULA
from contracts.identity import company_keys
from contracts.imports import ImportKind, short
from contracts.providers import FoundCompany, FoundContact
from contracts.suppressions import Channel, SuppressionKey, email_of, normalised

_COMPANY: Mapping[str, str] = {
    "name": "name, company, company name, firm, organisation, organization, account, account name, business name, legal name, "
    "entity name, customer, customer name",
    "domain": "domain, website, web site, site, url, web, homepage, home page, company domain, company website, company url, www",
    "country": "country, country code, nation, company country, country region",
    "city": "city, town, company city, location city",
    "registry_id": "registry id, registration number, registration no, company number, company registration number, reg no, "
    "register number, lei, uen",
    "industries": "industries, industry, sector, company industry",
}
_CONTACT: Mapping[str, str] = {
    "contact_name": "contact name, contact, full name, person, contact person",
    "first_name": "first name, given name, contact first name",
    "last_name": "last name, surname, family name, contact last name",
    "contact_email": "contact email, email, e mail, email address, e mail address, mail, work email, business email",
    "contact_title": "contact title, title, job title, position, role, function",
    "linkedin_url": "linkedin url, linkedin, linkedin profile, person linkedin url",
}
_SUPPRESSION: Mapping[str, str] = {
    "email": "email, e mail, email address, e mail address, mail",
    "phone": "phone, phone number, mobile, telephone, tel, whatsapp",
    "domain": "domain, website, company domain",
    "person": "person, linkedin, linkedin url",
    "channel": "channel",
    "reason": "reason, comment, note",
}
FIELDS: Mapping[ImportKind, Mapping[str, str]] = {
    "companies": _COMPANY,
    "leads": {**_COMPANY, **_CONTACT},
    "suppressions": _SUPPRESSION,
    "skus": sales_rows.SKU_FIELDS,
    "orders": {**sales_rows.ORDER_FIELDS, **_COMPANY},
    "samples": {**sales_rows.SAMPLE_FIELDS, **_COMPANY},
}
_LONGEST = {
    "name": 500, "domain": 2000, "country": 100, "city": 200, "registry_id": 100, "industries": 2000, "contact_name": 300,
    "first_name": 150, "last_name": 150, "contact_email": 320, "contact_title": 300, "linkedin_url": 500, "email": 600,
    "phone": 600, "person": 600, "channel": 20, "reason": 200, **sales_rows.LONGEST,
}  # fmt: skip
_COUNTRIES = {name.casefold(): code for code, name in NAMES.items()} | {
    "usa": "US", "united states of america": "US", "u.s.a.": "US", "u.s.": "US", "america": "US", "uk": "GB", "great britain": "GB",
    "england": "GB", "scotland": "GB", "wales": "GB", "uae": "AE", "rsa": "ZA", "south korea": "KR", "the netherlands": "NL",
    "holland": "NL", "czechia": "CZ", "turkiye": "TR", "türkiye": "TR", "deutschland": "DE", "viet nam": "VN",
    "russian federation": "RU", "côte d'ivoire": "CI",
}  # fmt: skip
_SCHEMED = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,19}:\S.*")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")


class BadCell(Exception):
    """A cell that keeps its row out."""

    def __init__(self, field: str | None, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field, code, message


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each of our fields stands in a row, by what header; and what stands there that means nothing to us."""

    at: Mapping[str, int]
    named: Mapping[str, str]
    ignored: tuple[str, ...]
    width: int


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """One value that is to be left alone."""

    channel: Channel
    key: SuppressionKey
    reason: str


def columns(kind: ImportKind, header: Sequence[str], mapping: Mapping[str, str]) -> Columns:
    """Find our fields in a header, by our words, common synonyms, or as `mapping` (ours -> theirs) says.

    Raises: Invalid (code `unknown_columns`) when a mapped or a required column is not there.
    """
    fields = FIELDS[kind]
    names = [_folded(each) for each in header]
    at: dict[str, int] = {}
    for ours, theirs in mapping.items():
        if ours not in fields:
            raise Invalid(f"{ours[:50]!r} is no field of {kind}: they are {', '.join(fields)}", code="unknown_columns")
        if _folded(theirs) not in names:
            raise Invalid(f"the file has no column {theirs[:100]!r}: {_there(header)}", code="unknown_columns")
        at[ours] = names.index(_folded(theirs))
    taken = set(at.values())
    for ours, words in fields.items():
        if ours in at:
            continue
        known = [ours.replace("_", " "), *(word.strip() for word in words.split(","))]
        place = next((names.index(word) for word in known if word in names and names.index(word) not in taken), None)
        if place is not None:
            at[ours] = place
            taken.add(place)
    _check(kind, at, header)
    ignored = tuple(short(each) for nth, each in enumerate(header) if nth not in taken and each.strip())
    return Columns(at, {ours: short(header[nth]) for ours, nth in at.items()}, ignored[:100], len(header))


def _check(kind: ImportKind, at: Mapping[str, int], header: Sequence[str]) -> None:
    alternatives = {"suppressions": ("email", "phone", "domain", "person"), "companies": ("name",), "leads": ("name",)}
    needed = alternatives.get(kind) or next(((e,) for e in sales_rows.NEEDED[kind] if e not in at), ())  # type: ignore[index]
    if needed and not any(each in at for each in needed):
        what = " or ".join(needed)
        raise Invalid(
            f"no column is for {what}: {_there(header)}; rename one in the first line, or say --map {needed[0]}=THEIRS"
            f" (map={needed[0]}=THEIRS in the API)",
            code="unknown_columns",
        )


def _there(header: Sequence[str]) -> str:
    return "its first line has " + (", ".join(repr(short(each, 40)) for each in header[:20]) or "nothing")


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.casefold()).strip()


def read(cells: Sequence[str], of: Columns) -> dict[str, str] | None:
    """The cells of a row by our names, trimmed; None for an empty row. Raises: BadCell."""
    if not any(cell.strip() for cell in cells):
        return None
    if any(cell.strip() for cell in cells[of.width :]):
        raise BadCell(
            None,
            "too_many_cells",
            f"has {len(cells)} cells, the header {of.width}: put values that hold the separator in quotes",
        )
    row: dict[str, str] = {}
    for field, nth in of.at.items():
        value = cells[nth].strip() if nth < len(cells) else ""
        if "\x00" in value:
            raise BadCell(field, "nul", "holds a NUL character: remove it")
        if len(value) > _LONGEST[field]:
            raise BadCell(field, "too_long", f"has {len(value)} characters, {_LONGEST[field]} fit: shorten it")
        # Our own exports keep spreadsheets from taking a cell for a formula.
        value = value[1:] if value[:1] == "'" and value[1:2] in FORMULA else value
        row[field] = " ".join(value.split())
    return row


def company_of(row: Mapping[str, str], number: int) -> FoundCompany:
    """A company, with its contact where the row names one. Raises: BadCell."""
    name = row.get("name", "")
    if not name:
        raise BadCell("name", "missing", "is empty: give the company's name")
    country = _country(row.get("country", ""))
    company = FoundCompany(
        external_id=f"row {number}",
        name=name,
        country=country,
        city=row.get("city") or None,
        domain=_domain(row.get("domain", "")),
        registry_id=_registry(row.get("registry_id", ""), country),
        industries=tuple(i for each in re.split(r"[;,|]", row.get("industries", "")) if (i := each.strip())),
        contacts=_contacts(row),
    )
    if not company_keys(company):
        raise BadCell(
            None, "no_key", "has neither domain, registry id nor country, so it cannot be told apart: give one of them"
        )
    return company


def _contacts(row: Mapping[str, str]) -> tuple[FoundContact, ...]:
    name = row.get("contact_name") or " ".join(filter(None, (row.get("first_name"), row.get("last_name")))) or None
    email = row.get("contact_email", "")
    if not email:
        return ()
    if email_of(email) is None:
        raise BadCell("contact_email", "bad_email", "is no e-mail address: correct it, or leave it empty")
    return (
        FoundContact(
            name=name, title=row.get("contact_title") or None, email=email, linkedin_url=row.get("linkedin_url") or None
        ),
    )


def _country(value: str) -> str | None:
    if not value:
        return None
    code = value.upper()
    if code in NAMES or value.casefold() in _COUNTRIES:
        return code if code in NAMES else _COUNTRIES[value.casefold()]
    if re.fullmatch(r"[A-Z]{2}", value):
        return value
    raise BadCell("country", "bad_country", "is no country we know: give its ISO code, like ZA, or its English name")


def _domain(value: str) -> str | None:
    """A site's domain; a profile on somebody else's site is no site of its own, and says nothing."""
    if not value:
        return None
    address = value if "//" in value else f"https://{value}"
    try:
        found = company_domain(address)
    except ValueError:
        found = None
    if found is None and not _is_web(address):
        raise BadCell("domain", "bad_domain", "is no domain and no web address: correct it, or leave it empty")
    return found


def _is_web(address: str) -> bool:
    host = address.partition("//")[2].partition("/")[0]
    return bool(re.fullmatch(r"[^\s@]+\.[^\s@.\d]{2,}(?::\d+)?", host))


def _registry(value: str, country: str | None) -> str | None:
    """`scheme:number`. A bare LEI is known by its form; other numbers are unique in their country only."""
    if not value or _SCHEMED.fullmatch(value):
        return value or None
    if _LEI.fullmatch(value):
        return f"lei:{value}"
    if country is None:
        raise BadCell(
            "registry_id", "no_country", "is unique in its country only: give the country, or write scheme:number"
        )
    return f"{country.lower()}:{value}"[:100]


def sales_of(kind: sales_rows.SalesKind, row: Mapping[str, str], number: int) -> sales_rows.SalesRow:
    """A SKU, an order line or a sample, with its customer. Raises: BadCell."""
    try:
        if kind == "skus":
            return sales_rows.sku_of(row)
        company = company_of(row, number)
        return sales_rows.order_of(row, company) if kind == "orders" else sales_rows.sample_of(row, company)
    except sales_rows.BadValue as bad:
        raise BadCell(bad.field, bad.code, bad.message) from None


def suppressions_of(row: Mapping[str, str]) -> list[SuppressionRow]:
    """What is to be left alone: one entry for each value in the row. Raises: BadCell."""
    channel = row.get("channel", "").lower() or "any"
    if channel not in ("any", "whatsapp", "email", "phone"):
        raise BadCell("channel", "bad_channel", "is none of any, whatsapp, email, phone: correct it, or leave it empty")
    found: list[SuppressionRow] = []
    for field in ("email", "phone", "domain", "person"):
        if not row.get(field):
            continue
        try:
            key = normalised(field, row[field])
        except Invalid as error:
            raise BadCell(field, error.code, error.detail) from None
        found.append(SuppressionRow(channel, key, row.get("reason") or "imported"))  # type: ignore[arg-type]
    if not found:
        raise BadCell(None, "missing", "names nobody: give an e-mail address, a phone number, a domain or a person")
    return found
