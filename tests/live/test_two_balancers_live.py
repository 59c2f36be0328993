"""Two load balancers on real hosts: both serve, both switch, and one may die without those on the other noticing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from environments.certificates import certificate
from environments.load import load as load_environment
from phases.load import load as load_platform
from templates.names import all_domains
from tests.live import fleet_rig as rig
from tests.live.driver import wait_for
from tests.live.fleet_rig import FleetDriver
from tests.live.traffic import Traffic
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
SUBNET = "10.73.0"
HOSTS = {"lb1": ["lb"], "lb2": ["lb"], "app1": ["app"], "app2": ["app", "data", "monitor"]}
STACK, EDGE = "codementee-twins-phase2", "codementee-twins-edge"


@dataclass
class Twins(FleetDriver):
    """cmctl against four hosts of which two are load balancers."""

    network: str = "10.89.94.0/24"
    name: str = "twins"
    address: str = f"{SUBNET}.11"

    def facts(self) -> dict[str, Any]:
        facts = super().facts()
        one = next(iter(facts["hosts"].values()))
        hosts = {name: one | {"address": f"{SUBNET}.{11 + at}", "roles": roles} for at, (name, roles) in enumerate(HOSTS.items())}
        listen = facts["listen"] | {"address": f"{SUBNET}.11"}
        return facts | {"title": "Two balancers", "hosts": hosts, "listen": listen, "trusted_proxies": [f"{SUBNET}.1/32"]}

    def at(self, host: str, rate: float = 50) -> Traffic:
        """Traffic of users whose name leads to this load balancer."""
        platform, environment = load_platform("codementee").platform, load_environment(self.name, self.folder / "environments")
        authority = certificate(environment, all_domains(platform, environment), self.home).authority
        return Traffic(443, authority, rate=rate, name=self.site, address=f"{SUBNET}.{11 + list(HOSTS).index(host)}")


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    return Twins(tmp_path_factory.mktemp("twins"))


@pytest.fixture(scope="module")
def lab(cmctl: Twins) -> Iterator[Lab]:
    with rig.hosts(cmctl, SUBNET) as lab:
        yield lab


def flags(lab: Lab, number: int) -> list[str]:
    return lab.run(number, ["ls", f"/var/lib/cmctl/{STACK}/live"]).out.split()


def test_both_serve(cmctl: Twins, lab: Lab) -> None:
    """One deploy makes both serve, each with the certificate, and Prometheus reaches the figures of all four hosts."""
    done = cmctl.must("deploy", "--phase", "2", "--yes")
    print(f"\nfrom bare: {done.seconds:.0f} s")
    for host in ("lb1", "lb2"):
        with cmctl.at(host) as load:
            time.sleep(3)
        print(f"{host}: {load.tally.line()}")
        assert load.tally.failed == 0
    found = cmctl.must("cert", "status", "--json").document["certificates"]
    assert {(one["stack"], one["host"]) for one in found} == {(stack, host) for stack in (STACK, EDGE) for host in ("lb1", "lb2")}
    ask = ["docker", "exec", f"{STACK}-base-prometheus", "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/query?query=up"]
    wait_for(lambda: lab.run(4, ask).out.count('"node"') == 4, 60, "four node exporters")
    up = lab.run(4, ask).out
    assert up.count('"job":"node"') == 4
    wait_for(lambda: all('"1"]' in part for part in lab.run(4, ask).out.split('"job":"node"')[1:]), 60, "all four up")


def test_a_release_switches_both(cmctl: Twins, lab: Lab) -> None:
    """A release under traffic on both loses no request, and afterwards both send everybody to the same version."""
    with cmctl.at("lb1") as one, cmctl.at("lb2") as two:
        done = cmctl.run("deploy", "--phase", "2", "--version", "1.1.0", "--yes")
        assert done.code == 0, done.err
    print(f"\nlb1: {one.tally.line()}\nlb2: {two.tally.line()}")
    assert (one.tally.failed, two.tally.failed) == (0, 0)
    assert flags(lab, 1) == flags(lab, 2) == ["green"]
    for host in ("lb1", "lb2"):
        with cmctl.at(host) as after:
            time.sleep(2)
        assert set(after.tally.versions) - {""} == {"1.1.0"}, host


def test_one_dies(cmctl: Twins, lab: Lab) -> None:
    """Without a word the first host is gone: those on the second notice nothing. It comes back by itself, with the same flag."""
    with cmctl.at("lb2") as load:
        time.sleep(1)
        lab.kill(1)
        time.sleep(8)
    print(f"\nlb1 without power: on lb2 {load.tally.line()}")
    assert load.tally.failed == 0
    lab.boot(1)
    assert flags(lab, 1) == ["green"]
    wait_for(lambda: "healthy" in lab.run(1, ["docker", "ps", "--filter", f"name={EDGE}", "--format", "{{.Status}}"]).out, 90, "edge is up")
    with cmctl.at("lb1") as back:
        time.sleep(3)
    print(f"lb1 again: {back.tally.line()}")
    assert back.tally.failed == 0


def test_the_other_balancer_takes_over(cmctl: Twins, lab: Lab) -> None:
    """When only the balancer container of a host stops, its edge sends its users to the other host's: at most what was under way is lost."""
    with cmctl.at("lb2") as load:
        time.sleep(1)
        lab.run(2, ["docker", "kill", f"{STACK}-base-balancer"])
        time.sleep(6)
    print(f"\nbalancer of lb2 killed: {load.tally.line()}")
    assert load.tally.failed <= 3
    lab.run(2, ["docker", "start", f"{STACK}-base-balancer"])
