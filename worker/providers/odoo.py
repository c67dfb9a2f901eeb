"""Odoo as the CRM that leads go to: records by external id, once however often they are sent, how they stand there, and a test
of the connection.

Source: providers.md, section 18. `odoo.upsert` is one `load` for the records of one model and one set of fields; when Odoo turns
some down, the others are loaded without them, so that one bad record does not lose its neighbours. Sending again is safe: the
external id names the record for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.errors import VendorRefused
from contracts.outgoing import CrmLookup, CrmProbe, CrmReceipt, CrmRecord, CrmSnapshot, CrmStanding
from contracts.providers import Operation, OperationSpec, Pace, Reply, Terms, Window
from contracts.settings import Settings
from worker.providers.keys import absent, usable_key
from worker.providers.lenient import listed, members, words
from worker.providers.odoo_fields import Fields
from worker.providers.odoo_load import Loaded, Row, loads, reading, row
from worker.providers.odoo_read import read_all
from worker.providers.odoo_refusals import Refusal
from worker.providers.odoo_remote import Access, Door, Remote, major
from worker.providers.operation import HOUSE, found, invalid, miss, patience
from worker.providers.redaction import unnamed, unnaming

#: Fields whose values are Odoo's own words: blanking them would spoil its sentences.
_IMPERSONAL = frozenset({"type", "lang", "priority", "company_type"})
#: From this version on `has_access` tells rights; before it `check_access_rights` does.
HAS_ACCESS = 18

_PACE = Pace("odoo", (Window(2, 1),), concurrency=2)
UPSERT = OperationSpec(
    vendor="odoo",
    operation="upsert",
    answer=CrmReceipt,
    terms=Terms.OWN,
    pace=_PACE,
    unit="record",
    units=0.0,
    billable=False,
    batch=100,
    # A receipt says how things stood: somebody may have changed the record since, so it never stands in for a request.
    keep_s=0.0,
    keep_miss_s=0.0,
    resend=True,
    timeout_s=60.0,
)
CHECK = OperationSpec(
    vendor="odoo",
    operation="check",
    answer=CrmStanding,
    terms=Terms.OWN,
    pace=_PACE,
    unit="call",
    units=0.0,
    billable=False,
    keep_s=0.0,
    keep_miss_s=0.0,
    resend=True,
)
READ = OperationSpec(
    vendor="odoo",
    operation="read",
    answer=CrmSnapshot,
    terms=Terms.OWN,
    pace=_PACE,
    unit="record",
    units=0.0,
    billable=False,
    batch=100,
    # What people wrote a moment ago must be seen.
    keep_s=0.0,
    keep_miss_s=0.0,
    keep_raw_s=0.0,
    resend=True,
)


class OdooUpsert:
    """`Operation` that has records there afterwards, once. One reply a record; a record turned down is `invalid`."""

    spec = UPSERT

    def __init__(self, door: Door, fields: Fields, credential: str = HOUSE) -> None:
        self._door, self._fields, self.credential = door, fields, credential

    def units_of(self, query: CrmRecord) -> float:  # noqa: ARG002
        return self.spec.units

    async def ask(self, queries: Sequence[CrmRecord], *, key: str) -> list[Reply[CrmReceipt]]:  # noqa: ARG002 - ids do it
        replies: dict[int, Reply[CrmReceipt]] = {}
        with unnaming(_personal(queries)):
            remote = await self._door.open()
            known = {model: frozenset(await self._fields.of(remote, model)) for model in _models(queries)}
            rows = [row(at, each, known[each.model]) for at, each in enumerate(queries)]
            for group in loads(rows):
                replies |= await _loaded(remote, group)
        return [replies[at] for at in range(len(queries))]

    async def recover(self, query: CrmRecord, *, key: str) -> Reply[CrmReceipt] | None:  # noqa: ARG002 - it is sent again
        return None

    async def close(self) -> None:
        await self._door.close()


class OdooRead:
    """`Operation` that reads how records stand. A miss: there is none by that name, or it was deleted. Changes nothing."""

    spec = READ

    def __init__(self, door: Door, fields: Fields, credential: str = HOUSE) -> None:
        self._door, self._fields, self.credential = door, fields, credential

    def units_of(self, query: CrmLookup) -> float:  # noqa: ARG002
        return self.spec.units

    async def ask(self, queries: Sequence[CrmLookup], *, key: str) -> list[Reply[CrmSnapshot]]:  # noqa: ARG002
        remote = await self._door.open()
        seen = await read_all(remote, self._fields, queries)
        return [miss("no such record") if one is None else found(one, units=0.0) for one in seen]

    async def recover(self, query: CrmLookup, *, key: str) -> Reply[CrmSnapshot] | None:  # noqa: ARG002 - asked again
        return None

    async def close(self) -> None:
        await self._door.close()


class OdooCheck:
    """`Operation` that tries the connection: version, user, and whether records may be created. Changes nothing."""

    spec = CHECK

    def __init__(self, door: Door, credential: str = HOUSE) -> None:
        self._door, self.credential = door, credential

    def units_of(self, query: CrmProbe) -> float:  # noqa: ARG002
        return self.spec.units

    async def ask(self, queries: Sequence[CrmProbe], *, key: str) -> list[Reply[CrmStanding]]:  # noqa: ARG002
        return [await self._standing(each) for each in queries]

    async def recover(self, query: CrmProbe, *, key: str) -> Reply[CrmStanding] | None:  # noqa: ARG002 - asked again
        return None

    async def close(self) -> None:
        await self._door.close()

    async def _standing(self, probe: CrmProbe) -> Reply[CrmStanding]:
        remote = await self._door.open()
        number, version = await remote.user_id(), await remote.version()
        asked = {"domain": [["id", "=", number]], "fields": ["login"], "limit": 1}
        users = listed(await remote.call("res.users", "search_read", asked))
        login = words(members(users[0] if users else None).get("login")) or f"user {number}"
        rights = {model: await _may_create(remote, model, version) for model in probe.models}
        standing = CrmStanding(version=version, transport=remote.transport, user=login, can_create=rights)
        return found(standing, units=0.0, raw={"uid": number, "version": version})


def make(settings: Settings) -> list[Operation[Any, Any]]:
    """What Odoo offers, as the settings say. Raises VendorRefused (`vendor_absent`) naming the setting that is missing."""
    if not settings.odoo_url:
        raise absent("odoo", "there is no ODOO_URL: set it, or do without")
    access = Access(
        url=settings.odoo_url,
        database=settings.odoo_database,
        key=usable_key(settings, "odoo", "odoo_api_key"),
        login=settings.odoo_login,
        transport=settings.odoo_transport,
        timeout_s=patience(settings, UPSERT),
    )
    return operations(access)


def operations(access: Access, credential: str = HOUSE) -> list[Operation[Any, Any]]:
    """The operations at one Odoo, which may be a tenant's own: then `credential` keeps its pace and breakers apart from others'."""
    door, fields = Door(access), Fields()
    return [OdooUpsert(door, fields, credential), OdooCheck(door, credential), OdooRead(door, fields, credential)]


def _models(records: Sequence[CrmRecord]) -> list[str]:
    return list(dict.fromkeys(each.model for each in records))


async def _loaded(remote: Remote, group: Sequence[Row]) -> dict[int, Reply[CrmReceipt]]:
    """Load rows of one kind. Those that are turned down are left out and the rest is loaded again, until it is saved."""
    replies: dict[int, Reply[CrmReceipt]] = {}
    left = list(group)
    while left:
        result = await _load(remote, left)
        if result.ids is not None:
            return replies | {each.at: _receipt(each, number) for each, number in zip(left, result.ids, strict=True)}
        if not result.reasons and len(left) > 1:
            for each in left:
                replies |= await _loaded(remote, [each])
            return replies
        blamed = result.reasons or {0: result.reason}
        replies |= {left[at].at: _turned_down(left[at], reason) for at, reason in blamed.items()}
        left = [each for at, each in enumerate(left) if at not in blamed]
    return replies


async def _load(remote: Remote, rows: Sequence[Row]) -> Loaded:
    body = {"fields": list(rows[0].columns), "data": [list(each.cells) for each in rows]}
    try:
        return reading(await remote.call(rows[0].record.model, "load", body), len(rows))
    except Refusal as refusal:
        return Loaded(None, {}, refusal.detail)


def _receipt(given: Row, number: int) -> Reply[CrmReceipt]:
    receipt = CrmReceipt(remote_id=number, dropped=given.dropped)
    return found(receipt, units=0.0, ref=f"{given.record.model},{number}", raw={"id": number})


def _turned_down(given: Row, reason: str) -> Reply[CrmReceipt]:
    return invalid(unnamed(reason, _personal([given.record])))


def _personal(records: Sequence[CrmRecord]) -> list[str]:
    """What is said about somebody in `records`: Odoo's reasons repeat it."""
    return [
        value
        for each in records
        for name, value in each.values.items()
        if isinstance(value, str) and name not in _IMPERSONAL and "_id" not in name
    ]


async def _may_create(remote: Remote, model: str, version: str) -> bool:
    """Whether we may create records of `model`; not if its app is not installed."""
    try:
        if major(version) >= HAS_ACCESS:
            return await remote.call(model, "has_access", {"operation": "create"}, on_records=True) is True
        asked = {"operation": "create", "raise_exception": False}
        return await remote.call(model, "check_access_rights", asked) is True
    except VendorRefused as error:
        if error.members.get("status") != 404:
            raise
        return False
