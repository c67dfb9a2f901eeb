"""A language model behind the chat completions API: OpenAI's, or any compatible server (OPENAI_BASE_URL).

Source: providers.md, section 17. Tokens are what is counted, prompt and answer together; a server that does not say how many it
used gets an estimate, marked as one. One call never takes more than LLM_MAX_TOKENS_PER_CALL: a prompt that cannot keep to that is
not sent. With a schema the answer must be JSON that fits it: what does not, or was cut short, is asked for once more, and both
calls are counted. Not every server enforces a schema, so every answer is checked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from contracts.errors import BadAnswer, HeadwaterError, VendorDown
from contracts.findings import Completion, Prompt
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms
from contracts.settings import Settings
from contracts.texts import tokens_at_most
from worker.providers import json_schema
from worker.providers.answers import Json, shaped
from worker.providers.http import VendorClient
from worker.providers.keys import absent, usable_key
from worker.providers.lenient import members, number
from worker.providers.llm_answer import PER_MESSAGE, Answer, Spoken, completed, read
from worker.providers.operation import OneByOne, invalid, patience
from worker.providers.rules import Kind, PaceHint, Said, VendorRules

#: A repair with less room than this for its answer is not worth its prompt.
LEAST_ANSWER = 32
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_REPAIR = "That answer does not fit ({problem}). Answer again, with nothing but JSON that fits the schema."


def _kind(said: Said) -> Kind | None:
    if said.status not in (400, 429):
        return None
    try:
        error = members(members(json.loads(said.body)).get("error"))
    except ValueError:
        return None
    names = {error.get("code"), error.get("type")}
    if said.status == 429:
        return "quota" if "insufficient_quota" in names else "rate"
    # Too long for this model, though not for our guardrail: the item's fault, not the request's.
    return "miss" if "context_length_exceeded" in names else None


def _after_s(said: Said) -> float | None:
    waited = number(said.headers.get("retry-after-ms"))
    return min(max(waited / 1000, 0.0), 3600.0) if waited is not None else None


def _hint(headers: Mapping[str, str]) -> PaceHint | None:
    left = number(headers.get("x-ratelimit-remaining-requests"))
    reset = headers.get("x-ratelimit-reset-requests", "")
    parts = _DURATION.findall(reset)
    if left is None or not parts:
        return None
    limit = number(headers.get("x-ratelimit-limit-requests"))
    return PaceHint(max(0, int(left)), sum(float(n) * _SECONDS[u] for n, u in parts), int(limit) if limit else None)


RULES = VendorRules(
    vendor="llm",
    address_setting="OPENAI_BASE_URL",
    key_setting="OPENAI_API_KEY",
    classify=_kind,
    after_s=_after_s,
    hint=_hint,
)


class Complete(OneByOne[Prompt, Completion]):
    """`POST /chat/completions`. Units are tokens."""

    def __init__(self, spec: OperationSpec, http: VendorClient, settings: Settings) -> None:
        super().__init__(spec, http)
        self._model = settings.langchain_model or ""
        self._token_field = settings.llm_token_field
        self._temperature = settings.llm_temperature
        self._most = settings.llm_max_tokens_per_call

    def units_of(self, query: Prompt) -> float:
        """Both calls, where a second may be needed."""
        once = prompt_tokens(query) + query.max_tokens
        again = min(self._most, once + query.max_tokens + 100) if query.answer_schema else 0
        return float(min(once, self._most) + again)

    async def one(self, query: Prompt, *, key: str) -> Reply[Completion]:  # noqa: ARG002 - it knows no idempotency keys
        if reason := self._unfit(query):
            return invalid(reason)
        first = await self._call(query, _messages(query), query.max_tokens)
        if first is None:
            return invalid("the prompt is too long for this model: send less text")
        if first.problem is None:
            return completed(first)
        if first.final or query.answer_schema is None:
            return invalid(first.problem, units=first.tokens, estimated=first.estimated, raw=first.raw)
        return await self._repaired(query, first)

    def _unfit(self, query: Prompt) -> str | None:
        """Why this prompt must not be sent at all."""
        if unknown := json_schema.unknown_words(query.answer_schema):
            return f"the schema has words that cannot be checked here: {', '.join(sorted(unknown))}"
        needed = prompt_tokens(query) + query.max_tokens
        if needed <= self._most:
            return None
        return f"about {needed} tokens are needed and LLM_MAX_TOKENS_PER_CALL is {self._most}: send less text"

    async def _repaired(self, query: Prompt, first: Spoken) -> Reply[Completion]:
        """The second and last attempt: with more room when the first was cut short, else with what was wrong."""
        messages = _messages(query)
        if not first.cut:
            wrong = {"role": "user", "content": _REPAIR.format(problem=first.problem)}
            messages += [{"role": "assistant", "content": first.text}, wrong]
        taken = sum(tokens_at_most(m["content"]) + PER_MESSAGE for m in messages) + _schema_tokens(query)
        room = min(self._most - taken, query.max_tokens * (2 if first.cut else 1))
        if room < LEAST_ANSWER or (first.cut and room <= query.max_tokens):
            return invalid(f"{first.problem}; no room to ask again", units=first.tokens, estimated=first.estimated)
        try:
            second = await self._call(query, messages, room)
        except HeadwaterError as error:
            # The first call was paid for, whatever became of this one.
            lost = isinstance(error, BadAnswer) or (isinstance(error, VendorDown) and error.sent)
            units = first.tokens + (taken + room if lost else 0)
            return invalid(f"{first.problem}; asking again failed ({error.code})", units=units, estimated=True)
        if second is None:
            return invalid(first.problem or "", units=first.tokens, estimated=first.estimated)
        raw = {"answers": [first.raw, second.raw]}
        units, estimated = first.tokens + second.tokens, first.estimated or second.estimated
        if second.problem is not None:
            return invalid(second.problem, units=units, estimated=estimated, raw=raw)
        return completed(second, before=first, raw=raw)

    async def _call(self, query: Prompt, messages: list[dict[str, str]], max_tokens: int) -> Spoken | None:
        """One call; None when the prompt is too long for the model."""
        body: Json = {"model": self._model, "messages": messages, self._token_field: max_tokens}
        if self._temperature is not None:
            body["temperature"] = self._temperature
        if query.answer_schema is not None:
            form = {"name": query.schema_name, "strict": True, "schema": query.answer_schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        heard = await self._http.ask("POST", "chat/completions", json=body)
        if heard.kind is not None:
            return None
        raw = members(heard.json)
        return read(query, shaped(Answer, raw, RULES.vendor), raw, messages, self._model)


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """The model. Raises VendorRefused (`vendor_absent`) without LANGCHAIN_MODEL or OPENAI_API_KEY (a local server takes any)."""
    key = usable_key(settings, "llm", "openai_api_key")
    if not (settings.langchain_model or "").strip():
        raise absent("llm", "there is no LANGCHAIN_MODEL: name the model, or do without")
    spec = OperationSpec(
        "llm", "complete", Completion, Terms.OWN, Pace("llm", concurrency=4), unit="token",
        units=2.0 * settings.llm_max_tokens_per_call, timeout_s=120.0,
        unit_price_usd=0.000001,
    )  # fmt: skip
    http = VendorClient(RULES, settings.openai_base_url, timeout_s=patience(settings, spec), key=key)
    return [Complete(spec, http, settings)]


def prompt_tokens(query: Prompt) -> int:
    """At most so many tokens are sent: texts, schema and what goes around them."""
    return sum(tokens_at_most(m["content"]) + PER_MESSAGE for m in _messages(query)) + _schema_tokens(query)


def _schema_tokens(query: Prompt) -> int:
    return tokens_at_most(json.dumps(query.answer_schema)) if query.answer_schema else 0


def _messages(query: Prompt) -> list[dict[str, str]]:
    return [{"role": "system", "content": query.system}, {"role": "user", "content": query.user}]
