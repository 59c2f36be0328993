"""The page about a platform's files names every key that the files may have, and what holds without it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from phases import kubernetes, model

PAGE = (Path(__file__).parents[2] / "docs" / "formats" / "phases.md").read_text(encoding="utf-8")
# Heading → the type that its section is read into.
SECTIONS: dict[str, type[BaseModel]] = {
    "platform.yaml": model.Platform, "services": model.Service, "routes": model.Route, "routes.timeouts": model.Timeouts,
    "limits": model.RateLimit, "domains": model.Domains, "session": model.Session, "indexes": model.Index, "jobs": model.Job,
    "journeys": model.Journey, "phaseN.yaml": model.Phase, "target": model.Target, "slo": model.Slo, "gate": model.Gate,
    "hosts": model.Size, "workloads": model.Workload, "balancer": model.Balancer, "redis": model.Redis, "database": model.Database,
    "database.pools": model.Pool, "monitoring": model.Monitoring, "kubernetes": kubernetes.Kubernetes,
    "kubernetes.pods": kubernetes.Pods, "kubernetes.pods.scaling": kubernetes.Scaling, "kubernetes.draining": kubernetes.Draining,
    "kubernetes.routes": kubernetes.Way, "kubernetes.stores": kubernetes.Store, "kubernetes.monitoring": kubernetes.Watching,
}  # fmt: skip
# Types that a sentence of another section describes.
IN_A_SENTENCE = {model.Cdn, model.ShardKey, model.LongPoll}


def rows(section: str) -> dict[str, str]:
    """key → what stands in the second column."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {key: without.strip() for key, without in re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_there(section: str) -> None:
    """A section's table has exactly the keys of its type, and says nothing holds without those that have to be there."""
    fields = SECTIONS[section].model_fields
    told = rows(section)
    assert set(told) == set(fields)
    assert {key for key, without in told.items() if not without} == {key for key, field in fields.items() if field.is_required()}


@pytest.mark.parametrize("section", SECTIONS)
def test_defaults_are_the_codes(section: str) -> None:
    """A number or a truth that holds without a key is the code's own."""
    plain = {key: field.default for key, field in SECTIONS[section].model_fields.items() if isinstance(field.default, int)}
    assert {key: rows(section)[key] for key in plain} == {key: str(default).lower() for key, default in plain.items()}


def test_no_type_is_left_out() -> None:
    """Every type of the two files has its section, or is told in another's."""
    types = {one for module in (model, kubernetes) for one in vars(module).values() if isinstance(one, type) and issubclass(one, BaseModel)}
    bases = {BaseModel, model.Facts, kubernetes.Facts, model.Request}
    assert types - bases == set(SECTIONS.values()) | IN_A_SENTENCE


@pytest.mark.parametrize("key", [*model.Cdn.model_fields, *model.ShardKey.model_fields])
def test_sentences_name_the_keys(key: str) -> None:
    """Keys without a table of their own stand in the sentence about their section."""
    assert f"`{key}" in PAGE
