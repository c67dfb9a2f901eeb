"""What is remembered of a record after a push, and what was known before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from contracts.crm import Keep
from contracts.crm_records import PARTNER, Value, Wanted, external_id, plain
from contracts.outgoing import CrmLookup, CrmReceipt, CrmRecord, CrmSnapshot
from contracts.providers import Reply
from worker.crm_sync.merge import Decision, Known

#: What we look at of a record, whatever of it we have values for: a field that is filled later has to be known as empty before.
LOOKED_AT: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "website", "phone", "city", "country_id"),
    "contact": ("name", "email", "phone", "function"),
    "lead": ("name", "contact_name", "email_from", "phone", "function", "website"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """A record on its way. `record` None: it is put away, because its company, or lead, was merged into `survivor`."""

    kind: str
    model: str
    local_id: UUID
    detail: Mapping[str, Any]
    known: Known
    record: Wanted | None
    survivor: UUID | None = None

    @property
    def name(self) -> str:
        """The external id."""
        return external_id(self.kind, self.local_id)

    @property
    def resolution(self) -> Keep | None:
        """What a person has decided about it."""
        found = self.detail.get("resolution")
        return cast(Keep, found) if found in ("ours", "theirs") else None

    def lookup(self, receipt: CrmReceipt | None = None) -> CrmLookup:
        """How it stands there; `receipt`: after it was sent."""
        remote_id = receipt.remote_id if receipt else self.known.remote_id
        fields = plain(LOOKED_AT[self.kind])
        return CrmLookup(model=self.model, external_id=self.name, fields=fields, remote_id=remote_id)

    def message(self, decision: Decision) -> CrmRecord:
        """What goes out."""
        parent = self.record.parent if self.record is not None and decision.with_parent else None
        return CrmRecord(model=self.model, external_id=self.name, values=decision.send, parent_external_id=parent)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item. `receipt` None: nothing was sent; `after`: how it stands now."""

    item: Item
    decision: Decision
    receipt: Reply[CrmReceipt] | None = None
    after: CrmSnapshot | None = None
    waits: bool = False

    @property
    def refused(self) -> str | None:
        """Why Odoo turned it down."""
        if self.receipt is None or self.receipt.outcome == "found":
            return None
        return self.receipt.note or "Odoo turned it down and gave no reason"

    @property
    def word(self) -> str:
        """For the list of pushes."""
        return "error" if self.refused else "waits" if self.waits else self.decision.action


def known(detail: Mapping[str, Any], remote_id: int | None, values: Mapping[str, Value] | None) -> Known:
    """What a link remembers."""
    return Known(
        remote_id,
        _members(detail.get("seen")),
        _members(values),
        _members(detail.get("ceded")),
        bool(detail.get("gone")),
        bool(detail.get("put_away")),
    )


def _members(value: Any) -> Mapping[str, Value]:
    """Where somebody was erased, a word may stand in place of what named them."""
    return value if isinstance(value, Mapping) else {}


def fresh(link_hash: bytes | None, state: str | None, detail: Mapping[str, Any], record: Wanted) -> bool:
    """Whether nothing has to be sent: the same content was written before, and nothing about it waits."""
    return state == "linked" and link_hash == record.hash and not (detail.get("merged_into") or detail.get("gone"))


def remembered(outcome: Outcome, about: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a link after its push: remote_id, hash, values, state, detail (with `about`), error, pushed."""
    item, decision = outcome.item, outcome.decision
    if outcome.refused or outcome.waits:
        state = "error" if outcome.refused else "pending"
        return _kept(item, state, outcome.refused, {**item.detail, **about})
    sent = outcome.receipt.value if outcome.receipt is not None else None
    remote_id = sent.remote_id if sent else outcome.after.remote_id if outcome.after else item.known.remote_id
    waiting = decision.action == "conflict"
    detail: dict[str, Any] = {
        **about,
        "seen": _seen(item, decision, outcome.after),
        "ceded": decision.ceded,
        "dropped": list(sent.dropped) if sent else item.detail.get("dropped") or [],
    }
    detail |= {"problem": decision.problem, "differs": decision.differs} if waiting else {}
    detail |= {"gone": True} if decision.gone else {}
    if item.record is None and not waiting:
        detail |= {"merged_into": str(item.survivor), "put_away": decision.send.get("active") is False}
    return {
        "remote_id": item.known.remote_id if decision.problem == "moved" else remote_id,
        "hash": item.record.hash if item.record is not None else None,
        "values": _values(item, decision),
        "state": "conflict" if waiting else "linked",
        "detail": detail,
        "error": None,
        "pushed": sent is not None,
    }


def _kept(item: Item, state: str, error: str | None, detail: dict[str, Any]) -> dict[str, Any]:
    """Nothing was written there: what was known stays known."""
    return {
        "remote_id": item.known.remote_id, "hash": None, "values": dict(item.known.values), "state": state,
        "detail": detail, "error": error, "pushed": False,
    }  # fmt: skip


def _seen(item: Item, decision: Decision, after: CrmSnapshot | None) -> dict[str, Value]:
    """How it stands, but for what waits for a person: there the version from before is what the next look is held against."""
    if after is None or decision.problem in ("deleted", "archived", "moved", "merged"):
        return dict(item.known.seen)
    held = {name.partition("/")[0] for name in decision.differs}
    old = {name: value for name, value in item.known.seen.items() if name in held}
    return {name: value for name, value in after.values.items() if name not in held} | old


def _values(item: Item, decision: Decision) -> dict[str, Value]:
    """What we wanted, but for what waits: that is still to be done."""
    if item.record is None or decision.problem in ("deleted", "archived", "moved"):
        return dict(item.known.values)
    old = item.known.values
    held = {name: old[name] for name in decision.differs if name in old}
    return {name: v for name, v in item.record.values.items() if name not in decision.differs} | held


def is_company(item: Item) -> bool:
    """The record that the others of a lead hang on."""
    return item.model == PARTNER and item.kind == "company" and item.record is not None
