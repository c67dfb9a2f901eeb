"""What a language model answered, read and checked: text, data that fits the schema, tokens, and what is wrong with it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from contracts.findings import Completion, Prompt
from contracts.providers import Reply
from worker.providers import json_schema
from worker.providers.answers import Json, parse_any
from worker.providers.lenient import Lenient, Whole, Words, members, words
from worker.providers.operation import found

#: What a message costs beside its text, in tokens.
PER_MESSAGE = 8
_FENCED = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


class _Message(Lenient):
    content: Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)] = None
    refusal: Words = None


class _Choice(Lenient):
    message: _Message
    finish_reason: Words = None


class _Usage(Lenient):
    prompt_tokens: Whole = None
    completion_tokens: Whole = None


class Answer(Lenient):
    """A success of `POST /chat/completions`."""

    choices: list[_Choice] = Field(min_length=1)
    model: Words = None
    id: Words = None
    usage: Annotated[_Usage, BeforeValidator(members)] = _Usage()


@dataclass(frozen=True, slots=True)
class Spoken:
    """One answer of the model, read. `problem` is why it cannot be used as it is, `final` that asking again will not help."""

    text: str
    data: dict[str, Any] | None
    model: str
    ref: str | None
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    raw: Json
    problem: str | None = None
    cut: bool = False
    final: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


def read(query: Prompt, answer: Answer, raw: Json, messages: list[dict[str, str]], asked: str) -> Spoken:
    """The first choice of `answer`. Tokens that were not counted are estimated; `asked` names the model when it does not."""
    choice = answer.choices[0]
    text, usage = choice.message.content or "", answer.usage
    estimated = usage.prompt_tokens is None or usage.completion_tokens is None
    sent = usage.prompt_tokens
    if sent is None:
        sent = sum(math.ceil(len(m["content"]) / 4) + PER_MESSAGE for m in messages)
    came = usage.completion_tokens if usage.completion_tokens is not None else math.ceil(len(text) / 4)
    data, problem, final = None, None, False
    cut = choice.finish_reason == "length"
    if choice.message.refusal or choice.finish_reason == "content_filter":
        problem, final = f"the model refused: {choice.message.refusal or 'content filter'}", True
    elif not text.strip():
        problem = "cut short before a word was said" if cut else "an empty answer"
    elif query.answer_schema is not None:
        data, problem = _data(text, query.answer_schema)
        problem = f"cut short: {problem}" if problem and cut else problem
    return Spoken(
        text, data, words(answer.model) or asked[:300], answer.id, sent, came, estimated, raw, problem, cut, final
    )


def _data(text: str, schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The object in an answer, or what is wrong with it. A fence around it is forgiven."""
    fenced = _FENCED.fullmatch(text)
    try:
        value = parse_any((fenced[1] if fenced else text).encode("utf-8", "ignore"))
    except ValueError:
        return None, "it is not JSON"
    if not isinstance(value, dict):
        return None, "it is not a JSON object"
    wrong = json_schema.problem(value, schema)
    return (None, wrong) if wrong else (value, None)


def completed(said: Spoken, *, before: Spoken | None = None, raw: Json | None = None) -> Reply[Completion]:
    """The reply with what was said; the tokens of the attempt `before` it count as well."""
    value = Completion(
        text=said.text,
        data=said.data,
        model=said.model,
        prompt_tokens=said.prompt_tokens + (before.prompt_tokens if before else 0),
        completion_tokens=said.completion_tokens + (before.completion_tokens if before else 0),
        repaired=before is not None,
    )
    estimated = said.estimated or (before is not None and before.estimated)
    units = value.prompt_tokens + value.completion_tokens
    return found(value, units=units, ref=said.ref, raw=raw or said.raw, estimated=estimated)
