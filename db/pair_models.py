"""The model that tells whether two records are one company: the one that is shipped, or the tenant's own."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from contracts.models import Model

#: Under which name a tenant's own stands among its models.
FAMILY = "pairs"


@lru_cache(maxsize=1)
def shipped() -> Model:
    """Learned by `worker/matching/train.py` from labelled lists."""
    return Model.model_validate_json((files("db") / "data" / "pair_model.json").read_bytes())
