"""Customers, stock and samples: the scheduled business jobs, the rules they go by, and what they show. Pure.

Account types, the first that fits, over all orders of a company and of those merged into it:

PROSPECT   never ordered
DORMANT    no order in `dormant_days` (180)
AT_RISK    silent for longer than `risk_factor` (2) times its own median gap between orders, at least `risk_least_days` (30);
           with one order there is no gap: when nothing came in `active_days` (90)
KEY        among the top tenth by value of 12 months (`key_share`), with at least `key_orders` (6) orders
NEW        first order within `new_days` (90)
ACTIVE     the others: they ordered within 90 days, or keep to their own, slower rhythm

Source: the product's own domain model, since the documents define none; a tenant's installation sets ACCOUNT_RULES.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from contracts.errors import Invalid

#: Each is one run of kind `job`.
BusinessJob = Literal["accounts.update_types", "accounts.sample_metrics", "accounts.burn_rates", "accounts.triggers"]
#: What the documents call them (S4.01, S4.12), and what they are called here.
DOCUMENTED_JOBS: dict[str, BusinessJob] = {
    "update-account-types": "accounts.update_types",
    "sample-metrics": "accounts.sample_metrics",
    "calculate-burn-rates": "accounts.burn_rates",
    "process-triggers": "accounts.triggers",
    "triggers": "accounts.triggers",
}
#: The three that run every day (S4.01), in order.
DAILY_JOBS: tuple[BusinessJob, ...] = ("accounts.update_types", "accounts.sample_metrics", "accounts.burn_rates")
AccountType = Literal["PROSPECT", "NEW", "ACTIVE", "KEY", "AT_RISK", "DORMANT"]
#: z of a two-sided 95 % interval, and of a one-sided 95 % service level.
Z_INTERVAL, Z_SERVICE = 1.959963984540054, 1.6448536269514722
#: Errors of one run that are kept with their words; the others are only counted.
KEPT_ERRORS = 50


def job_named(name: str) -> BusinessJob:
    """The job of a name, ours or the documents'. Raises: Invalid (code `unknown_job`) listing both."""
    known: dict[str, BusinessJob] = {**DOCUMENTED_JOBS}
    known |= {str(job): job for job in DOCUMENTED_JOBS.values()}
    if name not in known:
        raise Invalid(f"no business job is called {name[:100]!r}: they are {', '.join(known)}", code="unknown_job")
    return known[name]


def documented_name(job: BusinessJob) -> str:
    """What the documents call a job, for its log lines."""
    return next(name for name, ours in DOCUMENTED_JOBS.items() if ours == job)


class JobAnswer(BaseModel):
    """What became of one job. `job` is the name the documents give it; no `runId`: it could not be started."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    job: str
    run_id: UUID | None
    status: Literal["pending", "running", "completed", "partial", "failed", "cancelled", "not_started"]
    stats: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None


class ProcessAnswer(BaseModel):
    """`success` is false only where a job failed: that is a problem document. `running`: it goes on after the answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    success: bool
    dry_run: bool
    tenant: str
    jobs: list[JobAnswer]


class AccountRules(BaseModel):
    """Thresholds of all four jobs (setting ACCOUNT_RULES, JSON). Days, unless the name says otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_days: int = Field(default=90, ge=1, le=3660)
    active_days: int = Field(default=90, ge=1, le=3660)
    dormant_days: int = Field(default=180, ge=1, le=3660)
    risk_factor: float = Field(default=2.0, gt=0, le=100)
    risk_least_days: int = Field(default=30, ge=0, le=3660)
    key_share: float = Field(default=0.1, gt=0, le=1, description="share of the customers with orders in 12 months")
    key_orders: int = Field(default=6, ge=1, le=100_000)
    conversion_days: int = Field(default=30, ge=1, le=366)


class Problem(BaseModel):
    """A record that could not be worked out, and why."""

    id: UUID
    message: str


class Report(BaseModel):
    """What a job came to. `changed`: types, figures or alerts that stand otherwise than before; a second run changes none.

    `errors` are records left out, the first of them with their words in `problems`; `detail` is the job's own counts.
    """

    processed: int = 0
    changed: int = 0
    errors: int = 0
    problems: list[Problem] = Field(default_factory=list)
    detail: dict[str, Any] = Field(default_factory=dict)

    def note(self, record: UUID, message: str) -> None:
        """A record was left out."""
        self.errors += 1
        if len(self.problems) < KEPT_ERRORS:
            self.problems.append(Problem(id=record, message=message[:500]))

    def stats(self) -> dict[str, Any]:
        """As the run's stats and the job doors show it, in the documents' spelling."""
        problems = [{"type": "record", "id": str(p.id), "message": p.message} for p in self.problems]
        return {
            "processed": self.processed, "changed": self.changed, "errorCount": self.errors, "errors": problems, **self.detail,
        }  # fmt: skip


class Account(BaseModel):
    """A company as a customer. `value_12m` is in the currency of its orders; the gap is the median of days between orders."""

    company_id: UUID
    name: str
    account_type: AccountType
    previous_type: AccountType | None
    type_changed_at: datetime | None
    orders: int
    first_order_at: datetime | None
    last_order_at: datetime | None
    value_12m: float
    median_gap_days: float | None
    updated_at: datetime | None


class AccountPage(BaseModel):
    items: list[Account]
    next_cursor: str | None


class AccountOrder(BaseModel):
    """An order of a company, or of one that was merged into it."""

    id: UUID
    source: str
    ext_id: str
    ordered_at: datetime
    delivered_at: datetime | None
    is_first_order: bool
    value: float


class AccountOrderPage(BaseModel):
    items: list[AccountOrder]
    next_cursor: str | None


class LastJobRun(BaseModel):
    """The newest run of a business job that wrote something; all but `job` is None when there is none."""

    job: BusinessJob
    run_id: UUID | None = None
    status: str | None = None
    triggered_by: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_s: float | None = None
    processed: int | None = None
    changed: int | None = None
    errors: int | None = None
    error: str | None = None


class LastJobRuns(BaseModel):
    items: list[LastJobRun]


class Sku(BaseModel):
    """Something that is sold. Rates are units a day over 30, 60 and 90 days; `burn_rate` is the one over 90."""

    id: UUID
    code: str
    name: str | None
    active: bool
    on_hand: float | None
    lead_days: float
    review_days: float
    first_moved_at: datetime | None
    burn_rate: float | None
    burn_rate_30: float | None
    burn_rate_60: float | None
    demand_sigma: float | None
    days_left: float | None
    reorder_point: float | None
    updated_at: datetime


class SkuPage(BaseModel):
    items: list[Sku]
    next_cursor: str | None


class SampleMetric(BaseModel):
    """Mature samples of one SKU by one rep in one month: how many converted, with a Wilson 95 % interval."""

    id: UUID
    sku_id: UUID
    sku_code: str
    rep: str
    period: date
    samples: int
    converted: int
    conversion_rate: float
    rate_low: float
    rate_high: float
    revenue: float
    revenue_per_sample: float
    computed_at: datetime


class SampleMetricPage(BaseModel):
    items: list[SampleMetric]
    next_cursor: str | None
