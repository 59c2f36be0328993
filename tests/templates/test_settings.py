"""What a person writes under a service's `environment:` reaches its container as it is written."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

from layout.model import Layout
from phases.model import Platform
from templates import compose
from tests.templates.places import IMAGES, layout


def changed(service: str, **facts: Any) -> Layout:
    """Phase 2 on one machine with some facts of one service changed."""
    placed = layout(2, "phase2")
    whole = placed.platform.model_dump(by_alias=True)
    whole["services"][service] |= facts
    return dataclasses.replace(placed, platform=Platform.model_validate(whole))


def settings(placed: Layout, container: str) -> dict[str, str]:
    found = yaml.safe_load(compose.slot(placed, "local", "blue", IMAGES))["services"][container]["environment"]
    assert all(isinstance(value, str) for value in found.values())
    return dict(found)


def test_a_dollar_stays_one() -> None:
    """Compose would read `$NAME` as a variable of its own and leave it out: a dollar is written as it wants it."""
    found = settings(changed("backend", environment={"SALT": "a$b ${HOME} $$", "MODE": "yes", "COUNT": "1"}), "backend-1")
    assert found["SALT"] == "a$$b $${HOME} $$$$"
    assert (found["MODE"], found["COUNT"]) == ("yes", "1")


def test_a_frontend_has_its_own_settings() -> None:
    """A frontend that renders on the server gets its settings and where its secrets lie; pools and lifetimes are a backend's."""
    found = settings(changed("frontend", environment={"NODE_ENV": "production"}, secrets=("JWT_SECRET",)), "frontend-1")
    assert found == {"NODE_ENV": "production", "JWT_SECRET_FILE": "/run/secrets/JWT_SECRET"}
