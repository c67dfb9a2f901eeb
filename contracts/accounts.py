"""The scheduled business jobs, by the names the documents give them."""

from __future__ import annotations

from typing import Literal

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
