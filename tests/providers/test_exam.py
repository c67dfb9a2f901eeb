"""One exam for every look-up, over real HTTP: an operation keeps its promises whichever vendor is behind it.

Who sits it stands in `subjects.py`. What only one vendor does is tested in that vendor's own file.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from contracts.errors import BadAnswer, HeadwaterError, VendorBusy, VendorDown, VendorRefused
from contracts.providers import Operation, Reply
from tests.providers.exam import SECRET, Subject, shown, sits
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.subjects import SUBJECTS

#: What a status means, by the code of the error it becomes, for vendors that say nothing else.
STATUSES = {
    "400": "vendor_rejected_request",
    "401": "vendor_auth",
    "402": "vendor_quota",
    "403": "vendor_auth",
    "408": "vendor_down",
    "422": "vendor_rejected_request",
    "429": "vendor_busy",
    "500": "vendor_down",
    "503": "vendor_down",
    "redirect": "vendor_moved",
    "reset": "vendor_down",
    "truncate": "bad_answer",
    "garbage": "bad_answer",
    "html": "bad_answer",
    "shape": "bad_answer",
}
pytestmark = pytest.mark.usefixtures("downloads")
ERRORS: dict[str, type[HeadwaterError]] = {
    "vendor_busy": VendorBusy,
    "pending": VendorBusy,
    "vendor_down": VendorDown,
    "bad_answer": BadAnswer,
    "vendor_auth": VendorRefused,
    "vendor_quota": VendorRefused,
    "vendor_moved": VendorRefused,
    "vendor_rejected_request": VendorRefused,
}
#: What a vendor means by its statuses is asked of its first look-up; of the others, that they listen. Slow tests ask all of all.
FIRST = {subject.sandbox: subject for subject in reversed(SUBJECTS)}
BRIEF = ("401", "429", "500", "truncate", "shape")
#: Long enough for a connection on this machine, in seconds.
HASTY_S = 0.2
LOST = {kind: code for kind, code in STATUSES.items() if kind == "reset"}
UNREADABLE = {kind: code for kind, code in STATUSES.items() if code == "bad_answer"}


async def ask(operation: Operation[Any, Any], queries: Sequence[BaseModel]) -> list[Reply[Any]]:
    """The replies to `queries`, in as many requests as the operation needs. What is pending is asked for once more."""
    size = operation.spec.batch
    replies: list[Reply[Any]] = []
    for start in range(0, len(queries), size):
        batch, key = queries[start : start + size], f"exam-{start}"
        try:
            replies += await operation.ask(batch, key=key)
        except VendorBusy as error:
            if error.code != "pending":
                raise
            replies += await operation.ask(batch, key=key)
    return replies


@sits("happy", SUBJECTS)
async def test_what_is_found_is_ours_costs_what_it_says_and_can_be_kept(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.02
    async with subject.opened(sandbox) as operation:
        spec, queries = operation.spec, subject.hits()
        before = datetime.now(UTC)
        replies = await ask(operation, queries)
        assert len(queries) >= 2
        assert [reply.outcome for reply in replies] == ["found"] * len(queries)
        for query, reply in zip(queries, replies, strict=True):
            assert isinstance(reply.value, spec.answer)
            assert before - timedelta(seconds=1) <= reply.at <= datetime.now(UTC)
            assert 0 <= reply.units <= operation.units_of(query)
            assert subject.units is None or reply.units == pytest.approx(subject.units)
            _kept_as_it_is(reply, spec.answer)
            assert 0 <= getattr(reply.value, "confidence", 0) <= 1
            assert not spec.billable or reply.raw, "the vendor's own record is kept"


@sits("empty", SUBJECTS)
async def test_nothing_known_is_an_answer_and_its_neighbours_keep_their_places(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.14
    first, second = subject.hits()[:2]
    async with subject.opened(sandbox) as operation:
        known, unknown, other = await ask(operation, [first, subject.misses()[0], second])
        assert (known.outcome, unknown.outcome, other.outcome) == ("found", "miss", "found")
        assert known.value != other.value
        assert [known.value, other.value] == [(await ask(operation, [query]))[0].value for query in (first, second)]
        assert unknown.units <= operation.units_of(subject.misses()[0])


@sits("paging", SUBJECTS)
async def test_pages_lead_to_the_end_and_bring_each_thing_once(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.02, S3.18
    assert subject.pages is not None
    query: BaseModel | None = subject.pages()
    things, total, pages = list[str](), 0, 0
    async with subject.opened(sandbox) as operation:
        while query is not None:
            (reply,) = await operation.ask([query], key="k")
            assert reply.value is not None
            on_page, total, query = _page(query, reply.value)
            things += on_page
            pages += 1
            assert pages < 200, "the walk does not end"
    assert pages >= 2
    assert len(set(things)) == len(things) > 0
    assert total in (0, len(things)), "as many as the vendor counts"


@sits("classes", SUBJECTS)
async def test_each_failure_is_named_for_the_next_move_and_tried_once(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.14
    every = STATUSES | dict(subject.statuses)
    brief = {kind: every[kind] for kind in (*BRIEF, *subject.statuses)}
    await _fails(sandbox, subject, every if FIRST[subject.sandbox] is subject else brief)


@pytest.mark.slow
@sits("classes", SUBJECTS)
async def test_each_failure_of_each_look_up_is_named_for_the_next_move(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.14
    await _fails(sandbox, subject, STATUSES | dict(subject.statuses))


@sits("cut", SUBJECTS)
async def test_a_connection_that_is_cut_may_have_been_billed(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.14
    await _fails(sandbox, subject, LOST)


@sits("garbage", SUBJECTS)
async def test_what_cannot_be_read_is_a_bad_answer(sandbox: RunningSandbox, subject: Subject) -> None:  # S2.14
    await _fails(sandbox, subject, UNREADABLE)


async def _fails(sandbox: RunningSandbox, subject: Subject, faults: Mapping[str, str]) -> None:
    """Each of `faults` (kind -> code) ends as it should after one request, and none harms the next call."""
    query, expected = subject.hits()[0], _asked_of(subject, faults)
    for kind in expected:
        sandbox.fault(kind, vendor=subject.sandbox)
    async with subject.opened(sandbox) as operation:
        for kind, code in expected.items():
            if code in ("miss", "suppressed", "invalid"):
                assert [r.outcome for r in await operation.ask([query], key="k")] == [code], kind
                continue
            error = await _failure(operation, query, kind)
            assert (type(error), error.code) == (ERRORS[code], code), kind
            assert getattr(error, "sent", True), f"{kind}: it may have been billed"
            if code == "vendor_auth":
                assert subject.setting.upper() in error.detail, "it says what to check"
        assert sandbox.totals(subject.sandbox)["requests"] == len(expected), "an adapter never retries"
        assert (await operation.ask([query], key="k"))[0].outcome == "found", "the next call is not harmed"


@sits("classes", SUBJECTS)
async def test_a_vendor_that_is_too_busy_says_for_how_long(sandbox: RunningSandbox, subject: Subject) -> None:  # S2.02
    async with subject.opened(sandbox) as operation:
        for form in ("seconds", "date"):
            sandbox.fault("503", vendor=subject.sandbox, retry_after_s=30, retry_after_form=form)
            error = await _failure(operation, subject.hits()[0], form)
            assert isinstance(error, VendorBusy | VendorDown)
            assert error.after_s == pytest.approx(30, abs=2)


@sits("classes", SUBJECTS)
async def test_a_limit_of_its_own_is_told_as_busy_and_no_credits_as_refused(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.02, S3.05
    query = subject.hits()[0]
    async with subject.opened(sandbox) as operation:
        await operation.ask([query], key="k")
        sandbox._call("/__control/limit", {"vendor": subject.sandbox, "limit": 1, "seconds": 60})
        assert isinstance(await _failure(operation, query, "too fast"), VendorBusy)
        if subject.exhausted is None:
            return
        sandbox.reset()
        sandbox._call("/__control/quota", {"vendor": subject.sandbox, "credits": 0})
        error = await _failure(operation, query, "no credits")
        assert isinstance(error, VendorRefused)
        assert error.code == subject.exhausted


@sits("cut", SUBJECTS)
async def test_a_closed_door_cannot_have_billed(sandbox: RunningSandbox, subject: Subject) -> None:  # S2.14
    async with subject.opened(sandbox, **{subject.address: "http://127.0.0.1:9/x"}) as operation:
        error = await _failure(operation, subject.hits()[0], "closed")
        assert isinstance(error, VendorDown)
        assert not error.sent


@pytest.mark.parametrize("subject", FIRST.values(), ids=lambda each: each.name)
async def test_one_look_up_of_each_vendor_leaves_who_is_silent(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S2.14
    await _left(sandbox, subject, "timeout")


@pytest.mark.slow
@sits("slow", SUBJECTS)
@pytest.mark.parametrize("kind", ["timeout", "slow", "huge"])
async def test_every_vendor_that_is_silent_drips_or_never_ends_is_left(
    sandbox: RunningSandbox, subject: Subject, kind: str
) -> None:  # S2.14
    await _left(sandbox, subject, kind)


@sits("happy", SUBJECTS)
async def test_what_a_hostile_vendor_sends_can_still_be_kept(sandbox: RunningSandbox, subject: Subject) -> None:
    async with subject.opened(sandbox) as operation:
        sandbox.fault("hostile", vendor=subject.sandbox)
        (reply,) = await operation.ask([subject.hits()[0]], key="k")
        if reply.value is not None:
            _kept_as_it_is(reply, operation.spec.answer)


@sits("happy", SUBJECTS)
def test_what_stands_in_its_description_makes_sense(sandbox: RunningSandbox, subject: Subject) -> None:
    spec = subject.operation(subject.settings(sandbox)).spec
    assert f"{spec.vendor}.{spec.operation}" == subject.operation_name
    assert issubclass(spec.answer, BaseModel)
    assert spec.batch >= 1
    assert not spec.billable or spec.units > 0
    assert spec.pace.name
    assert spec.keep_miss_s <= spec.keep_s


def _page(query: BaseModel, value: Any) -> tuple[list[str], int, BaseModel | None]:
    """What is on a page, how much there is of it in all (0: unsaid), and the question for the page after it."""
    (name,) = {"templates", "people", "entities", "opportunities"} & set(type(value).model_fields)
    things = [thing.model_dump_json() for thing in getattr(value, name)]
    total = getattr(value, "total", 0)
    if (page := getattr(value, "next_page", None)) is not None:
        return things, total, query.model_copy(update={"page": page})
    offset = getattr(value, "next_offset", None)
    if name == "opportunities":
        asked: Any = query
        after = asked.offset + asked.limit
        offset = after if after < total else None
    return things, total, None if offset is None else query.model_copy(update={"offset": offset})


def _asked_of(subject: Subject, faults: Mapping[str, str]) -> dict[str, str]:
    """Those of `faults` that its vendor can have."""
    return {
        kind: code
        for kind, code in faults.items()
        if (subject.shape_matters or kind != "shape") and (subject.json_matters or code != "bad_answer")
    }


async def _failure(operation: Operation[Any, Any], query: BaseModel, kind: str) -> HeadwaterError:
    """The error that asking ends with. Neither the key nor the person asked about is in what a tracker would keep of it."""
    with pytest.raises(HeadwaterError) as caught:
        pytest.fail(f"{kind}: {await operation.ask([query], key='k')}")
    error = caught.value
    assert operation.spec.vendor in error.detail
    # What an error tracker keeps: the error's text and members, and with __context__ gone, nobody else's.
    told = shown(error) + repr(vars(operation))
    assert SECRET not in told
    for personal in ("email", "last_name", "linkedin_url"):
        if about := getattr(query, personal, None):
            assert about not in told, f"{kind}: {personal} is told"
    assert error.__context__ is None
    return error


async def _left(sandbox: RunningSandbox, subject: Subject, kind: str) -> None:
    name = subject.operation_name
    hasty = {each: {"timeout_s": HASTY_S} for each in (name, name.partition(".")[0])} if kind != "huge" else {}
    patience = {"vendor_limits": hasty} | ({"vendor_timeout_s": HASTY_S} if hasty else {})
    async with subject.opened(sandbox, **patience) as operation:
        sandbox.fault(kind, vendor=subject.sandbox)
        started = time.monotonic()
        error = await _failure(operation, subject.hits()[0], kind)
        assert isinstance(error, BadAnswer if kind == "huge" else VendorDown)
        if isinstance(error, VendorDown):
            assert error.sent, "it may have been billed"
            assert time.monotonic() - started < 3


def _kept_as_it_is(reply: Reply[Any], answer: type[BaseModel]) -> None:
    """The value is the same after it was stored; value and raw hold nothing that Postgres cannot, and no key."""
    assert reply.value is not None
    stored = reply.value.model_dump_json()
    assert answer.model_validate_json(stored) == reply.value
    text = stored + json.dumps(reply.raw, ensure_ascii=False, allow_nan=False)
    text.encode()
    assert "\0" not in text
    assert "\\u0000" not in text
    assert SECRET not in text
    assert math.isfinite(reply.units)
