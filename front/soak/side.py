"""The side load: discovery runs over HTTP with paid vendor calls, asked for until they are answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.errors import Unavailable
from front.client import Client

#: Seconds between two runs.
EVERY_S = 6.0
#: Between two tries of one request, in seconds.
AGAIN_S = 0.3
#: Every so many runs ask what was asked and paid for before.
REPEAT_EVERY = 3
PLACES = ("Johannesburg", "Cape Town", "Durban", "Nairobi", "Botswana", "Lagos")
THINGS = ("workwear manufacturers", "uniform suppliers", "safety boots", "corporate clothing", "textile mills")
VENDOR = "tavily"


@dataclass(slots=True)
class Side:
    """Asks for runs until `stopping`. `asked`: Idempotency-Key -> run id, None while nobody has answered."""

    api: Client
    asked: dict[str, str | None] = field(default_factory=dict)
    tries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    #: Requests that were sent again after an answer, and got another run.
    other_runs: int = 0
    stopping: bool = False
    _queries: list[str] = field(default_factory=list)

    async def run(self) -> None:
        while not self.stopping:
            await self._one(len(self.asked))
            await asyncio.sleep(EVERY_S)

    async def _one(self, number: int) -> None:
        again = number % REPEAT_EVERY == REPEAT_EVERY - 1
        query = self._queries[number // 2 % len(self._queries)] if again else self._new_query(number)
        body = {"channels": ["register", "google", "keyword"], "queries": [query], "max_companies": 40}
        key = f"soak-{number}"
        self.asked[key] = None
        self.asked[key] = await self.insist(key, body)
        # The answer may get lost on its way: whoever asks again must get the same run.
        if await self.insist(key, body) != self.asked[key]:
            self.other_runs += 1

    def _new_query(self, number: int) -> str:
        thing = THINGS[number % len(THINGS)]
        self._queries.append(f"{thing} {PLACES[number % len(PLACES)]} {number}")
        return self._queries[-1]

    async def insist(self, key: str, body: dict[str, Any]) -> str:
        """POST until there is an answer; returns the run's id."""
        while True:
            self.tries += 1
            try:
                _, answer = await asyncio.to_thread(
                    self.api.ask, "POST", "/v1/discovery/runs", body, headers={"Idempotency-Key": key}
                )
                return str(UUID(answer["id"]))
            except Unavailable as error:
                self.refused[error.code] += 1
                await asyncio.sleep(AGAIN_S)


def paid_twice(meter: dict[str, Any]) -> list[str]:
    """Fingerprints the vendor has billed more than once, from the sandbox's `/__control/requests`."""
    return [line["fingerprint"] for line in meter["requests"] if line["vendor"] == VENDOR and billed(line) > 1]


def billed(line: dict[str, Any]) -> int:
    """How often a request was billed: an answer, or a fault after the work was done."""
    return sum(n for outcome, n in line["outcomes"].items() if outcome == "200" or not outcome.isdigit())
