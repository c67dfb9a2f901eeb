"""Every module of document 2 has its routes, its words, its database part and, where it works, its jobs; and nothing is untyped."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from api.app import ROUTERS
from api.routes import health
from contracts.jobs import JOBS

#: module -> (routes, contracts, database, jobs).
MODULES = {
    "icp": ("profiles", "profiles", "profiles", ()),
    "discovery": ("runs", "runs", "runs", ("discovery.run", "discovery.fetch")),
    "enrichment": ("enrichments", "enrichment", "enrichments", ("enrichment.run",)),
    "scoring": ("scores", "scores", "scores", ("features.compute", "scoring.compute")),
    "messaging": ("messages", "messages", "messages", ("message.generate", "message.send")),
    "learning": ("models", "learning", "models", ("labels.generate", "model.train", "model.evaluate")),
    "analytics": ("analytics", "analytics", "analytics", ("analytics.rollup",)),
}


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_routes_words_repository_and_jobs(module: str) -> None:
    # S2.18
    routes, words, repository, jobs = MODULES[module]
    router = import_module(f"api.routes.{routes}").router
    assert router in ROUTERS
    assert router.routes
    assert import_module(f"contracts.{words}").__doc__
    assert import_module(f"db.{repository}").SQL
    for name in jobs:
        assert JOBS[name].payload.__module__ == "contracts.jobs"


def test_bodies_and_answers_are_shared_contracts() -> None:
    # S2.18
    seen = 0
    for router in ROUTERS:
        if router is health.router:  # whether a process lives is nobody's contract
            continue
        for route in router.routes:
            models: list[Any] = [getattr(route, "response_model", None)]
            body = getattr(route, "body_field", None)
            models.append(body.field_info.annotation if body is not None else None)
            for model in models:
                if isinstance(model, type) and issubclass(model, BaseModel):
                    seen += 1
                    assert model.__module__.startswith("contracts."), f"{route.path}: {model}"
    assert seen > 100
