"""What jobs write without their fence is little, and each of it does no harm when a worker that was taken for dead writes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.test_layers import files

BEGINS = "a run begins once: db/test_late_runs.py"
#: Where it is, and why a late attempt may do it; the test that shows so.
HARMLESS = {
    ("worker/accounts/jobs.py", "_run"): BEGINS,
    ("worker/discovery/rehearsal.py", "dry_run"): BEGINS,
    ("worker/discovery/replay.py", "_load"): BEGINS,
    ("worker/enrichment/replay.py", "replay"): BEGINS,
    ("worker/learning/jobs.py", "train"): BEGINS,
    ("worker/nightly/jobs.py", "_begin"): BEGINS,
    ("worker/opportunities/replay.py", "_load"): BEGINS,
    ("worker/nightly/jobs.py", "_rehearse"): "it is rolled back",
    ("worker/nightly/jobs.py", "_tx"): "it only reads there",
    ("worker/enrichment/jobs.py", "run"): "the record is found as it stands: enrichment/test_late.py",
    (
        "worker/enrichment/jobs.py",
        "_crawl",
    ): "kept while the record is open, and a later walk stands: enrichment/test_late.py",
    ("worker/enrichment/jobs.py", "learn"): "after the end of the job; one order of a stage, by an index",
    ("worker/messaging/jobs.py", "send"): "decided once, by the message's state: messaging/test_sending.py",
    ("worker/purchase.py", "_look"): "written off as it was seen, or not at all: db/test_ledger.py",
    ("worker/purchase.py", "adopt"): "one gets it, as it was seen: worker/test_ask.py",
    ("worker/purchase.py", "reserve"): "an item is asked for once: crash/test_zombies.py",
    (
        "worker/settling.py",
        "_insist",
    ): "what was paid for is stored, whoever asked: crash/test_zombies.py, db/test_ledger.py",
    ("worker/settling.py", "failed"): "given up by who sends the call now: worker/test_ask.py",
    ("worker/ask.py", "_asked"): "a link that stands already stays",
}


def _inside(tree: ast.AST, name: str = "") -> Iterator[str]:
    """The functions that open such a transaction."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Attribute) and node.attr == "unfenced":
            yield name
        yield from _inside(node, node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else name)


def test_each_write_without_a_fence_is_known_to_be_harmless() -> None:
    # law 4
    assert {(path, name) for path, tree in files("worker") for name in _inside(tree)} == set(HARMLESS)
