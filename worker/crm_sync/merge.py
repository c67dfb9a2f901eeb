"""What to send of a record: three versions are held against each other, ours, theirs, and theirs as we last saw it. Pure.

A field goes out when we have something new and nobody has touched theirs since we looked. What a person has changed is theirs: it
is shown (`ask`), left (`theirs`) or written over (`ours`), as the tenant's policy says; a decision about one record (`resolution`)
comes before the policy. A field that gave way stays theirs (`ceded`) until our own value changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.crm import Conflicts, Keep
from contracts.crm_records import Value, Wanted
from contracts.outgoing import CrmSnapshot

#: changed: a person has changed fields we have values for; deleted, archived: the record is gone or put away; moved: our name for
#: it leads to another record (people merge them); merged: it is to be put away, but a person has worked on it.
Problem = Literal["changed", "deleted", "archived", "moved", "merged"]
Action = Literal["created", "updated", "unchanged", "conflict", "left"]


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a record in the CRM from before. `seen`: its fields after our last look; `values`: what we wanted then."""

    remote_id: int | None = None
    seen: Mapping[str, Value] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    ceded: Mapping[str, Value] = field(default_factory=dict)
    gone: bool = False
    put_away: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a record. `send`: fields to write, empty for none; `with_parent`: and whose it is.

    `differs`: field -> {ours, theirs, before}, of what waits for a person. `ceded`: what gave way, in all.
    """

    action: Action
    send: dict[str, Value] = field(default_factory=dict)
    with_parent: bool = False
    problem: Problem | None = None
    differs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ceded: dict[str, Value] = field(default_factory=dict)
    gone: bool = False
    #: Something of theirs that was taken as it is, for the log.
    yielded: tuple[str, ...] = ()


def decide(
    record: Wanted,
    known: Known,
    now: CrmSnapshot | None,
    policy: Conflicts,
    resolution: Keep | None = None,
) -> Decision:
    """What to send of `record`, which stands in the CRM as `now`; None: there is none by that name."""
    how: Conflicts = resolution or policy
    if known.remote_id is None:
        return _adopted(record, now, how) if now is not None else _created(record)
    if now is None:
        return _deleted(record, known, how, asked=resolution is not None)
    moved = now.remote_id != known.remote_id
    archived = not now.active and not known.put_away
    if moved and how == "ask":
        place = {"ours": known.remote_id, "theirs": now.remote_id, "before": known.remote_id}
        return Decision("conflict", problem="moved", differs={"id": place}, ceded=dict(known.ceded))
    if archived and how != "ours":
        if how == "theirs":
            return Decision("left", ceded=dict(known.ceded), yielded=("active",))
        state = {"ours": True, "theirs": False, "before": True}
        return Decision("conflict", problem="archived", differs={"active": state}, ceded=dict(known.ceded))
    # What another record says was never ours: all of it counts as a person's.
    merged = _merged(record, Known(known.remote_id, ceded=known.ceded) if moved else known, now, how)
    if now.active:
        return merged
    send = merged.send | {"active": True}
    return Decision("updated", send, merged.with_parent, merged.problem, merged.differs, merged.ceded)


def _created(record: Wanted) -> Decision:
    return Decision("created", dict(record.values), record.parent is not None)


def _adopted(record: Wanted, now: CrmSnapshot, how: Conflicts) -> Decision:
    """It stands there, and we do not know since when: we fill what is empty and touch nothing else."""
    if how == "ours":
        merged = _merged(record, Known(), now, how)
        return merged if now.active else Decision("updated", merged.send | {"active": True})
    if not now.active and how == "ask":
        state = {"ours": True, "theirs": False, "before": None}
        return Decision("conflict", problem="archived", differs={"active": state})
    send = {
        name: value
        for name, value in record.values.items()
        if name not in record.seeded and _shown(now.values, name) in (None, "")
    }
    return Decision("updated", send) if send and now.active else Decision("unchanged")


def _deleted(record: Wanted, known: Known, how: Conflicts, *, asked: bool) -> Decision:
    if known.gone and not (asked and how == "ours"):
        return Decision("left", ceded=dict(known.ceded), gone=True)
    if how == "ours":
        return _created(record)
    if how == "theirs":
        return Decision("left", ceded=dict(known.ceded), gone=True, yielded=("id",))
    place = {"ours": known.remote_id, "theirs": None, "before": known.remote_id}
    return Decision("conflict", problem="deleted", differs={"id": place}, ceded=dict(known.ceded))


def _merged(record: Wanted, known: Known, now: CrmSnapshot, how: Conflicts) -> Decision:
    send: dict[str, Value] = {}
    differs: dict[str, dict[str, Any]] = {}
    ceded: dict[str, Value] = {}
    yielded: list[str] = []
    for name, mine in sorted(record.values.items()):
        theirs = _shown(now.values, name)
        if name in record.seeded or not _has(now.values, name) or same(name, mine, theirs):
            continue
        if name in known.ceded and known.ceded[name] == mine and how != "ours":
            ceded[name] = mine
            continue
        if _untouched(name, known, theirs):
            if known.values.get(name) != mine:
                send[name] = mine
            # Else it is our value as Odoo writes it.
        elif how == "ours":
            send[name] = mine
        elif how == "theirs":
            ceded[name] = mine
            yielded.append(name)
        else:
            differs[name] = {"ours": mine, "theirs": theirs, "before": _shown(known.seen, name)}
            if name in known.ceded:
                ceded[name] = known.ceded[name]
    action: Action = "conflict" if differs else "updated" if send else "unchanged"
    return Decision(
        action, send, problem="changed" if differs else None, differs=differs, ceded=ceded, yielded=tuple(yielded)
    )


def _untouched(name: str, known: Known, theirs: Value) -> bool:
    """Whether it still stands as we last saw it. A field that gave way to a person is theirs, however long it has stood."""
    if name in known.ceded:
        return False
    if not _has(known.seen, name):
        return theirs in (None, "")
    before = _shown(known.seen, name)
    return before == theirs or same(name, before, theirs)


def put_away(known: Known, now: CrmSnapshot | None, policy: Conflicts, resolution: Keep | None = None) -> Decision:
    """What becomes of the record of a company that was merged into another: archived, unless a person has worked on it."""
    if now is None or not now.active or known.remote_id is None:
        return Decision("unchanged", gone=now is None)
    how: Conflicts = resolution or policy
    touched = [name for name, before in sorted(known.seen.items()) if not same(name, before, now.values.get(name))]
    if how == "ours" or not (touched or now.remote_id != known.remote_id):
        return Decision("updated", {"active": False})
    if how == "theirs":
        return Decision("left", yielded=("active",))
    differs = {n: {"ours": None, "theirs": now.values.get(n), "before": known.seen[n]} for n in touched}
    return Decision("conflict", problem="merged", differs=differs)


def same(name: str, one: Value, other: Value) -> bool:
    """Whether two values of a field say the same, however Odoo writes it: phones by digits, addresses without their scheme."""
    return _plain(name.partition("/")[0], one) == _plain(name.partition("/")[0], other)


def _plain(name: str, value: Value) -> Value:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        return value
    text = " ".join(value.split()).casefold()
    if name == "phone":
        return re.sub(r"\D", "", text) or text
    if name == "website":
        return re.sub(r"^https?://(www\.)?", "", text).rstrip("/")
    return text


def _has(values: Mapping[str, Value], name: str) -> bool:
    return name.partition("/")[0] in values


def _shown(values: Mapping[str, Value], name: str) -> Value:
    return values.get(name.partition("/")[0])
