"""Which fields a model has in one Odoo: asked once an hour, shared by all who read and write there."""

from __future__ import annotations

import time
from collections.abc import Mapping

from contracts.errors import BadAnswer
from worker.providers.lenient import members, words
from worker.providers.odoo_remote import Remote

#: How long the fields of a model are believed to stay the same, in seconds.
FIELDS_S = 3600.0


class Fields:
    """What is known of the models of one Odoo."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}

    async def of(self, remote: Remote, model: str) -> Mapping[str, str]:
        """field -> its type. Raises what the remote raises; BadAnswer when it names none."""
        read_at, known = self._known.get(model, (-FIELDS_S, {}))
        if time.monotonic() - read_at > FIELDS_S:
            answer = await remote.call(model, "fields_get", {"attributes": ["string", "type", "required"]})
            types = {name: words(members(described).get("type")) for name, described in members(answer).items()}
            # What has no type is no field: taken for one, it would stand for all that the database has, for an hour.
            known = {name: each for name, each in types.items() if each}
            if not known:
                raise BadAnswer(f"odoo names no fields of {model}: look at ODOO_URL", vendor="odoo")
            self._known[model] = (time.monotonic(), known)
        return known
