"""The firewall's list is exactly what the layouts publish: who may come in, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from environments.model import Environment
from layout.model import Layout
from layout.openings import openings
from layout.place import place
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform

OWN = Path(__file__).parent / "environments"
LOADED = load_platform("codementee", PLATFORMS)


def environment(name: str) -> Environment:
    return load_environment(name, OWN if (OWN / f"{name}.yaml").exists() else ENVIRONMENTS)


def layouts(name: str, phases: tuple[int, ...] = (2,)) -> list[Layout]:
    """All layers of some phases of Codementee in one environment."""
    everything = LOADED.phases.values()
    found = environment(name)
    return [
        place(LOADED.platform, LOADED.phase(number), found, layer, everything)
        for number in phases
        for layer in ("data", f"phase{number}", "edge")
    ]


@pytest.mark.parametrize("name", ["lab", "pair", "twin"])
def test_openings(name: str, golden: Callable[[str, str], None]) -> None:
    """Every opening of phase 2, host by host, is the golden one."""
    lines = [
        f"{one.host} {one.protocol} {one.port} from {', '.join(one.sources) or 'anyone'}: {one.why}" for one in openings(layouts(name))
    ]
    golden(f"openings/{name}.txt", "\n".join(lines) + "\n")


def test_one_machine_opens_nothing() -> None:
    """Where everything stands on one host and listens on loopback, the firewall lets nothing in."""
    assert openings(layouts("local", (0, 1, 2))) == ()


@pytest.mark.parametrize("name", ["lab", "pair", "twin"])
def test_only_users_come_from_anywhere(name: str) -> None:
    """Only the web's ports on hosts for load balancers are open to others than named hosts or the CDN."""
    found = environment(name)
    open_to_all = {(one.host, one.port) for one in openings(layouts(name)) if not one.sources}
    assert all(port in {80, 443} and "lb" in found.hosts[host].roles for host, port in open_to_all)
    assert bool(open_to_all) == (found.providers.edge == "local")


@pytest.mark.parametrize("name", ["lab", "pair", "twin"])
def test_sources_are_the_other_hosts(name: str) -> None:
    """What is not the web is open to other hosts of the environment only, never to the host itself."""
    found = environment(name)
    inside = {str(host.private or host.address): one for one, host in found.hosts.items()}
    for one in openings(layouts(name)):
        if one.port not in {80, 443}:
            assert one.sources
            assert {inside[source] for source in one.sources} <= set(found.hosts) - {one.host}


def test_phases_do_not_share_a_port() -> None:
    """Phase 1 and 2 may stand on one host at once: no host port is wanted twice."""
    found = [
        (one.host, published.port) for layout in layouts("lab", (1, 2)) for one in layout.everything for published in one.published
        if layout.layer.startswith("phase")
    ]  # fmt: skip
    assert len(found) == len(set(found))
