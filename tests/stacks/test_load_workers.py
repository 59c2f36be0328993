"""Which hosts of an environment may send a load test's load."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from environments.model import Environment
from errors import BadInput
from stacks import load_workers, machines
from stacks.deployment import Facts, Wish, facts


def found(environment: str = "lab", phase: int = 2, spare: int = 2, trusted: str = "10.77.0.0/24") -> Facts:
    """Codementee in an environment with so many hosts more, which play nothing that a phase needs."""
    whole = facts(Wish("codementee", phase, environment))
    login = {"user": "cmctl", "known_hosts": "lab/known_hosts"}
    more = {
        f"load-{number}": {"connection": "ssh", "address": IPv4Address(f"10.77.0.{30 + number}"), "roles": ("load",), **login}
        for number in range(1, spare + 1)
    }
    grown = {**whole.environment.model_dump(by_alias=True), "trusted_proxies": (IPv4Network(trusted),)}
    grown["hosts"] = {**grown["hosts"], **more}
    return replace(whole, environment=Environment.model_validate(grown))


def refusal(whole: Facts, *hosts: str, many_clients: bool = True) -> str:
    with pytest.raises(BadInput) as caught:
        load_workers.check(whole, hosts, many_clients=many_clients)
    text = str(caught.value)
    assert len(text.splitlines()) <= 12
    return text


@pytest.mark.parametrize(
    ("texts", "seats"),
    [((), ()), (("a",), ("a",)), (("a", "b"), ("a", "b")), (("a=2", "b"), ("a", "a", "b")), (("a", "a"), ("a", "a"))],
)
def test_seats(texts: tuple[str, ...], seats: tuple[str, ...]) -> None:
    """A host is named once or again, or with a count."""
    assert load_workers.seats(texts) == seats


@pytest.mark.parametrize("text", ["", "=", "=2", "a=", "a=0", "a=-1", "a=two", "a=7", "a=1.5"])
def test_what_is_no_seat(text: str) -> None:
    """No host, no count, none or more than a connection carries: exit 2 with an example."""
    with pytest.raises(BadInput, match="--on") as caught:
        load_workers.seats([text])
    assert "--on load-1" in caught.value.hint


def test_counts_of_one_host_add_up() -> None:
    """The most on one host holds however it is typed."""
    assert load_workers.seats(["a=3", "a=3"]) == ("a",) * 6
    with pytest.raises(BadInput):
        load_workers.seats(["a=3", "a=3", "a"])


def test_spare_hosts_may_send() -> None:
    """Hosts that no part of the phase stands on are taken, whatever their role is called."""
    load_workers.check(found(), ["load-1", "load-2"], many_clients=True)


def test_a_spare_host_changes_no_layout() -> None:
    """A host for load only is no part of any layer: what is deployed stays the same."""
    lean, grown = found(spare=0), found()
    for layer in lean.layers:
        assert lean.layout(layer).everything == grown.layout(layer).everything


def test_an_unknown_host_is_refused_with_those_there_are() -> None:
    """A name that the environment does not declare: which it does, and one that could send."""
    text = refusal(found(), "load-9")
    assert "no host load-9" in text
    assert "lb1, app1, app2, data1, load-1, load-2" in text
    assert "--on load-1" in text


@pytest.mark.parametrize(
    ("host", "part"), [("app1", "backend-1"), ("lb1", "balancer"), ("data1", "redis"), ("lb1", "edge"), ("data1", "mongo")]
)
def test_a_host_with_a_part_of_the_phase_is_refused(host: str, part: str) -> None:
    """Load and service would measure each other: the host's parts are named, and a host that could send."""
    text = refusal(found(), "load-1", host)
    assert f"{host} carries" in text
    assert part in text
    assert "measure each other" in text
    assert "--on load-1" in text


def test_without_a_spare_host_the_file_is_named() -> None:
    """Where every host carries something, the hint says what to add, and where."""
    assert "roles: [load]" in refusal(found(spare=0), "app1")
    assert "environments/lab.yaml" in refusal(found(spare=0), "app1")


def test_a_host_may_carry_another_phase() -> None:
    """Phase 0 stands on one host: the others are free, as long as it is phase 0 that is loaded."""
    load_workers.check(found(phase=1), ["app2"], many_clients=True)
    assert "app2 carries" in refusal(found(phase=2), "app2")


def test_a_phase_in_a_cluster_stands_on_no_host() -> None:
    """Phase 3 runs on the cluster's nodes, so every host may send."""
    load_workers.check(found(phase=3), ["app1", "load-1"], many_clients=True)


def test_a_spare_host_is_made_ready_as_any_other() -> None:
    """`host add` and `deploy` prepare it: an engine, and nothing open but SSH."""
    grown = found()
    made = machines.of(grown.loaded, grown.environment)
    assert [port for port in made["load-1"].firewall if port.startswith(("tcp", "udp"))] == ["tcp 22"]
    assert len([port for port in made["lb1"].firewall if port.startswith("tcp")]) > 1


def test_this_machine_is_no_remote_host() -> None:
    """An environment without SSH hosts has none to send from: --processes is named instead."""
    text = refusal(facts(Wish("codementee", 2, "local")), "local")
    assert "local is this machine" in text
    assert "--processes" in text


def test_who_may_say_who_his_clients_are() -> None:
    """Many client addresses from a host that is not trusted would be one client to every limit: the lines to add are named."""
    text = refusal(found(trusted="10.77.0.31/32"), "load-1", "load-2")
    assert "does not trust load-2" in text
    assert "10.77.0.32/32" in text
    load_workers.check(found(trusted="10.77.0.31/32"), ["load-1", "load-2"], many_clients=False)
