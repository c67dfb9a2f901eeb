"""enrichment.run: read the company's site, go down the waterfalls, verify the address; commit all of it in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog
from pydantic import BaseModel

from contracts.enrichment import WATERFALLS, OrderRow, TriedRow, Waterfall
from contracts.errors import Hopeless, NotFound, TryLater
from contracts.findings import FoundPerson, WebHits, WebQuery
from contracts.jobs import EnrichLead, Payload
from contracts.nights import STEP_OF, Step, marks_of
from contracts.providers import Terms
from contracts.sites import SiteCrawler, SiteReport
from db import enrichments, night_companies, spans, waterfalls
from db.enrichments import Begun, Subject
from db.transaction import Tx
from worker import ask
from worker.context import Context, Stopped
from worker.enrichment.draft import Draft
from worker.enrichment.fill import CAP, Answered, Plan, fill, lost_usd, worth_waiting
from worker.enrichment.learning import better_order
from worker.enrichment.prices import steps_of, unit_usd, worst_usd
from worker.enrichment.questions import Row
from worker.enrichment.waterfall import Pair, Tried, affordable, judge, luck_of

log = structlog.get_logger("worker")

#: What a filled field is worth to the one who pays, in US dollars: below break-even a vendor is not asked.
VALUE_USD: dict[Waterfall, float] = {"company": 0.5, "people": 1.0, "email": 1.0, "verification": 0.5}
#: The fallback for a site that is blocked or thin.
WEB_SEARCH = "tavily.search"
WEB_RESULTS = 3
#: Share of rows after which the orders are thought about.
LEARN = 0.04


async def run(ctx: Context, args: EnrichLead) -> None:
    """Enrich one lead. An attempt that starts again finds every paid answer in the ledger.

    Raises TryLater while a vendor that is away is worth waiting for (`ENRICHMENT_PATIENCE_S`).
    """
    async with ctx.unfenced() as tx:
        of = await enrichments.subject(tx, ctx.tenant, args.lead_id)
        begun = await enrichments.begin(tx, ctx.tenant, args.lead_id, args.cause) if of is not None else None
        orders, tried = await waterfalls.orders(tx, ctx.tenant), await waterfalls.tried(tx, ctx.tenant)
        skip = await night_companies.skipped(tx, ctx.tenant, args.cause)
    if of is None or begun is None or begun.state != "PENDING":
        async with ctx.write() as tx:
            night = await night_companies.hold(tx, ctx.tenant, args.cause)
            if night is not None and of is None:
                await night_companies.give_up(tx, ctx.tenant, night, args.lead_id, "lead_gone", state="done")
        return
    if of.merged_into is not None:
        words = f"the lead was merged into {of.merged_into}: that one is enriched"
        async with ctx.write() as tx:
            night = await night_companies.hold(tx, ctx.tenant, args.cause)
            await enrichments.fail(tx, ctx.tenant, of.lead_id, args.cause, error_code="lead_merged", error=words)
            if night is not None:
                await night_companies.give_up(tx, ctx.tenant, night, args.lead_id, "lead_merged", state="done")
        return
    attempt = _Attempt(ctx, of, begun, orders, tried, skip)
    await attempt.ask_everybody()
    learned = attempt.draft.learned()
    async with ctx.write() as tx:
        night = await night_companies.hold(tx, ctx.tenant, args.cause)
        if await enrichments.finish(tx, ctx.tenant, of, begun, args.cause, learned) and night is not None:
            marks = marks_of(learned, domain=bool(of.domain), asked_not=skip)
            await night_companies.enriched(tx, ctx.tenant, night, args.lead_id, marks)
    log.info(
        "lead_enriched",
        leadId=str(of.lead_id),
        site=learned.site.get("outcome"),
        people=len(learned.people),
        facts=len(learned.company_facts) + sum(len(p.facts) for p in learned.people),
        costUsd=round(learned.cost_usd, 4),
    )
    if luck_of(begun.id, "learn").random() < LEARN:
        with suppress(NotFound):  # somebody else has judged at the same time: what they did stands
            await learn(ctx)


async def stopped(tx: Tx, tenant: UUID, args: Payload, stopped: Stopped) -> None:
    """Given up: record and lead say so (S2.05)."""
    assert isinstance(args, EnrichLead)
    night = await night_companies.hold(tx, tenant, args.cause)
    await enrichments.fail(tx, tenant, args.lead_id, args.cause, error_code=stopped.error_class, error=stopped.error)
    if night is not None and stopped.state == "cancelled":
        await night_companies.give_up(tx, tenant, night, args.lead_id, "cancelled", state="cancelled")
    elif night is not None:
        await night_companies.enrichment_failed(tx, tenant, night, args.lead_id, stopped.error_class)


class _Attempt:
    """One attempt at one lead. What it asks is in the ledger, so a second attempt reads what the first has paid for."""

    def __init__(
        self,
        ctx: Context,
        of: Subject,
        begun: Begun,
        orders: Sequence[OrderRow],
        tried: Sequence[TriedRow],
        skip: Sequence[Step] = (),
    ) -> None:
        self.ctx, self.of, self.begun, self.orders, self.tried, self.skip = ctx, of, begun, orders, tried, skip
        row = Row(
            company_name=of.company_name,
            domain=of.domain,
            country=of.country,
            registry_id=of.registry_id,
            titles=ctx.settings.lusha_preferred_titles,
            max_tokens=ctx.settings.llm_max_tokens_per_call,
            email=of.contact_email,
        )
        if of.contact_name or of.contact_email:
            row.person = FoundPerson(name=of.contact_name, title=of.contact_title, email=of.contact_email)
        self.draft = Draft(row, self._terms, of.contact_id)

    async def ask_everybody(self) -> None:
        """The site first, then each field whose value is missing."""
        await self._read_site()
        for field in WATERFALLS:
            if self._wanted(field):
                await self._fill(field)

    async def _read_site(self) -> None:
        crawler = self.ctx.crawler
        if crawler is None or not self.of.domain or "crawl" in self.skip:
            return
        report = SiteReport.model_validate(self.begun.report) if self.begun.report else await self._crawl(crawler)
        self.draft.take_site(report)
        if report.outcome != "ok":
            await self._search_instead()

    async def _crawl(self, crawler: SiteCrawler) -> SiteReport:
        """Walk the site and keep what it said: an attempt that is put off does not walk again."""
        with spans.tracer.call("site", "crawl"):
            report = await crawler.crawl(self.of.domain or "")
        with_corpus = self.ctx.settings.persist_crawl_corpus
        async with self.ctx.unfenced() as tx:
            await enrichments.keep_site(tx, self.ctx.tenant, self.of, self.begun, report, with_corpus=with_corpus)
        return report

    async def _search_instead(self) -> None:
        """Blocked or thin: what a search engine has read of it stands in (S3.04)."""
        if WEB_SEARCH not in self.ctx.ports.operations or not self.of.domain or "search_fallback" in self.skip:
            return
        query = WebQuery(words=self.of.company_name[:200], sites=(self.of.domain,), limit=WEB_RESULTS, want_text=True)
        worst = self._worst_usd(WEB_SEARCH, query)
        if not affordable(worst, self.draft.spent_usd, self.ctx.settings.enrichment_cost_cap_usd):
            self.draft.notes.append(f"web search: {CAP}")
            return
        try:
            answered = await self._ask(WEB_SEARCH, query)
        except (Hopeless, TryLater) as error:
            if worth_waiting(error, self._patience_s()):
                raise
            self.draft.search_usd = lost_usd(error, worst, self.begun.started_at)
            self.draft.notes.append(f"web search: {error.code}")
            return
        self.draft.search_usd = answered.cost_usd(
            unit_usd(self.ctx.ports.operation(WEB_SEARCH).spec, self.ctx.settings)
        )
        if isinstance(answered.reply.value, WebHits):
            self.draft.notes.append("web search: done")
            row, limit = self.draft.row, self.ctx.settings.extract_corpus_char_limit
            texts = [hit.text or hit.snippet or "" for hit in answered.reply.value.hits]
            row.corpus = "\n".join([row.corpus, *texts]).strip()[:limit]

    def _wanted(self, field: Waterfall) -> bool:
        row = self.draft.row
        if field != "company" and STEP_OF[field] in self.skip:
            return False
        if field == "company":
            return self.of.employees is None or not self.of.industry
        if field == "people":
            return row.person is None
        if field == "email":
            return row.email is None and row.person is not None
        return row.email is not None

    async def _fill(self, field: Waterfall) -> None:
        filled = await fill(
            self._plan(field),
            self.draft.row,
            self._ask,
            row_id=self.of.lead_id,
            spent_usd=self.draft.spent_usd,
            cap_usd=self.ctx.settings.enrichment_cost_cap_usd,
        )
        if filled.later is not None:
            if (filled.later.after_s or 0.0) < self._patience_s():
                raise filled.later
            self.draft.notes.append(f"{field}: went on without {filled.later.members.get('vendor', 'a vendor')}")
        self.draft.take(field, filled)

    def _plan(self, field: Waterfall) -> Plan:
        mine = {order.stage: order for order in self.orders if order.field == field}
        active, shadow = mine.get("ACTIVE"), mine.get("SHADOW")
        return Plan(
            of=field,
            steps=steps_of(self.ctx.ports.operations, field, self.ctx.settings),
            tried=_tried(self.tried, field),
            worst_usd=self._worst_usd,
            active=active.operations if active else None,
            shadow=(shadow.id, shadow.operations) if shadow is not None and shadow.id is not None else None,
            value_usd=VALUE_USD[field],
            patience_s=self._patience_s(),
            explore=self.ctx.settings.waterfall_explore,
            since=self.begun.started_at,
        )

    def _patience_s(self) -> float:
        """What is left of the time that this lead may wait for vendors. Who is back later than that is not waited for at all."""
        return self.ctx.settings.enrichment_patience_s - self.begun.age_s

    def _worst_usd(self, name: str, query: BaseModel) -> float:
        return worst_usd(self.ctx.ports.operation(name), query, self.ctx.settings)

    def _terms(self, name: str) -> Terms:
        return self.ctx.ports.operation(name).spec.terms

    async def _ask(self, name: str, query: BaseModel) -> Answered:
        reply, item_id = await ask.item(self.ctx, self.ctx.ports.operation(name), query)
        # What was said before this enrichment began was paid for by another one.
        return Answered(reply, stored=reply.at < self.begun.started_at, item_id=item_id)


async def learn(ctx: Context) -> None:
    """Judge the orders that are watched; watch a new one where what was learned speaks for it. Never stands in a job's way."""
    async with ctx.unfenced() as tx:
        orders, tried = await waterfalls.orders(tx, ctx.tenant), await waterfalls.tried(tx, ctx.tenant)
        for field in WATERFALLS:
            mine = {order.stage: order for order in orders if order.field == field}
            active, shadow = mine.get("ACTIVE"), mine.get("SHADOW")
            if shadow is not None and shadow.id is not None:
                await _judge(ctx, tx, field, shadow.id)
                continue
            followed = active.operations if active else None
            better = better_order(followed, steps_of(ctx.ports.operations, field, ctx.settings), _tried(tried, field))
            if better is not None:
                await waterfalls.propose(tx, ctx.tenant, field, better, "learned")
                log.info("waterfall_order_proposed", field=field, order=better)


async def _judge(ctx: Context, tx: Tx, field: Waterfall, order_id: UUID) -> None:
    pairs = [Pair(**row) for row in await waterfalls.pairs(tx, ctx.tenant, field, order_id)]
    judged = judge(pairs)
    verdict = {"why": judged.why, "rows": judged.rows, "saving_usd": judged.saving_usd, "low": judged.low_usd}
    if not judged.ready:
        await waterfalls.note(tx, ctx.tenant, order_id, verdict)
        return
    await waterfalls.promote(tx, ctx.tenant, order_id, verdict, "learned")
    log.info("waterfall_order_promoted", field=field, **verdict)


def _tried(rows: Sequence[TriedRow], field: Waterfall) -> dict[str, Tried]:
    return {t.operation: Tried(t.asked, t.accepted, t.bought, t.cost_usd) for t in rows if t.field == field}
