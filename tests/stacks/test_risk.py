"""A plan says what users can feel, and nothing where they feel nothing."""

from __future__ import annotations

import yaml

from stacks.events import Resource
from stacks.plan import Change, Field
from stacks.risk import risks

URN = "urn:pulumi:s::cmctl::cmctl:index:Release::s"


def change(*fields: Field, operation: str = "update") -> Change:
    return Change(Resource(URN), operation, fields)


def compose(**images: str) -> str:
    return yaml.safe_dump({"services": {name: {"image": image} for name, image in images.items()}})


def test_a_new_slot_hurts_nobody() -> None:
    """Changed slot files and a first deploy carry no risk."""
    assert risks([change(Field('bundles["h"].files["green/compose.yaml"]', "update", compose(a="1"), compose(a="2")))]) == []
    assert risks([change(operation="create")]) == []


def test_stateful_containers_are_named_with_seconds() -> None:
    """Redis made anew is told with the seconds without it; an exporter made anew is told as harmless."""
    field = Field(
        'bundles["h"].files["base/compose.yaml"]',
        "update",
        compose(redis="1", exporter="1", lb="1"),
        compose(redis="2", exporter="2", lb="1"),
    )
    assert risks([change(field)]) == ["exporter is made anew, which users do not feel", "redis is made anew: about 2 s without it"]


def test_a_reload_is_told() -> None:
    """A changed nginx.conf is a reload of that balancer."""
    assert "balancer reloads" in risks([change(Field('bundles["h"].files["base/balancer/nginx.conf"]', "update", "a", "b"))])[0]
