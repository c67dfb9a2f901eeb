"""When an answer is good enough to stop asking. Pure: one predicate a field, each with the reason it gives."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.findings import CompanyProfile, EmailVerdict, FoundPeople, FoundPerson

#: An address that nobody verified counts from this confidence on.
MIN_EMAIL_CONFIDENCE = 0.7
MIN_PROFILE_CONFIDENCE = 0.5


@dataclass(frozen=True, slots=True)
class Ruling:
    """`accepted`, or the reason why not, in a few words that end up in the waterfall's record."""

    accepted: bool
    reason: str | None = None


ACCEPTED = Ruling(True)


def company(profile: CompanyProfile, *, domain: str | None) -> Ruling:
    """It says what the company does or how big it is, surely enough, and is about the domain that was asked for."""
    if domain and profile.domain and _bare(profile.domain) != _bare(domain):
        return Ruling(False, "another company's domain")
    if profile.confidence < MIN_PROFILE_CONFIDENCE:
        return Ruling(False, "not sure enough")
    if not profile.industry and profile.employees is None and profile.employees_min is None:
        return Ruling(False, "neither industry nor size")
    return ACCEPTED


def people(found: FoundPeople) -> Ruling:
    """At least one person with a name."""
    return ACCEPTED if any(_named(person) for person in found.people) else Ruling(False, "nobody with a name")


def email(person: FoundPerson, *, domain: str | None) -> Ruling:
    """A work address at the company's own domain, verified or likely enough."""
    address = person.email or ""
    if "@" not in address:
        return Ruling(False, "no address")
    if domain and not _at(address, domain):
        return Ruling(False, "an address elsewhere")
    if person.email_verified is False:
        return Ruling(False, "known not to work")
    if not person.email_verified and (person.email_confidence or 0.0) < MIN_EMAIL_CONFIDENCE:
        return Ruling(False, "a guess")
    return ACCEPTED


def verification(verdict: EmailVerdict) -> Ruling:
    """Any clear word; `unknown` asks the next verifier."""
    return Ruling(False, "the verifier does not know") if verdict.standing == "unknown" else ACCEPTED


def _named(person: FoundPerson) -> bool:
    return bool(person.name or (person.first_name and person.last_name))


def _at(address: str, domain: str) -> bool:
    host = address.rpartition("@")[2].casefold().strip(".")
    wanted = _bare(domain)
    return host == wanted or host.endswith(f".{wanted}")


def _bare(domain: str) -> str:
    return domain.casefold().strip(".").removeprefix("www.")
