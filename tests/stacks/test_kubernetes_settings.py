"""A pod's settings are what the platform's file says, word for word."""

from __future__ import annotations

import dataclasses
from typing import Any

from layout.kubernetes import plan
from phases.model import Phase, Platform
from stacks.kubernetes import settings
from stacks.kubernetes.spec import ClusterSpec, wanted
from tests.stacks import clusters


def changed(service: str, **facts: Any) -> ClusterSpec:
    """Phase 3 with some facts of one service changed."""
    spec = clusters.spec()
    whole = spec.plan.platform.model_dump(by_alias=True)
    whole["services"][service] |= facts
    return dataclasses.replace(spec, plan=plan(Platform.model_validate(whole), spec.plan.phase, spec.plan.environment))


def test_a_dollar_stays_one() -> None:
    """Kubernetes would put another setting in the place of `$(NAME)`, and one dollar in the place of two."""
    spec = changed("user", environment={"SALT": "a$b $(HOME) $$"})
    assert settings.values(spec, spec.plan.workload("user"), "stable")["SALT"] == "a$$b $$(HOME) $$$$"


def test_a_frontend_has_its_own_settings() -> None:
    """A frontend's pod gets its service's settings and where its secrets lie, and nothing of a backend's."""
    spec = changed("frontend", environment={"NODE_ENV": "production"}, secrets=("JWT_SECRET",))
    found = settings.values(spec, spec.plan.workload("frontend"), "stable")
    assert found == {"NODE_ENV": "production", "JWT_SECRET_FILE": f"{settings.FOLDER}/JWT_SECRET"}


def test_names_with_dashes() -> None:
    """A service that calls `order-api` finds it under ORDER_API_URL, a name that every shell can read."""
    spec = clusters.spec()
    platform, phase = (one.model_dump(by_alias=True) for one in (spec.plan.platform, spec.plan.phase))
    platform["services"]["order-api"] = platform["services"]["user"]
    phase["kubernetes"]["pods"]["order-api"] = phase["kubernetes"]["pods"]["user"]
    phase["kubernetes"]["calls"] = {"booking": ("order-api",)}
    found = plan(Platform.model_validate(platform), Phase.model_validate(phase), spec.plan.environment)
    given = settings.values(dataclasses.replace(spec, plan=found), found.workload("booking"), "stable")
    assert given["ORDER_API_URL"].startswith("http://order-api.")


def test_who_runs_no_redis_has_no_password() -> None:
    """A phase without a Redis of its own is given the address of somebody else's, and no password for none."""
    spec = clusters.spec()
    facts = spec.plan.phase.model_dump(by_alias=True)
    facts["kubernetes"]["stores"] = {}
    bare = plan(spec.plan.platform, Phase.model_validate(facts), spec.plan.environment)
    assert set(wanted(bare)) == set(spec.plan.platform.secrets)
    assert set(wanted(spec.plan)) == {*spec.plan.platform.secrets, "REDIS_PASSWORD"} - {"REDIS_CACHE_URL", "REDIS_SESSIONS_URL"}
