"""What stands in for a balancer is the balancer itself in all but name, address and ports."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from layout.release import ReleaseSpec
from tests.templates.places import layout, spec

OWN = {"container_name", "labels", "networks", "ports"}


def services(found: ReleaseSpec, host: str, path: str) -> dict[str, Any]:
    text = found.bundles[host].files.get(path)
    return yaml.safe_load(text)["services"] if text else {}


@pytest.mark.parametrize(("environment", "layer"), [("lab", "phase2"), ("lab", "edge"), ("pair", "phase2"), ("twin", "edge")])
def test_the_same_but_for_its_place(environment: str, layer: str) -> None:
    """A relief has the balancer's image, files, limits and command, and an address that no other container has."""
    found = spec(2, layer, environment=environment)
    assert found.reliefs
    taken = {one.address for one in (*layout(2, layer, environment).fixed, *layout(2, layer, environment).instances)}
    for host, relief in found.reliefs.items():
        (name, own), *more = services(found, host, "base/relief.yaml").items()
        former = services(found, host, "base/compose.yaml")[name]
        assert not more
        assert {key: value for key, value in own.items() if key not in OWN} == {k: v for k, v in former.items() if k not in OWN}
        assert own["networks"]["platform"]["ipv4_address"] == relief.address not in taken
        assert (own["container_name"], former["container_name"]) == (relief.container, relief.stands_for)


def test_nothing_more_is_open() -> None:
    """A relief's ports are on the loopback alone; behind an edge it has none."""
    pair = spec(2, "phase2", environment="pair")
    for host, relief in pair.reliefs.items():
        ports = services(pair, host, "base/relief.yaml")["balancer"]["ports"]
        assert [port.rpartition(":")[2] for port in ports] == [str(one.inside) for one in relief.entrances]
        assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in services(spec(2, "phase2", environment="lab"), "lb1", "base/relief.yaml")["balancer"]


def test_a_loopback_cannot_be_led() -> None:
    """An edge on this machine's own loopback has no relief: no packet filter leads its connections elsewhere."""
    assert spec(2, "edge").reliefs == {}
