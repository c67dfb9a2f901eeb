"""Chat completions as OpenAI and compatible servers speak them: `/openai/v1`. Answers are read off the prompt, the same every time.

What the prompt's text contains decides how it goes (for tests): [[refuse]], [[truncate]] (until more tokens are allowed), [[wrong]]
(once: an answer that does not fit), [[always wrong]], [[prose]], [[no usage]], [[too long]].
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from worker.providers.sandbox.answer import Answer, json_answer
from worker.providers.sandbox.vendor import Asked, Offer

#: Requests a minute that its headers speak of.
LIMIT = 500
_TRADE = re.compile(r"(?i)\b(corporate clothing|workwear|promotional clothing|uniforms?|branded apparel)\b")
_YEAR = re.compile(r"\b(?:since|founded in|established) (\d{4})\b", re.IGNORECASE)
_COMPANY = re.compile(r'"company_name": "([^"]+)"')
_PEOPLE = re.compile(r"\b(\d{1,5}) (?:people|employees|staff)\b", re.IGNORECASE)


def _error(status: int, kind: str, message: str, code: str | None = None) -> Answer:
    return json_answer(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


def completions(asked: Asked) -> Answer:
    key = asked.headers.get("authorization", "").removeprefix("Bearer ")
    if not key or key.endswith("-wrong"):
        return _error(401, "invalid_request_error", "Incorrect API key provided", "invalid_api_key")
    try:
        body = json.loads(asked.body)
        model, texts = str(body["model"]), [str(each["content"]) for each in body["messages"]]
    except (ValueError, KeyError, TypeError):
        return _error(400, "invalid_request_error", "you must provide a model and messages")
    if model == "no-such-model":
        return _error(404, "invalid_request_error", f"The model '{model}' does not exist", "model_not_found")
    if "max_tokens" in body and "max_completion_tokens" in body:
        return _error(400, "invalid_request_error", "max_tokens and max_completion_tokens cannot both be set")
    prompt = "\n".join(texts)
    if "[[too long]]" in prompt:
        return _error(
            400, "invalid_request_error", "maximum context length is 128000 tokens", "context_length_exceeded"
        )
    allowed = body.get("max_completion_tokens") or body.get("max_tokens") or 10_000
    return _said(asked, model, prompt, _wanted(body), int(allowed), attempts=len(texts))


def _wanted(body: dict[str, Any]) -> dict[str, Any] | None:
    form = (body.get("response_format") or {}).get("json_schema") or {}
    schema = form.get("schema")
    return schema if isinstance(schema, dict) else None


def _said(
    asked: Asked, model: str, prompt: str, schema: dict[str, Any] | None, allowed: int, *, attempts: int
) -> Answer:
    finish, refusal = "stop", None
    content: str | None = f"In short: {' '.join(prompt.split())[:120]}"
    if schema is not None:
        content = json.dumps(_filled(schema, prompt, schema))
    if "[[refuse]]" in prompt:
        content, refusal = None, "I'm sorry, I can't assist with that."
    elif "[[prose]]" in prompt or (attempts <= 2 and "[[wrong]]" in prompt) or "[[always wrong]]" in prompt:
        content = '{"unexpected": true}' if "wrong]]" in prompt else "Of course! Here is what I found."
    elif "[[truncate]]" in prompt and allowed < 400 and content is not None:
        content, finish = content[: len(content) // 2], "length"
    used = {"prompt_tokens": _tokens(prompt), "completion_tokens": _tokens(content or refusal or "")}
    value: dict[str, Any] = {
        "id": f"chatcmpl-{hashlib.sha256(asked.body).hexdigest()[:24]}",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": content, "refusal": refusal},
            }
        ],
    }
    total = sum(used.values())
    if "[[no usage]]" not in prompt:
        details = {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}
        value["usage"] = {**used, "total_tokens": total, **details}
    said = json_answer(200, value)
    headers = {
        "x-ratelimit-limit-requests": str(LIMIT), "x-ratelimit-remaining-requests": str(LIMIT - 1),
        "x-ratelimit-reset-requests": "120ms", "x-request-id": value["id"][9:],
    }  # fmt: skip
    return Answer(200, said.content_type, said.body, float(total), headers)


def _filled(schema: dict[str, Any], prompt: str, root: dict[str, Any], name: str = "") -> Any:
    """A value that fits `schema`, with what the prompt says about it where that can be read."""
    if "$ref" in schema:
        return _filled(root["$defs"][schema["$ref"].rpartition("/")[2]], prompt, root, name)
    if "anyOf" in schema:
        return _filled(schema["anyOf"][0], prompt, root, name)
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    nullable = isinstance(kinds, list) and "null" in kinds
    if kind == "object":
        return {each: _filled(rule, prompt, root, each) for each, rule in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_filled(schema["items"], prompt, root, name)] if schema.get("minItems") else []
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        pattern = {"founded": _YEAR, "employees_min": _PEOPLE, "employees_max": _PEOPLE}.get(name)
        match = pattern.search(prompt) if pattern else None
        return int(match[1]) if match else (None if nullable else schema.get("minimum", 50))
    return (
        _text(prompt, name, nullable)[: schema.get("maxLength", 300)] if not nullable else _text(prompt, name, nullable)
    )


def _text(prompt: str, name: str, nullable: bool) -> Any:
    trade = _TRADE.search(prompt)
    if name == "opener":
        company = _COMPANY.search(prompt)
        # In English whatever was asked for, as some models do.
        return f"{company[1] if company else 'Your company'} stood out to us, and we believe that our offer could be of use to you."
    if name == "industry":
        return trade[0].capitalize() if trade else (None if nullable else "Services")
    pages = prompt.partition("<<<PAGES")[2].partition("PAGES>>>")[0].strip()
    told = " ".join((pages or prompt).split())[:200]
    return told or (None if nullable else "unknown")


def _tokens(text: str) -> int:
    return len(text) // 4 + 1


def throttled(_asked: Asked, wait_s: float) -> Answer:
    said = _error(429, "requests", "Rate limit reached for requests", "rate_limit_exceeded")
    headers = {"retry-after-ms": f"{wait_s * 1000:.0f}"}
    return Answer(said.status, said.content_type, said.body, headers=headers)


def exhausted(_asked: Asked) -> Answer:
    return _error(429, "insufficient_quota", "You exceeded your current quota", "insufficient_quota")


def models(_asked: Asked) -> Answer:
    return json_answer(
        200, {"object": "list", "data": [{"id": "sandbox-model", "object": "model", "owned_by": "sandbox"}]}
    )


OFFERS = (
    Offer("openai", "complete", "POST", "/openai/v1/chat/completions", completions, throttled, exhausted),
    Offer("openai", "models", "GET", "/openai/v1/models", models),
)
