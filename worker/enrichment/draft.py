"""What one enrichment has learned so far, and what it comes to in the end. Pure: answers go in, rows to write come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from contracts.enrichment import FactValue, Learned, Person, Waterfall
from contracts.findings import CompanyProfile, EmailVerdict, FoundPeople, FoundPerson
from contracts.providers import Terms
from contracts.sites import SiteReport
from worker.enrichment import readings
from worker.enrichment.fill import Filled
from worker.enrichment.questions import Row, choose


class Draft:
    """`row` is what the next question may use. `terms_of` knows what may be done with what an operation said."""

    def __init__(self, row: Row, terms_of: Callable[[str], Terms], contact_id: UUID | None = None) -> None:
        self.row, self._terms_of, self._contact_id = row, terms_of, contact_id
        self.facts: list[FactValue] = []
        self.notes: list[str] = []
        self.filled: dict[Waterfall, Filled] = {}
        #: What the search that stood in for the site cost.
        self.search_usd = 0.0

    @property
    def spent_usd(self) -> float:
        return self.search_usd + sum(step.cost_usd for filled in self.filled.values() for step in filled.steps)

    def take_site(self, report: SiteReport) -> None:
        """What our own crawler read."""
        self.row.site, self.row.corpus = report, report.corpus
        self.facts += readings.site_facts(report)
        if report.outcome != "ok":
            self.notes.append(f"site: {report.outcome}")

    def take(self, field: Waterfall, filled: Filled) -> None:
        """What came of a waterfall; an accepted answer is known to the next one."""
        self.filled[field] = filled
        value = filled.value
        if isinstance(value, CompanyProfile) and filled.reply is not None and filled.operation is not None:
            self.row.profile = value
            self.facts += readings.company_facts(
                value, filled.reply, filled.operation, self._terms_of(filled.operation)
            )
        elif isinstance(value, FoundPeople):
            self.row.people = list(value.people)
            self.row.person = choose(value.people, self.row.titles)
            self.row.email = self.row.person.email if self.row.person else None
        elif isinstance(value, FoundPerson):
            self.row.email = value.email
        elif isinstance(value, EmailVerdict):
            self.row.verdict = value

    def learned(self) -> Learned:
        """Everything, ready to be written."""
        return Learned(
            company=readings.best_company(self.facts),
            company_facts=tuple(self.facts),
            people=tuple(self._people()),
            steps=tuple(step for filled in self.filled.values() for step in filled.steps),
            shadows=tuple(f.shadow for f in self.filled.values() if f.shadow is not None),
            site=_site_story(self.row.site),
            notes=tuple(self.notes),
            search_usd=self.search_usd,
        )

    def _people(self) -> list[Person]:
        """Whom we found, the one to write to first. Nobody with a name: the company's own mailbox."""
        if self.row.email is None:
            own = readings.generic_person(self.row.site)
            return [own] if own is not None else []
        facts = self._person_facts()
        best = {fact.field: fact.value for fact in reversed(facts) if fact.field != "email_standing"}
        chosen = Person(
            contact_id=self._contact_id,
            name=best.get("name") or (self.row.person.name if self.row.person else None),
            title=best.get("title"),
            email=self.row.email,
            email_status=self.row.verdict.standing if self.row.verdict else None,
            phone=best.get("phone"),
            linkedin_url=best.get("linkedin_url"),
            facts=tuple(facts),
        )
        return [chosen, *self._others(self.row.email)]

    def _person_facts(self) -> list[FactValue]:
        found: list[FactValue] = []
        for field, person in (("people", self.row.person), ("email", None)):
            filled = self.filled.get(field)  # type: ignore[call-overload]
            said = person or (filled.value if filled is not None else None)
            if isinstance(said, FoundPerson):
                found += self._said_by(filled, said)
        checked = self.filled.get("verification")
        if self.row.verdict is not None and checked is not None and checked.reply is not None and checked.operation:
            terms = self._terms_of(checked.operation)
            found.append(readings.verdict_fact(self.row.verdict, checked.reply, checked.operation, terms))
        return found

    def _others(self, chosen: str) -> list[Person]:
        return [
            Person(
                name=p.name, title=p.title, email=p.email, phone=p.phone, linkedin_url=p.linkedin_url,
                facts=tuple(self._said_by(self.filled.get("people"), p)),
            )
            for p in self.row.people
            if p.email and p.email != chosen
        ]  # fmt: skip

    def _said_by(self, filled: Filled | None, person: FoundPerson) -> list[FactValue]:
        if filled is None or filled.reply is None or filled.operation is None:
            return []
        return readings.person_facts(person, filled.reply, filled.operation, self._terms_of(filled.operation))


def _site_story(report: SiteReport | None) -> dict[str, Any]:
    if report is None:
        return {}
    return report.model_dump(mode="json", include={"outcome", "reason", "home_url", "requests", "seconds", "moved_to"})
