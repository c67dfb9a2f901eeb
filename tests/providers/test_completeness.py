"""Nobody is left out of the exam: whoever speaks to the outside sits each part of it, or says why not."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

import worker.providers
from contracts.alerts import ChannelKind
from contracts.providers import Channel
from tests.providers import (
    test_conformance,
    test_exam,
    test_exam_keys,
    test_jetstream_exam,
    test_smtp_exam,
    test_ways_exam,
)
from tests.providers.exam import PARTS, SAT, Subject
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.searches import SEARCHES, Search
from tests.providers.subjects import SUBJECTS
from worker.providers import registry
from worker.providers.lookups import VENDORS

ROOT = Path(__file__).parents[2]
#: Their decorators note who sits what.
ASKED = (test_conformance, test_exam, test_exam_keys, test_jetstream_exam, test_smtp_exam, test_ways_exam)
ONE = "one question has one answer: no page follows"
STREAMS = "tests/streams/test_protocol.py::"
WALK = "tests/providers/test_site_walk.py::"
SITE = "tests/providers/test_site.py::"
#: Those who speak another language than the adapters', and are asked the same in it.
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "smtp.send": {"empty": "a mail is taken or not: there is nothing to be found", "paging": ONE},
    "jetstream.publish": {
        "happy": STREAMS + "test_a_fact_goes_to_the_subject_of_its_tenant_under_its_id_and_nothing_else_goes",
        "empty": "a fact is taken or not: there is nothing to be found",
        "paging": ONE,
        "classes": STREAMS + "test_an_error_answer_counts_only_if_it_is_about_the_message",
        "cut": STREAMS + "test_an_outage_in_the_middle_spends_no_attempt_and_loses_nothing",
        "keyless": "tests/db/test_standstill.py::test_facts_that_wait_for_nats_are_named",
    },
    "site.fetch": {
        "happy": WALK + "test_a_plain_site_gives_its_people_numbers_and_signals_with_their_sources",
        "empty": SITE + "test_what_is_no_page_is_named_for_what_it_is",
        "paging": WALK + "test_requests_to_one_site_come_one_at_a_time_and_apart",
        "classes": SITE + "test_what_is_no_page_is_named_for_what_it_is",
        "slow": SITE + "test_drips_are_cut_off_in_time",
        "cut": SITE + "test_what_is_no_page_is_named_for_what_it_is",
        "garbage": SITE + "test_what_is_no_page_is_named_for_what_it_is",
        "redaction": "a site is asked as anybody would: without a key",
        "keyless": "a site wants no key",
    },
}
#: The odd cases of providers.md, section 21, and who asks for them.
ODD: Mapping[str, str] = {
    "Apollo 401 text/plain": "test_apollo.py::test_words_in_plain_text_reach_the_operator",
    "Apollo masked surname": "test_apollo.py::test_candidates_have_no_surname_and_are_revealed_by_their_id",
    "CSE without items": "test_web_search.py::test_no_items_means_nothing_found",
    "PDL 404 on search": "test_pdl.py::test_nothing_found_is_free_and_companies_are_ours",
    "PDL rate header in single quotes": "test_pdl.py::test_the_rate_header_is_read_whatever_its_quotes",
    "Hunter 403, 429": "test_hunter.py::test_its_codes_are_inverted",
    "Hunter 451": "test_hunter.py::test_a_person_who_objected_is_to_be_suppressed_whoever_asks",
    "Hunter 202": "test_hunter.py::test_a_verdict_that_is_still_being_worked_on_is_asked_for_again",
    "ZeroBounce 200 with error, batch error all": (
        "test_zerobounce.py::test_a_wrong_key_is_refused_although_the_status_is_200"
    ),
    "Lusha COMPLIANCE_RESTRICTED": "test_lusha.py::test_a_hundred_people_are_one_request_and_each_finds_its_own_answer",
    "SAM.gov 429 with nextAccessTime": "test_sam.py::test_the_days_quota_stops_and_a_short_throttle_waits",
    "SAM.gov repeated page": "../opportunities/test_plan.py::test_a_page_that_only_repeats_ends_the_day",
    "ACRA na": "test_acra.py::test_a_data_set_is_read_page_by_page_to_its_end",
    "Tavily 432, 433": "test_tavily_web.py::test_its_own_codes_mean_that_credits_are_gone",
    "Tavily 432, 433 in a search": "test_conformance.py::test_tavilys_own_codes_mean_that_credits_are_gone",
    "Odoo JSON-RPC 200 with error": "test_odoo.py::test_what_odoo_says_by_exception_is_told_apart_at_both_doors",
    "Odoo load ids false": "test_odoo.py::test_an_import_that_saved_nothing_is_no_success",
    "Odoo authenticate false": "test_odoo.py::test_a_wrong_key_is_named_and_never_shown",
    "OpenAI insufficient_quota": "test_llm.py::test_out_of_money_and_too_fast_are_told_apart",
    "OpenAI refusal": "test_llm.py::test_a_refusal_is_final",
    "OpenAI truncated JSON": "test_llm.py::test_a_cut_answer_is_asked_for_with_more_room",
    "OpenAI missing usage": "test_llm.py::test_a_server_that_does_not_count_is_estimated_and_marked",
    "Trengo webhook with a bad signature": "../contracts/test_messages_in.py::test_any_other_trengo_body_is_refused",
    "WhatsApp 131050": "test_whatsapp.py::test_what_concerns_one_message_is_a_reply_and_no_error",
    "WhatsApp 131049": "test_whatsapp.py::test_meta_not_delivering_says_when_to_try_again",
    "robots 5xx": "test_site_robots.py::test_the_status_decides_when_there_are_no_rules",
}


def excuses() -> Iterator[tuple[str, str, str]]:
    """(who, part, why it is not asked of them here)."""
    yield from ((name, part, why) for name, apart in ELSEWHERE.items() for part, why in apart.items())
    sitters: tuple[Subject | Search | test_ways_exam.Way, ...] = (*SUBJECTS, *SEARCHES, *test_ways_exam.WAYS)
    for sitter in sitters:
        yield from ((sitter.name, part, why) for part, why in sitter.apart.items())
    # Whose answer cannot say that there is more has one page.
    for subject in SUBJECTS:
        if subject.pages is None and "paging" not in subject.apart:
            yield subject.name, "paging", ONE


@pytest.fixture
async def everybody(sandbox: RunningSandbox) -> set[str]:
    """The names of all adapters of an installation that has every key."""
    names = {f"alerts.{kind}" for kind in get_args(ChannelKind)} | {"jetstream.publish", "site.fetch"}
    mail = {"smtp_url": SecretStr("smtp://127.0.0.1"), "smtp_from": "hello@ours.example"}
    for web in ("tavily", "google_cse"):
        built = registry.build(sandbox.settings(web_search_vendor=web, **mail))
        assert (dict(built.absent), dict(built.absent_vendors)) == ({}, {})
        names |= set(built.operations)
        for channel in built.channels:
            port = built.company_search(channel)
            names.add(f"{port.vendor}.{port.operation}")
        await built.close()
    return names


async def test_every_adapter_sits_every_part_or_says_why_not(everybody: set[str]) -> None:  # S2.02
    assert ASKED
    excused = {(name, part) for name, part, _ in excuses()}
    missing = sorted((name, part) for name in everybody for part in PARTS if (name, part) not in SAT | excused)
    assert missing == [], "add a Subject, a Search, or a reason: see tests/providers/exam.py"
    assert {name for name, _ in SAT | excused} <= everybody, "an adapter that is gone"


def test_a_reason_is_a_sentence_or_a_test_that_exists() -> None:
    for name, part, why in excuses():
        assert part in PARTS, (name, part)
        assert (why.startswith("tests/") and _exists(why)) or len(why.split()) >= 4, (name, part, why)
    for case, where in ODD.items():
        assert _exists(f"tests/providers/{where}"), case


def test_who_can_say_that_there_is_more_is_walked_to_the_end(sandbox: RunningSandbox) -> None:
    for subject in SUBJECTS:
        spec = subject.operation(subject.settings(sandbox)).spec
        more = {"next_offset", "next_page", "next_cursor", "total"} & set(spec.answer.model_fields)
        if more and subject.pages is None:
            assert subject.apart.get("paging", "").startswith("tests/"), f"{subject.name} has pages: {more}"


def test_every_search_and_every_vendors_maker_has_somebody_who_sits(sandbox: RunningSandbox) -> None:
    settings = sandbox.settings()
    assert {each.channel for each in SEARCHES} == set(Channel)
    # A class with `units_per_page` is a `CompanySearch`, whichever setting chooses it.
    searches = {
        member
        for module in pkgutil.iter_modules(worker.providers.__path__)
        if not module.ispkg
        for _, member in inspect.getmembers(importlib.import_module(f"worker.providers.{module.name}"), inspect.isclass)
        if hasattr(member, "units_per_page") and member.__module__ == f"worker.providers.{module.name}"
    }
    sitting = {
        type(registry.build(settings.model_copy(update=dict(s.also))).company_search(s.channel)) for s in SEARCHES
    }
    assert sitting == searches
    asked = {subject.name.partition(".")[0] for subject in SUBJECTS} | {"smtp"}
    assert {vendor for vendor, _ in VENDORS} <= asked


def _exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in _tests_of(ROOT / path)


@cache
def _tests_of(path: Path) -> set[str]:
    made = ast.parse(path.read_text(encoding="utf-8"))
    return {each.name for each in ast.walk(made) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
