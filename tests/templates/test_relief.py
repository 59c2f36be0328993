"""What stands in for a balancer is the balancer itself in all but name, address and ports."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from layout import live
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


def test_the_edge_turns_by_a_flag() -> None:
    """An edge on the balancer's host knows its relief under the flag that a handover raises, and turns only where that phase is live."""
    relief = spec(2, "phase2", environment="lab").reliefs["lb1"]
    edge = spec(2, "edge", environment="lab")
    assert relief.edge == edge.stack
    text = edge.bundles["lb1"].files["base/edge/nginx.conf"]
    flag = f"if (-f /etc/cmctl/live/{live.relief('codementee-lab-phase2')}) {{"
    assert text.count(flag) == 1
    assert text.index("set $place phase2;") < text.index(flag) < text.index("if (-f /etc/cmctl/live/phase2) {")
    assert f"server {relief.address}:8443 max_fails=0;" in text
    assert spec(2, "phase2", environment="pair").reliefs["lb1"].edge == ""


def test_a_loopback_cannot_be_led() -> None:
    """An edge on this machine's own loopback has no relief: no packet filter leads its connections elsewhere."""
    assert spec(2, "edge").reliefs == {}
