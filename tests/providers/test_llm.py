"""A language model: schemas kept, one repair, tokens counted or estimated, a guardrail on every call."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.errors import VendorBusy, VendorRefused
from contracts.findings import Completion, Prompt
from contracts.providers import Operation, Reply
from tests.providers.exam import SECRET
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from worker.enrichment import prompt as question
from worker.providers import llm
from worker.providers.rules import heard_hint

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["industry", "founded", "description"],
    "properties": {
        "industry": {"type": ["string", "null"]},
        "founded": {"type": ["integer", "null"]},
        "description": {"type": "string"},
    },
}


def model(sandbox: RunningSandbox, **settings: Any) -> Operation[Prompt, Completion]:
    chosen: dict[str, Any] = {"openai_api_key": SECRET, **settings}
    return llm.make(sandbox.settings(**chosen))[0]


def asking(text: str, **more: Any) -> Prompt:
    return Prompt(**{"system": "Fill in the form.", "user": text, "answer_schema": SCHEMA, **more})


async def one(op: Operation[Prompt, Completion], query: Prompt) -> Reply[Completion]:
    (reply,) = await op.ask([query], key="k")
    return reply


async def test_an_answer_fits_the_schema_and_costs_what_the_server_counted(sandbox: RunningSandbox) -> None:  # S3.04
    op, query = model(sandbox), asking("Workwear since 1987, from Johannesburg.")
    reply = await one(op, query)
    assert reply.value is not None
    assert reply.value.data is not None
    assert (reply.value.data["industry"], reply.value.data["founded"]) == ("Workwear", 1987)
    assert reply.units == sandbox.totals("openai")["credits"] <= op.units_of(query)
    assert (reply.estimated, reply.value.repaired, reply.value.model) == (False, False, "sandbox-model")
    hint = heard_hint.get()
    assert hint is not None
    assert hint.remaining == 499
    assert hint.reset_s == pytest.approx(0.12)


async def test_what_does_not_fit_is_asked_for_once_more_and_both_are_counted(sandbox: RunningSandbox) -> None:  # S3.04
    op, query = model(sandbox), asking("[[wrong]] Workwear.")
    reply = await one(op, query)
    assert reply.value is not None
    assert reply.value.repaired
    assert sandbox.totals("openai")["requests"] == 2
    assert reply.units == sandbox.totals("openai")["credits"] <= op.units_of(query)
    assert reply.raw is not None
    assert len(reply.raw["answers"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("trouble", ["[[always wrong]]", "[[prose]]"])
async def test_a_second_wrong_answer_is_the_last_and_its_cost_is_kept(
    sandbox: RunningSandbox, trouble: str
) -> None:  # S2.14
    reply = await one(model(sandbox), asking(trouble))
    assert (reply.outcome, reply.value) == ("invalid", None)
    assert reply.note
    assert sandbox.totals("openai")["requests"] == 2
    assert reply.units == sandbox.totals("openai")["credits"] > 0


async def test_a_cut_answer_is_asked_for_with_more_room(sandbox: RunningSandbox) -> None:  # S2.14
    op = model(sandbox)
    mended = await one(op, asking("[[truncate]] Workwear.", max_tokens=250))
    assert mended.value is not None
    assert mended.value.repaired
    sandbox.reset()
    hopeless = await one(op, asking("[[truncate]] Workwear.", max_tokens=100))
    assert hopeless.outcome == "invalid"
    assert "cut short" in (hopeless.note or "")
    assert hopeless.units == sandbox.totals("openai")["credits"] > 0


async def test_without_room_for_more_a_cut_answer_is_not_asked_for_again(sandbox: RunningSandbox) -> None:  # S3.04
    query = asking("[[truncate]] Workwear.", max_tokens=250)
    reply = await one(model(sandbox, llm_max_tokens_per_call=int(llm.prompt_tokens(query)) + 250), query)
    assert (reply.outcome, sandbox.totals("openai")["requests"]) == ("invalid", 1)
    assert reply.units == sandbox.totals("openai")["credits"] > 0


async def test_a_refusal_is_final(sandbox: RunningSandbox) -> None:  # S2.14
    reply = await one(model(sandbox), asking("[[refuse]]"))
    assert (reply.outcome, sandbox.totals("openai")["requests"]) == ("invalid", 1)
    assert "refused" in (reply.note or "")
    assert reply.units > 0


async def test_a_server_that_does_not_count_is_estimated_and_marked(sandbox: RunningSandbox) -> None:  # S3.04
    op, query = model(sandbox), asking("[[no usage]] Workwear.")
    reply = await one(op, query)
    assert reply.estimated
    assert 0 < reply.units <= op.units_of(query)


async def test_out_of_money_and_too_fast_are_told_apart(sandbox: RunningSandbox) -> None:  # S2.14
    def said(code: str) -> dict[str, Any]:
        return {"error": {"message": "no", "type": code, "param": None, "code": code}}

    fast = (429, said("rate_limit_exceeded"), {"retry-after-ms": "2500"})
    async with saying((429, said("insufficient_quota")), fast) as vendor:
        op = model(sandbox, openai_base_url=vendor.url)
        with pytest.raises(VendorRefused) as refused:
            await one(op, asking("x"))
        assert refused.value.code == "vendor_quota"
        with pytest.raises(VendorBusy) as busy:
            await one(op, asking("x"))
        assert busy.value.after_s == 2.5


async def test_the_first_call_is_counted_when_the_repair_fails(sandbox: RunningSandbox) -> None:  # S2.14
    op, query = model(sandbox), asking("[[wrong]] Workwear.")
    sandbox.fault("500", vendor="openai", skip=1)
    reply = await one(op, query)
    assert (reply.outcome, reply.estimated) == ("invalid", True)
    assert "vendor_down" in (reply.note or "")
    assert sandbox.totals("openai")["credits"] < reply.units <= op.units_of(query)


async def test_a_prompt_over_the_guardrail_is_not_sent(sandbox: RunningSandbox) -> None:  # S3.04
    op = model(sandbox, llm_max_tokens_per_call=1000)
    reply = await one(op, asking("word " * 2000))
    assert (reply.outcome, reply.units) == ("invalid", 0)
    assert "LLM_MAX_TOKENS_PER_CALL is 1000" in (reply.note or "")
    too_long_for_it = await one(model(sandbox), asking("[[too long]]"))
    assert (too_long_for_it.outcome, too_long_for_it.units) == ("invalid", 0)
    assert sandbox.totals("openai")["requests"] == 1


async def test_the_question_about_a_site_keeps_to_the_guardrail(sandbox: RunningSandbox) -> None:  # S3.04
    settings = sandbox.settings()
    for letter in ("word ", "ก"):
        query = question.ask("Example", letter * 100_000, max_tokens=settings.llm_max_tokens_per_call)
        assert (await one(model(sandbox), query)).outcome == "found"


async def test_the_wire_is_what_openai_and_local_servers_take(sandbox: RunningSandbox) -> None:  # S2.02
    fenced = '```json\n{"industry": null, "founded": 1987, "description": "x"}\n```'
    answer = {"choices": [{"message": {"content": fenced}}]}
    async with saying((200, answer)) as vendor:
        local = model(
            sandbox, openai_base_url=f"{vendor.url}/v1", llm_token_field="max_tokens", langchain_model="llama",
            llm_temperature=0.2,
        )  # fmt: skip
        reply = await one(local, asking("x", max_tokens=77, schema_name="form"))
        await one(model(sandbox, openai_base_url=vendor.url), asking("x", max_tokens=77))
    sent, plain = vendor.asked
    assert vendor.paths[0].startswith("POST /v1/chat/completions ")
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("llama", 77, 0.2)
    assert "max_completion_tokens" not in sent
    assert plain["max_completion_tokens"] == 77
    assert "temperature" not in plain
    assert sent["response_format"]["json_schema"] == {"name": "form", "strict": True, "schema": SCHEMA}
    assert reply.value is not None
    assert reply.value.data == {"industry": None, "founded": 1987, "description": "x"}
    assert reply.value.model == "llama"


async def test_without_a_schema_the_text_is_the_answer(sandbox: RunningSandbox) -> None:
    reply = await one(model(sandbox), Prompt(system="Be short.", user="What is workwear?"))
    assert reply.value is not None
    assert reply.value.text.startswith("In short")
    assert reply.value.data is None


def test_no_model_named_is_no_model(sandbox: RunningSandbox) -> None:  # S3.05
    with pytest.raises(VendorRefused, match="LANGCHAIN_MODEL") as caught:
        model(sandbox, langchain_model=None)
    assert caught.value.code == "vendor_absent"
