"""What today's rules and models make of the snapshots that a run's leads were scored by (B.03). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from contracts.run_replays import Difference, ScoredLead, score_difference
from contracts.scoring import Scorer, Version, decide


def differing(
    leads: Sequence[ScoredLead], scorers: Mapping[UUID | None, Scorer], versions: Sequence[Version]
) -> list[Difference]:
    """The leads that score otherwise, in the order given. `scorers`: those of each snapshot's profile."""
    found: list[Difference] = []
    for lead in leads:
        now, _ = decide(scorers[lead.icp_profile_id], versions, lead.lead_id, lead.vector)
        if (differs := score_difference(lead, now)) is not None:
            found.append(differs)
    return found
