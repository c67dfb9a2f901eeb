"""A person in texts and JSON that others wrote: found, cut out, or shown alone. Pure.

By what a person is known: addresses, numbers, profiles, and names of two words or more (one word is too many people). An object
whose own members name the person is *about* them: it goes as a whole. Elsewhere only the words go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from contracts.suppressions import SuppressionKey, email_of, keys_of, person_of, phone_of

ERASED = "[erased]"
_EMAIL = re.compile(r"[^\s@<>\"'(),:;\[\]\\/=]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PHONE = re.compile(r"(?:\+|\b00)[1-9](?:[\s().\u00a0/-]{0,3}\d){6,14}")
_PROFILE = re.compile(r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/(?:in|pub)/[^/?#\s\"<>]+", re.IGNORECASE)
_SEPARATED = r"[\s().\u00a0/-]{0,3}"
#: The last digits of a number: how it is written within its country too.
_TAIL = 9
_FIRST = ("first_name", "firstname", "given_name", "givenname", "first")
_LAST = ("last_name", "lastname", "family_name", "familyname", "surname", "last")
_PERSONAL = (
    *_FIRST,
    *_LAST,
    "full_name",
    "title",
    "job_title",
    "position",
    "seniority",
    "linkedin_url",
    "email_status",
)
#: An object with such a member lists people or companies: it is about none of them.
_LISTS = ("contacts", "people", "companies", "persons", "results", "emails", "data", "items")


@dataclass(frozen=True)
class Person:
    """Addresses as they were written; numbers in E.164; profiles as `linkedin:slug`; names as they were written."""

    emails: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    names: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(
        cls,
        emails: Iterable[str | None] = (),
        phones: Iterable[str | None] = (),
        profiles: Iterable[str | None] = (),
        names: Iterable[str | None] = (),
    ) -> Person:
        """Keep what can be told apart; numbers without a country code are kept as digits."""
        numbers = {phone_of(p) or re.sub(r"\D", "", p) for p in phones if p}
        return cls(
            frozenset(e.strip().lower() for e in emails if e and "@" in e),
            frozenset(n for n in numbers if len(n) >= 7),
            frozenset(slug for p in profiles if p and (slug := person_of(p)) is not None),
            frozenset(" ".join(n.split()) for n in names if n and len(n.split()) > 1 and len(n) > 4),
        )

    def __bool__(self) -> bool:
        return bool(self.emails or self.phones or self.profiles or self.names)

    def keys(self) -> list[SuppressionKey]:
        """What goes onto the suppression list for them: no domain, which others share."""
        found = keys_of(emails=self.emails, phones=self.phones, people=self.profiles)
        return [key for key in found if key.type != "domain"]

    @cached_property
    def _words(self) -> list[str]:
        """Regular expressions that Python and Postgres read alike, letters in either case apart."""
        found = [r"(?<![\w.+-])" + re.escape(e) for e in self.emails]
        for phone in self.phones:
            digits = phone.lstrip("+")
            found.append(r"[+]?[0-9]{0,4}" + _SEPARATED + _SEPARATED.join(digits[-_TAIL:]))
        found += [r"linkedin\.com/(?:in|pub)/" + re.escape(p.partition(":")[2]) for p in self.profiles]
        for name in self.names:
            words = [re.escape(w) for w in name.split()]
            found += [r"\s+".join(words), rf"{words[-1]},\s*" + r"\s+".join(words[:-1])]
        return found

    @cached_property
    def _masked(self) -> re.Pattern[str]:
        return re.compile(r"(?<![\w@])(?:" + "|".join(self._words) + r")(?![\w@])", re.IGNORECASE)

    def sql_pattern(self) -> str:
        """For `~*`: rows that may be about them, some of which are not. Both ends of a name may stand apart."""
        found = list(self._words)
        for name in self.names:
            words = name.split()
            apart = [rf"(?=.*{re.escape(words[0])})(?=.*{re.escape(words[-1])})"]
            found += [f"^{each}" for each in apart]
        return "|".join(f"(?:{each})" for each in found)

    def masked(self, text: str) -> str:
        """The text without them."""
        return self._masked.sub(ERASED, text) if self and self._words else text

    def is_about(self, value: dict[Any, Any]) -> bool:
        """Do the object's own members name them, and is it no list of others?"""
        if any(str(name).lower() in _LISTS and isinstance(member, list | dict) for name, member in value.items()):
            return False
        if any(self._named_by(member) for member in value.values()) or self._named_in_parts(value):
            return True
        # A number may be a switchboard's: it names somebody only in what is a person's record by its members.
        personal = any(str(name).lower() in _PERSONAL for name in value)
        return personal and any(isinstance(v, str) and phone_of(v) in self.phones for v in value.values())

    @cached_property
    def nameless(self) -> Person:
        """Known by what nobody else has."""
        return Person(self.emails, self.phones, self.profiles)

    def unless_namesake(self, value: dict[Any, Any]) -> Person:
        """By what to look for them in an object: not by name in one that has an address or profile which is not theirs."""
        if not self.names or not (self.emails or self.profiles) or not any(isinstance(v, str) for v in value.values()):
            return self
        own = [v for v in value.values() if isinstance(v, str) and len(v) < 600]
        other = any(_EMAIL.fullmatch(v.strip()) or _PROFILE.match(v.strip()) for v in own)
        return self.nameless if other and not self.nameless.is_about(value) else self

    def _named_by(self, member: object) -> bool:
        if not isinstance(member, str) or len(member) > 600:
            return False
        text = " ".join(member.split())
        if text.lower() in self.emails or text.casefold() in self._folded:
            return True
        known = {email_of(e) for e in self.emails}
        return ("@" in text and email_of(text) in known) or (bool(self.profiles) and person_of(text) in self.profiles)

    def _named_in_parts(self, value: dict[Any, Any]) -> bool:
        lower = {str(k).lower(): v for k, v in value.items() if isinstance(v, str)}
        first = next((lower[k] for k in _FIRST if k in lower), None)
        last = next((lower[k] for k in _LAST if k in lower), None)
        return first is not None and last is not None and f"{first} {last}".strip().casefold() in self._folded

    @cached_property
    def _folded(self) -> frozenset[str]:
        ends = {f"{n.split()[0]} {n.split()[-1]}" for n in self.names}
        return frozenset(n.casefold() for n in {*self.names, *ends})


class Gone:
    """What is left of a value that was about nobody else."""


GONE = Gone()


def without(value: Any, person: Person) -> Any:
    """The value without the person; GONE when it was about nobody else. Equal to `value` when they are not in it."""
    if isinstance(value, str):
        return person.masked(value)
    if isinstance(value, list | tuple):
        kept = []
        for each in value:
            left = without(each, person)
            if left is not GONE and not (isinstance(each, str) and left == ERASED):
                kept.append(left)
        return kept
    if isinstance(value, dict):
        person = person.unless_namesake(value)
        if person.is_about(value):
            return GONE
        left = {(person.masked(k) if isinstance(k, str) else k): without(v, person) for k, v in value.items()}
        return {k: None if v is GONE else v for k, v in left.items()}
    return value


def parts_about(value: Any, person: Person) -> list[Any]:
    """What of a value is about the person, and nothing about others: objects, and lines that name them."""
    if isinstance(value, str):
        return [value] if person.masked(value) != value else []
    if isinstance(value, list | tuple):
        return [part for each in value for part in parts_about(each, person)]
    if isinstance(value, dict):
        person = person.unless_namesake(value)
        if person.is_about(value):
            return [value]
        return [part for each in value.values() for part in parts_about(each, person)]
    return []


def strangers_in(value: Any) -> Person:
    """Everybody whom addresses, numbers and profiles in a value name: to be held against the list of the erased."""
    texts = list(_texts(value))
    return Person.of(
        emails=(m for t in texts if "@" in t for m in _EMAIL.findall(t)),
        phones=(m for t in texts for m in _PHONE.findall(t)),
        profiles=(m for t in texts if "linkedin" in t.lower() for m in _PROFILE.findall(t)),
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(name)
            yield from _texts(member)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
