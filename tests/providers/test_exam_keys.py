"""The exam's questions about keys: none is ever told, and without one a look-up is absent and says what to set."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel

from contracts.errors import HeadwaterError, VendorRefused
from contracts.providers import Operation
from tests.providers.exam import SECRET, Subject, overheard, shown, sits
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.saying import saying
from tests.providers.subjects import SUBJECTS
from tests.providers.test_exam import FIRST
from worker.providers import registry

pytestmark = pytest.mark.usefixtures("downloads")


@pytest.mark.parametrize("subject", FIRST.values(), ids=lambda each: each.name)
async def test_one_look_up_of_each_vendor_keeps_its_key_out_of_logs_and_errors(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture, subject: Subject
) -> None:
    await _keeps_its_key(sandbox, caplog, subject)


@pytest.mark.slow
@sits("redaction", SUBJECTS)
async def test_no_key_is_in_a_log_or_an_error_even_if_the_vendor_repeats_it(
    sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture, subject: Subject
) -> None:
    await _keeps_its_key(sandbox, caplog, subject)


async def _keeps_its_key(sandbox: RunningSandbox, caplog: pytest.LogCaptureFixture, subject: Subject) -> None:
    query, words = subject.hits()[0], f"The key {SECRET} is wrong, said {SECRET!r}"
    echo = {
        "detail": words,
        "error": words,
        "message": words,
        "errors": [{"details": words, "title": words}],
        "code": words,
    }
    answers = [(status, echo) for status in (200, 400, 401, 403, 404, 422, 429, 451, 500)]
    with overheard(caplog) as logged:
        async with saying(*answers) as parrot, subject.opened(sandbox, **_door(subject, parrot.url)) as operation:
            for _ in range(len(answers) + 2):
                await _whatever(operation, query)
            assert len(parrot.paths) >= len(answers), "it was asked"
        async with subject.opened(sandbox) as operation:
            for kind in ("401", "429", "500", "reset", "truncate", "garbage", "redirect"):
                sandbox.fault(kind, vendor=subject.sandbox)
                await _whatever(operation, query)
            await operation.ask([query], key="k")
        async with subject.opened(sandbox, **_door(subject, "http://127.0.0.1:9")) as operation:
            await _whatever(operation, query)
        assert SECRET not in logged()


def _door(subject: Subject, url: str) -> dict[str, Any]:
    """The vendor's address as `url`; where the address is the key, it stays in it."""
    return {subject.address: f"{url}/services/{SECRET}" if subject.address == subject.setting else url}


async def _whatever(operation: Operation[Any, Any], query: BaseModel) -> None:
    """Ask, and look for the key in whatever comes of it."""
    try:
        told = repr(await operation.ask([query], key="k"))
    except HeadwaterError as error:
        told = shown(error) + repr(error.members)
    assert SECRET not in told + repr(vars(operation))


@sits("keyless", SUBJECTS)
async def test_without_a_usable_key_it_is_absent_and_names_the_setting(
    sandbox: RunningSandbox, subject: Subject
) -> None:  # S3.05
    keyless = [None, "", "  "]
    if not subject.setting.endswith(("_id", "_enabled", "_model", "_url")):
        keyless += ["key with a-space", "schlüssel"]
    for key in keyless:
        with pytest.raises(VendorRefused, match=subject.setting.upper()) as caught:
            subject.make(subject.settings(sandbox, **{subject.setting: key}))
        assert caught.value.code == "vendor_absent"
    # The installation goes without it: it has a reason to show, and everybody else.
    built = registry.build(sandbox.settings(**subject.also, **{subject.setting: None}))
    with pytest.raises(VendorRefused, match=subject.setting.upper()) as caught:
        built.operation(subject.name)
    assert caught.value.code == "vendor_absent"
    assert re.search(r"\bset\b", caught.value.detail), "it says what to do"
    assert len(built.operations) > 10
    await built.close()
