"""Three versions of a record held against each other: whatever they are, no person's value is lost without being told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from contracts.crm_records import Wanted
from contracts.outgoing import CrmReceipt, CrmSnapshot
from contracts.providers import Reply
from worker.crm_sync.links import Item, Outcome, remembered
from worker.crm_sync.merge import Decision, Known, decide, same

FIELDS = ("name", "phone", "city", "website")
_VALUE = st.one_of(st.none(), st.sampled_from(["a", "b", "A ", "+27 1", "271", "https://x.example/", "x.example"]))
_RECORD = st.fixed_dictionaries({}, optional={name: _VALUE.filter(bool) for name in FIELDS})
_THERE = st.fixed_dictionaries(dict.fromkeys(FIELDS, _VALUE))


def wanted(values: dict[str, Any]) -> Wanted:
    return Wanted("res.partner", "company", UUID(int=1), {"priority": "2", **values})


@given(_RECORD, _RECORD, _THERE, _THERE, st.sampled_from(["ask", "theirs", "ours"]))
def test_only_ours_writes_over_what_a_person_has_changed(
    mine: dict[str, Any], before: dict[str, Any], seen: dict[str, Any], there: dict[str, Any], policy: Any
) -> None:
    # S3.07
    known = Known(7, seen=seen, values=before)
    made = decide(wanted(mine), known, CrmSnapshot(remote_id=7, values=there), policy)
    touched = {name for name in FIELDS if not same(name, seen[name], there[name])}
    for name in made.send:
        assert name in mine
        assert not same(name, mine[name], there[name]), "nothing is sent that stands there"
        assert policy == "ours" or name not in touched
    for name in set(mine) & touched:
        if not same(name, mine[name], there[name]):
            assert (name in made.differs) == (policy == "ask")
            assert (name in made.ceded) == (policy == "theirs")
    assert "priority" not in made.send, "the salesperson's from the first day on"
    assert set(made.send) & set(made.differs) == set()


@given(_RECORD, _THERE)
def test_a_record_of_unknown_history_is_only_filled(mine: dict[str, Any], there: dict[str, Any]) -> None:
    made = decide(wanted(mine), Known(), CrmSnapshot(remote_id=7, values=there), "ask")
    assert set(made.send) == {name for name in mine if there[name] is None}
    assert made.problem is None


@given(_RECORD, _THERE)
def test_what_was_pushed_is_settled(mine: dict[str, Any], there: dict[str, Any]) -> None:
    """After a push and a look, the same record again sends nothing and finds nothing."""
    first = decide(wanted(mine), Known(7, seen=there, values={}), CrmSnapshot(remote_id=7, values=there), "ask")
    after = there | first.send
    again = decide(wanted(mine), Known(7, seen=after, values=mine), CrmSnapshot(remote_id=7, values=after), "ask")
    assert (again.action, again.send, again.differs) == ("unchanged", {}, {})


def test_what_a_push_leaves_behind_names_fields_that_were_dropped_and_keeps_what_waits() -> None:
    # S3.07
    item = Item(
        "company", "res.partner", UUID(int=1), {}, Known(7, seen={"phone": "1", "city": "x"}), wanted({"city": "y"})
    )
    receipt = Reply[CrmReceipt](
        outcome="found", value=CrmReceipt(remote_id=7, dropped=("x_tier",)), at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    waiting = Decision(
        "conflict", {"city": "y"}, problem="changed", differs={"phone": {"ours": "3", "theirs": "2", "before": "1"}}
    )
    after = CrmSnapshot(remote_id=7, values={"phone": "2", "city": "y"})
    left = remembered(Outcome(item, waiting, receipt, after), {"place": "here"})
    assert (left["state"], left["pushed"], left["detail"]["dropped"]) == ("conflict", True, ["x_tier"])
    assert left["detail"]["seen"] == {"phone": "1", "city": "y"}, "the next look must still find the person's change"


def test_what_odoo_writes_in_its_own_way_is_no_persons_change() -> None:
    for name, one, other in (
        ("phone", "+27 31 000-0001", "+27310000001"), ("website", "https://karoo.example", "http://www.karoo.example/"),
        ("email", "Mei@Karoo.example", "mei@karoo.example"), ("city", None, ""), ("country_id/id", None, None),
    ):  # fmt: skip
        assert same(name, one, other)
    assert not same("city", "Durban", "Maun")
