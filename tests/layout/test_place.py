"""Placing is exact, and what cannot work is refused with all findings at once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from errors import BadInput
from layout import checks
from layout.model import Layout
from layout.place import place
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform
from phases.model import Phase

LOADED = load_platform("codementee", PLATFORMS)
LOCAL = load_environment("local", ENVIRONMENTS)


def phase(**workloads: dict[str, object]) -> Phase:
    """Phase 2 with some workloads changed."""
    facts = LOADED.phase(2).model_dump()
    for name, changes in workloads.items():
        facts["workloads"][name] |= changes
    return Phase.model_validate(facts)


def placed(number: int = 2, changed: Phase | None = None) -> Layout:
    return place(LOADED.platform, changed or LOADED.phase(number), LOCAL, f"phase{number}", LOADED.phases.values())


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12))
def test_addresses_are_unique_and_inside(backends: int, frontends: int) -> None:
    """Whatever the replicas, every container has an address of its own inside the network, and a weight."""
    found = placed(changed=phase(backend={"replicas": backends, "weights": ()}, frontend={"replicas": frontends}))
    addresses = [one.address for one in found.everything]
    assert len(set(addresses)) == len(addresses) == 2 * (backends + frontends) + len(found.fixed)
    network = LOCAL.network
    assert all(network[1] < type(network[1])(address) < network[-1] for address in addresses)


def test_phases_do_not_meet() -> None:
    """Phases 0, 1 and 2, the data and the edge layer may stand beside each other: no address is used twice."""
    layouts = [placed(number) for number in (0, 1, 2)] + [
        place(LOADED.platform, LOADED.phase(2), LOCAL, layer) for layer in ("data", "edge")
    ]
    addresses = [one.address for found in layouts for one in found.everything]
    assert len(set(addresses)) == len(addresses)


def test_too_many_instances() -> None:
    """More instances than a slot has addresses are refused, and the text says what to lower."""
    with pytest.raises(BadInput, match="more than 24 instances") as caught:
        placed(changed=phase(backend={"replicas": 30, "weights": ()}))
    assert "replicas" in caught.value.hint


def test_a_role_without_a_host() -> None:
    """A role that no host plays is refused with what to add and where."""
    lonely = LOCAL.model_copy(update={"hosts": {"local": LOCAL.hosts["local"].model_copy(update={"roles": ("app",)})}})
    with pytest.raises(BadInput, match="no host for role 'lb'") as caught:
        place(LOADED.platform, LOADED.phase(2), lonely, "phase2")
    assert caught.value.hint == "add lb to a host's roles in environments/local.yaml"


def test_what_cannot_work_is_listed_at_once() -> None:
    """Too little memory for both slots and too many database connections are told together."""
    with pytest.raises(BadInput) as caught:
        checks.check(placed(changed=phase(backend={"memory_mb": 8192, "workers": 8})))
    assert "both slots and the fixed containers need" in caught.value.what
    assert "M30 allows 3000 per node" in caught.value.what


@pytest.mark.parametrize("number", [0, 1, 2])
def test_our_phases_fit(number: int) -> None:
    """Codementee's own phases fit their machines and their tiers."""
    checks.check(placed(number))


def test_connections_count_both_slots() -> None:
    """Pools count per process, for both slots: 3 backends x 1 worker x 80 x 2 slots."""
    assert checks.connections(placed()) == 480


def test_declared_ports_are_few() -> None:
    """A local phase 2 opens the edge's two ports and Prometheus, all on loopback."""
    layouts = (placed(), place(LOADED.platform, LOADED.phase(2), LOCAL, "edge"))
    assert {(port.address, port.port) for layout in layouts for one in layout.everything for port in one.published} == {
        ("127.0.0.1", 8080),
        ("127.0.0.1", 8443),
        ("127.0.0.1", 9090),
    }


def test_unknown_layer() -> None:
    """A layer that is none is refused."""
    with pytest.raises(BadInput, match="cannot be placed"):
        place(LOADED.platform, LOADED.phase(2), LOCAL, "phase1")
