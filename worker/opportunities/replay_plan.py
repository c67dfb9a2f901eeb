"""Which stored answers a replay of a run of tenders reads, and which slices have lost theirs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.findings import FoundOpportunity, OpportunityPage
from contracts.run_replays import NotReplayable, StoredPage
from contracts.runs import SliceView
from worker.opportunities import plan


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """One page of one code, as it was answered. `window`: of which days, as it was noted then."""

    slice: SliceView
    window: str
    notices: Sequence[FoundOpportunity]


def pages(slices: Sequence[SliceView], read: Sequence[StoredPage]) -> tuple[list[ReadAgain], list[NotReplayable]]:
    """The pages a run committed, in the order in which they were said; slices of which one is missing are left out, and named."""
    found: list[tuple[int, ReadAgain]] = []
    gone: list[NotReplayable] = []
    for each in slices:
        answered = _answers(each, read)
        missing = [number for number in range(each.page) if number not in answered]
        if missing:
            gone.append(NotReplayable(slice_id=each.id, channel=each.channel, query=each.query, pages=missing))
            continue
        for number in range(each.page):
            place, answer = answered[number]
            page = OpportunityPage.model_validate(answer.response or {})
            window = f"{answer.request.get('posted_from')}/{answer.request.get('posted_to')}"
            found.append((place, ReadAgain(each, window, plan.under(each.query, page.opportunities))))
    return [page for _, page in sorted(found, key=lambda pair: pair[0])], gone


def _answers(of: SliceView, read: Sequence[StoredPage]) -> dict[int, tuple[int, StoredPage]]:
    """Page -> (its place, its answer). A run from before answers were linked to pages is known by its code and the order alone."""
    mine = [(n, r) for n, r in enumerate(read) if not r.erased and _whole(r)]
    linked = {r.page: (n, r) for n, r in mine if r.slice_id == of.id}
    if linked:
        return linked
    loose = [(n, r) for n, r in mine if r.slice_id is None and r.request.get("naics") == of.query]
    return dict(enumerate(loose))


def _whole(read: StoredPage) -> bool:
    """Is all of an answer there? The source's own records, which are kept for a shorter time, tell whether a notice changed."""
    if read.response is None:
        return read.outcome != "found"
    return all(notice.get("raw") for notice in read.response.get("opportunities", ()))
