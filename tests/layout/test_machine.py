"""A machine as a value: what an environment asks of its hosts, and how two machines differ."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from environments.load import load
from environments.model import Environment
from layout.machine import ANYONE, CLOSED, Machine, User, differences, firewall, machine
from layout.openings import Opening


def opening(host: str, port: int, *sources: str) -> Opening:
    return Opening(host, port, "tcp", sources, "test")


@pytest.fixture
def lab() -> Environment:
    return load("lab")


@pytest.fixture
def cloud(lab: Environment) -> Environment:
    return lab.model_copy(update={"kind": "cloud", "name": "production"})


def test_the_machine_of_a_cloud_host(cloud: Environment, golden: Callable[[str, str], None]) -> None:
    """Everything that is asked of a real host stands in one value, and a change of it is seen in a diff."""
    wanted = machine("codementee", cloud, "lb1", [opening("lb1", 443), opening("lb1", 80), opening("app1", 20200)])
    golden("machine/production-lb1.yaml", yaml.safe_dump(wanted.model_dump(mode="json"), width=120))


def test_only_a_host_s_own_openings(cloud: Environment) -> None:
    """What is opened on another host stays closed here; SSH is open at the port of the environment's file."""
    wanted = machine("codementee", cloud, "app1", [opening("lb1", 443), opening("app1", 20200, "10.77.0.11")])
    assert wanted.firewall == {"tcp 20200": "10.77.0.11", "tcp 22": ANYONE, "INPUT": CLOSED, "DOCKER-USER": CLOSED, "boot": "kept"}


def test_openings_of_one_port_come_together() -> None:
    """Two layers that open one port to different hosts open it to both; anyone is everyone."""
    both = [opening("a", 9100, "10.0.0.2"), opening("a", 9100, "10.0.0.1")]
    assert firewall(22, both)["tcp 9100"] == "10.0.0.1, 10.0.0.2"
    assert firewall(22, [*both, opening("a", 9100)])["tcp 9100"] == ANYONE


def test_another_ssh_port_is_the_one_that_is_open() -> None:
    """With sshd on 2222 port 22 is not opened."""
    assert "tcp 22" not in firewall(2222, [])
    assert firewall(2222, [])["tcp 2222"] == ANYONE


def test_a_lab_s_hosts_share_a_kernel(lab: Environment) -> None:
    """In a lab nothing is asked that would change the whole machine: no swap, no kernel-wide setting, no clock."""
    wanted = machine("codementee", lab, "lb1", [])
    assert wanted.swap_mb is None
    assert all(key.startswith("net.") for key in wanted.sysctl)
    assert "time-sync" not in wanted.services


def test_root_keeps_his_way_in(cloud: Environment) -> None:
    """Where the environment's user is root, root may still log in with a key, and no other user is made."""
    hosts = cloud.hosts | {"lb1": cloud.hosts["lb1"].model_copy(update={"user": "root"})}
    wanted = machine("codementee", cloud.model_copy(update={"hosts": hosts}), "lb1", [])
    assert (wanted.sshd["permitrootlogin"], wanted.users) == ("prohibit-password", {})
    assert machine("codementee", cloud, "lb1", []).sshd["permitrootlogin"] == "no"


def test_differences_name_every_key() -> None:
    """Two machines differ by section and key; what only one has counts, what both have does not."""
    found = Machine(packages={"curl": "installed"}, sysctl={"vm.swappiness": "60"}, users={"deploy": User()})
    wanted = Machine(packages={"curl": "installed", "sudo": "installed"}, sysctl={"vm.swappiness": "10"}, swap_mb=2048)
    assert differences(found, wanted) == {
        "packages.sudo": (None, "installed"), "sysctl.vm.swappiness": ("60", "10"), "users.deploy": (User(), None), "swap_mb": (None, 2048),
    }  # fmt: skip
    assert differences(wanted, wanted) == {}
