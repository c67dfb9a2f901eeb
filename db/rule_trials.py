"""Rules tried before they decide: a preview over stored companies, and a comparison over leads. Nothing is written (B.05, B.08)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from contracts.features import extract
from contracts.rule_sets import BandChange, Comparison, ExampleCompany, LeadChange, Preview, PreviewRules, ReasonCount
from contracts.rules import Judged, Ruler
from contracts.scoring import BANDS, Band, Scored, Scorer, Version, decider
from db import features, policies, profiles, rule_sets, scores
from db.features import CompanyStored
from db.transaction import Pool, transaction

T = TypeVar("T")
#: Leads a comparison looks at, newest first, and those it shows.
LEADS = 1000
SHOWN = 20
#: Seconds that a preview or a comparison may reckon; what it has not looked at by then counts as more.
BUDGET_S = 5.0


def _in_time(rows: Sequence[T]) -> Iterator[T]:
    until = time.monotonic() + BUDGET_S
    for row in rows:
        if time.monotonic() > until:
            return
        yield row


async def preview(pool: Pool, tenant: UUID, profile_id: UUID, body: PreviewRules) -> Preview:
    """What proposed rules would make of the newest companies, with a reason for each that is out.

    Raises: NotFound (`icp_not_found`).
    """
    async with transaction(pool, tenant) as tx:
        await profiles.get(tx, tenant, profile_id)
        ids = await features.newest_companies(tx, tenant, body.newest + 1)
        stored = await features.of_companies(tx, tenant, ids[: body.newest])
    # Thousands of companies would keep everybody else waiting: a thread lets them through.
    return await asyncio.to_thread(_judge, Ruler(body.rules), stored, len(ids) > body.newest, body.examples)


def _judge(ruler: Ruler, stored: Sequence[CompanyStored], more: bool, most: int) -> Preview:
    judged: list[tuple[CompanyStored, Judged]] = []
    for company in _in_time(stored):
        judged.append((company, ruler.judge(extract(company.stored))))
    more = more or len(judged) < len(stored)
    verdicts = Counter(j.verdict for _, j in judged)
    fits = [j.fit for _, j in judged if j.fit is not None]
    passed = sorted((j for j in judged if j[1].verdict == "PASSED"), key=lambda j: -(j[1].fit or 0.0))
    return Preview(
        companies=len(judged), more=more, candidates=verdicts["PASSED"], rejected=verdicts["REJECTED"],
        deferred=verdicts["DEFERRED"], by_reason=_reasons(ruler, judged, most),
        examples=[_example(*each) for each in passed[:most]], mean_fit=sum(fits) / len(fits) if fits else None,
        mean_coverage=sum(j.coverage for _, j in judged) / len(judged) if judged else None,
    )  # fmt: skip


def _reasons(ruler: Ruler, judged: Sequence[tuple[CompanyStored, Judged]], most: int) -> list[ReasonCount]:
    found: dict[tuple[int, str], list[tuple[CompanyStored, Judged]]] = {}
    for company, said in judged:
        for reason in said.reasons:
            found.setdefault((reason.position, reason.outcome), []).append((company, said))
    return [
        ReasonCount.model_validate(
            {
                "position": n, "field": ruler.rules[n].field_key, "outcome": outcome, "rule": ruler.asks(n),
                "companies": len(those), "examples": [_example(*each) for each in those[:most]],
            }
        )
        for (n, outcome), those in sorted(found.items(), key=lambda each: -len(each[1]))
    ]  # fmt: skip


def _example(company: CompanyStored, said: Judged) -> ExampleCompany:
    return ExampleCompany(
        company_id=company.company_id,
        name=company.name,
        fit=said.fit,
        coverage=said.coverage,
        reasons=list(said.reasons),
    )


async def compare(pool: Pool, tenant: UUID, profile_id: UUID, set_id: UUID) -> Comparison:
    """How many leads would change their band under a rule set, beside what decides now. Raises: NotFound."""
    async with transaction(pool, tenant) as tx:
        held = rule_sets.scorer_of(await rule_sets.get(tx, tenant, profile_id, set_id))
        now = (await rule_sets.scorers(tx, tenant, profile_id)).active
        rows = await scores.vectors(tx, tenant, profile_id, LEADS + 1)
        versions = await scores.versions(tx, tenant)
        least = await policies.value(tx, tenant, "crm_min_band", "MEDIUM")
    band: Band = least if least in BANDS else "MEDIUM"
    return await asyncio.to_thread(_hold, set_id, now, held, rows, versions, band)


def _hold(
    set_id: UUID, now: Scorer, held: Scorer, rows: Sequence[Mapping[str, Any]], versions: Sequence[Version], least: Band
) -> Comparison:
    pairs: list[tuple[Mapping[str, Any], Scored, Scored]] = []
    for row in _in_time(rows[:LEADS]):
        chosen = decider(row["id"], versions)
        model, vector = chosen.model if chosen else None, row["vector"]
        pairs.append((row, now.score(vector, model), held.score(vector, model)))
    bands = Counter((a.band, b.band) for _, a, b in pairs)
    changed = [each for each in pairs if each[1].band != each[2].band]
    return Comparison(
        rule_set_id=set_id, active_id=now.rule_set_id, leads=len(pairs), more=len(rows) > len(pairs), changed=len(changed),
        exported_now=sum(a.export(least) for _, a, _ in pairs), exported_then=sum(b.export(least) for _, _, b in pairs),
        bands=[BandChange(now=a, then=b, leads=n) for (a, b), n in sorted(bands.items())],
        examples=[_change(*each) for each in changed[:SHOWN]],
    )  # fmt: skip


def _change(row: Mapping[str, Any], now: Scored, then: Scored) -> LeadChange:
    return LeadChange(
        lead_id=row["id"], company_name=row["company_name"], now=now.band, then=then.band, score_now=now.score,
        score_then=then.score, reasons=list(then.reasons),
    )  # fmt: skip
