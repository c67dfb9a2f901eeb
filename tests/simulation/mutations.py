"""The product, broken on purpose: what the checker must not let pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from db import limited_fetch, outbox, queue, turns, webhooks

#: (module's statements, name, what is replaced, by what)
Edit = tuple[dict[str, str], str, str, str]


@dataclass(frozen=True)
class Mutation:
    """Edits of statements, and statements for the database: to break it, and to mend it again."""

    name: str
    edits: tuple[Edit, ...] = ()
    database: str = ""
    #: What a complaint about it must begin with, one of these.
    caught_as: tuple[str, ...] = field(
        default=("fence", "dispatcher", "lost", "doubled", "order", "lease", "verify", "it does not come")
    )

    @contextmanager
    def made(self) -> Iterator[None]:
        """The statements are broken inside. Raises: AssertionError when one reads differently by now."""
        kept = [(sql, name, sql[name]) for sql, name, _, _ in self.edits]
        try:
            for sql, name, old, new in self.edits:
                assert old in sql[name], f"{name} does not say {old!r} any more"
                sql[name] = sql[name].replace(old, new)
            yield
        finally:
            for sql, name, text in reversed(kept):
                sql[name] = text


_COMPLETE = """
CREATE OR REPLACE PROCEDURE app.complete(tenant uuid, execution uuid, attempt integer) LANGUAGE plpgsql AS $$ BEGIN
    UPDATE app.job_executions e SET state = 'done', finished_at = app.now(), coalesce_key = NULL
     WHERE e.tenant_id = tenant AND e.id = execution AND {fence};
    {found} END $$
"""
_FOUND = "IF NOT FOUND THEN RAISE no_data_found; END IF;"
_LEASE = (" AND o.lease_token = $3", " AND $3::uuid IS NOT NULL")
_BLIND_RESCUE = (queue.SQL, "rescue", "SET token = e.token + 1, crashes", "SET token = e.token, crashes")
_KEPT = "coalesce_key = CASE WHEN e.scope = 'exclusive' THEN e.coalesce_key END"
_FIRST = "ORDER BY o.tenant_id, o.ordering_key, o.id LIMIT 1)\n    UNION ALL"
_SINGLE = "CASE WHEN s.scope IN ('coalesce', 'exclusive') THEN"
_OWN_KEY = "w.key || CASE s.scope WHEN 'period' THEN g.id::text ELSE '' END"
_BLIND_FETCH = (queue.SQL, "fetch", "SET state = 'running', token = e.token + 1,", "SET state = 'running',")

MUTATIONS = (
    Mutation(
        "finish without the token",
        ((queue.SQL, "finish", "AND e.token = d.token AND", "AND"),),
        caught_as=("fence",),
    ),
    Mutation(
        "a write without the token",
        database=_COMPLETE.format(fence="e.state = 'running' AND e.cancel_requested_at IS NULL", found=_FOUND),
        caught_as=("fence",),
    ),
    Mutation(
        "a write that does not look whether it was fenced",
        database=_COMPLETE.format(
            fence="e.token = attempt AND e.state = 'running' AND e.cancel_requested_at IS NULL", found=""
        ),
        caught_as=("fence",),
    ),
    Mutation(
        "done in a second transaction",
        database=_COMPLETE.format(fence="false", found=""),
        caught_as=("fence",),
    ),
    Mutation(
        "a handoff that keeps the event",
        (
            (
                outbox.SQL,
                "handoff",
                "DELETE FROM app.outbox_events o USING",
                "UPDATE app.outbox_events o SET state = o.state FROM",
            ),
        ),
    ),
    Mutation(
        "a handoff that forgets the jobs",
        ((outbox.SQL, "handoff", "FROM made m", "FROM made m WHERE false"),),
    ),
    Mutation(
        "a claim that locks nothing",
        ((outbox.SQL, "claim", "LIMIT s.n FOR UPDATE SKIP LOCKED", "LIMIT s.n"),),
        caught_as=("dispatcher",),
    ),
    Mutation("rescue and fetch without a new token", (_BLIND_RESCUE, _BLIND_FETCH), caught_as=("fence",)),
    Mutation("absorbed without a trace", ((outbox.SQL, "absorb", "WHERE e.event_id <> w.event_id", "WHERE false"),)),
    Mutation(
        "a receipt without the lease",
        ((outbox.SQL, "settle", *_LEASE),),
    ),
    Mutation(
        "a refusal without the lease",
        ((outbox.SQL, "refuse", *_LEASE),),
    ),
    Mutation(
        "leases that run out at once",
        ((outbox.SQL, "reclaim", "AND o.lease_expires_at < app.now()", ""),),
        caught_as=("lease",),
    ),
    Mutation(
        "a lease out of order",
        ((webhooks.SQL, "lease", "ORDER BY f.id LIMIT 1 /* in order */", "ORDER BY f.id DESC LIMIT 1"),),
        caught_as=("order",),
    ),
    Mutation(
        "a turn while the job before is at work",
        ((turns.SQL, "advance", "w.state IN ('queued', 'running', 'waiting')", "w.state IN ('queued', 'waiting')"),),
        caught_as=("order",),
    ),
    Mutation(
        "a turn out of order",
        ((turns.SQL, "advance", _FIRST, _FIRST.replace("o.id LIMIT", "o.id DESC LIMIT")),),
        caught_as=("order",),
    ),
    Mutation(
        "an exclusive job that is forgotten once it runs",
        tuple(
            (sql, name, _KEPT, "coalesce_key = NULL")
            for sql, name in ((queue.SQL, "fetch"), (limited_fetch.SQL, "take"))
        ),
        caught_as=("scope",),
    ),
    Mutation(
        "a handoff that does not look who is alive",
        ((outbox.SQL, "handoff", _SINGLE, _SINGLE.replace(", 'exclusive'", "")),),
        caught_as=("scope",),
    ),
    Mutation(
        "a period's key for each event",
        ((outbox.SQL, "handoff", f"w.key, {_SINGLE}", f"{_OWN_KEY}, {_SINGLE}"),),
        caught_as=("scope", "doubled"),
    ),
    Mutation(
        "a limit that does not count what runs",
        ((limited_fetch.SQL, "take", "l.max_running - r.jobs", "l.max_running"),),
        caught_as=("limit",),
    ),
    Mutation(
        "tokens that are not spent",
        ((limited_fetch.SQL, "take", "SET tokens = u.tokens - u.jobs", "SET tokens = u.tokens"),),
        caught_as=("limit",),
    ),
)
