"""The arguments of `enrichment.run` on the wire: the documents' EnrichmentRun, refused by name where it does not fit."""

from __future__ import annotations

from uuid import UUID

import pytest

from contracts.errors import Invalid
from contracts.jobs import EnrichLead, arguments

LEAD, RECORD, PROFILE, CAUSE = (UUID(int=n) for n in range(1, 5))
WIRE = {
    "leadId": str(LEAD), "discoveryRecordId": str(RECORD), "provider": "apollo", "icpProfileId": str(PROFILE),
    "correlationId": str(CAUSE), "cause": "1",
}  # fmt: skip


def test_an_enrichment_run_is_read_in_both_spellings() -> None:
    # S2.06
    wanted = EnrichLead(
        lead_id=LEAD,
        discovery_record_id=RECORD,
        provider="apollo",
        icp_profile_id=PROFILE,
        correlation_id=CAUSE,
        cause="1",
    )
    assert arguments("enrichment.run", WIRE) == wanted
    assert arguments("enrichment.run", wanted.model_dump(mode="json")) == wanted
    assert wanted.model_dump(mode="json", by_alias=True) == WIRE


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"leadId": "x"}, "leadId"),
        ({"provider": "p" * 51}, "provider"),
        ({"cause": ""}, "cause"),
        ({"lead": 1}, "lead"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(change: dict[str, object], named: str) -> None:
    # S2.06
    with pytest.raises(Invalid) as refused:
        arguments("enrichment.run", {**WIRE, **change})
    assert refused.value.code == "bad_payload"
    assert named in refused.value.detail
