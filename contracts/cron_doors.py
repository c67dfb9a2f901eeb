"""What the cron door of discovery takes and answers: the documents' camelCase; both spellings are read (S0.04, S0.05, R24)."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from contracts.runs import CreateRun, RunMode


def _both(name: str) -> str | AliasChoices:
    return name if to_camel(name) == name else AliasChoices(to_camel(name), name)


class KnockDiscovery(BaseModel):
    """Body of POST /api/jobs/discovery/run; none is a daily run. `maxCompanies` overrides DISCOVERY_MAX_COMPANIES_PER_RUN."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=AliasGenerator(validation_alias=_both),
        json_schema_extra={"examples": [{"dryRun": True, "mode": "test", "maxCompanies": 5}]},
    )

    dry_run: bool = Field(default=False, strict=True)
    mode: RunMode = "daily"
    max_companies: int | None = Field(default=None, strict=True, ge=1, le=100_000)

    def asked(self) -> CreateRun:
        """The same as the body of POST /v1/discovery/runs."""
        return CreateRun(dry_run=self.dry_run, mode=self.mode, max_companies=self.max_companies)


class DiscoveryAnswer(BaseModel):
    """What became of the run by now. `running` also says that it has not begun."""

    model_config = ConfigDict(
        frozen=True, populate_by_name=True, alias_generator=AliasGenerator(serialization_alias=to_camel)
    )

    success: Literal[True] = True
    run_id: UUID
    status: Literal["completed", "partial", "running"]
    dry_run: bool
    stats: dict[str, Any]
