"""What cannot work is refused before anything changes, everything at once; what can is let through."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from environments.model import Environment, Secrets, Tls
from errors import BadInput
from layout import checks
from layout.model import Layout
from layout.place import place
from phases.model import Phase, Platform
from tests.layout.test_openings import LOADED, environment, layouts


def changed(number: int = 2, **sections: Mapping[str, Any]) -> Phase:
    """A phase with some keys of some sections (or of parts of them, `workloads__backend`) changed."""
    facts = LOADED.phase(number).model_dump(by_alias=True)
    for name, changes in sections.items():
        section = facts
        for part in name.split("__"):
            section = section[part]
        section |= changes
    return Phase.model_validate(facts)


def stand(
    phase: Phase, where: Environment, layers: tuple[str, ...] = ("data", "phase", "edge"), platform: Platform | None = None
) -> list[Layout]:
    names = [layer if layer != "phase" else f"phase{phase.number}" for layer in layers]
    return [place(platform or LOADED.platform, phase, where, layer, LOADED.phases.values()) for layer in names]


def said(phase: Phase, where: Environment) -> str:
    with pytest.raises(BadInput) as caught:
        checks.check(*stand(phase, where))
    return caught.value.what


@pytest.mark.parametrize("name", ["local", "lab", "pair", "twin"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_our_environments_hold_our_phases(name: str, number: int) -> None:
    """Every compose phase stands in every environment of ours, all layers together."""
    checks.check(*layouts(name, (number,)))


def test_all_layers_of_a_host_count_where_they_are_real() -> None:
    """In a cloud the database and the edge are on the bought machines; on one machine they only play the cloud."""
    lab = environment("twin")
    real = lab.model_copy(update={"kind": "cloud"})
    # app2 is app and data host: 6464 MiB of the phase, 1024 of the database, on 5800 + 2000.
    tight = changed(hosts__data={"memory_mb": 2000}, hosts__app={"memory_mb": 5800})
    checks.check(*stand(tight, lab))
    assert said(tight, real) == "host app2: both slots and the fixed containers need 7488 MiB of 7800 MiB (10% are the host's own)"
    checks.check(*stand(changed(hosts__data={"memory_mb": 2600}, hosts__app={"memory_mb": 5800}), real))


def test_cpus_are_counted() -> None:
    """Limits of one slot and the fixed containers may not exceed a host's CPUs; both slots' may, because only one is busy."""
    text = said(changed(workloads__backend={"cpus": 6.0}), environment("lab"))
    assert "host app1: one slot and the fixed containers may use 12.5 CPUs, it has 4" in text
    assert "host app2: backend-2 may use 6 CPUs, it has 4" in text
    checks.check(*stand(changed(workloads__backend={"cpus": 1.5}), environment("lab")))


def test_everything_is_told_at_once() -> None:
    """Memory, CPUs, connections: one refusal lists them all."""
    text = said(changed(workloads__backend={"memory_mb": 16384, "cpus": 9.0, "workers": 8}), environment("lab"))
    assert [word in text for word in ("MiB of", "CPUs, it has", "M30 allows 3000")] == [True, True, True]


@pytest.mark.parametrize("number", [4, 9])
def test_a_network_too_small_for_a_phase(number: int) -> None:
    """A phase whose block lies outside the network is refused with what to write; a wider network holds it."""
    phase = changed(2).model_copy(update={"number": number})
    small = environment("local")
    with pytest.raises(BadInput, match=r"network 10\.89\.4\.0/24 of environment local is too small") as caught:
        place(LOADED.platform, phase, small, f"phase{number}")
    assert "10.89.4.0/22" in caught.value.hint
    wide = small.model_copy(update={"network": IPv4Network("10.88.0.0/22")})
    assert place(LOADED.platform, phase, wide, f"phase{number}").instances


def test_a_tiny_network() -> None:
    """Even the data layer's address is refused in a network that does not hold it; no IndexError escapes."""
    tiny = environment("local").model_copy(update={"network": IPv4Network("10.88.0.0/30")})
    with pytest.raises(BadInput, match="too small"):
        place(LOADED.platform, LOADED.phase(2), tiny, "data")


def test_connections_follow_the_kind_of_service() -> None:
    """A service that serves pages opens no pool, whatever its name; only backends count."""
    facts = LOADED.platform.model_dump(by_alias=True)
    facts["services"]["pages"] = facts["services"].pop("frontend")
    facts["routes"] = [route | ({"service": "pages"} if route["service"] == "frontend" else {}) for route in facts["routes"]]
    platform = Platform.model_validate(facts)
    work = LOADED.phase(2).model_dump(by_alias=True)
    work["workloads"]["pages"] = work["workloads"].pop("frontend")
    found = place(platform, Phase.model_validate(work), environment("local"), "phase2")
    assert checks.connections(found) == 480


def test_every_address_clashes_with_one() -> None:
    """0.0.0.0:443 and 127.0.0.1:443 cannot both be had on one host, though they are not equal."""
    local = environment("local")
    listen = local.listen.model_copy(update={"address": IPv4Address("0.0.0.0"), "prometheus": local.listen.https})
    text = said(LOADED.phase(2), local.model_copy(update={"listen": listen}))
    assert text == "host local: port 8443 is wanted by prometheus of phase2 and edge of edge"


def test_ports_of_all_layers() -> None:
    """Two layers that want one port of one host are found; two addresses of one host may have the same port."""
    lab = environment("lab")
    clash = lab.model_copy(update={"listen": lab.listen.model_copy(update={"http": 22204})})
    assert "host lb1: port 22204 is wanted by node-exporter of phase2 and edge of edge" in said(LOADED.phase(2), clash)


def test_one_host_in_two_environments() -> None:
    """A host of another environment is refused by its address, also when one file calls it private; one's own file is no other."""
    pair, lab = environment("pair"), environment("lab")
    checks.strangers(pair, [pair, lab, environment("local")])
    other = pair.model_copy(update={"name": "other"})
    with pytest.raises(BadInput) as caught:
        checks.strangers(pair, [other])
    assert len(caught.value.what.splitlines()) == 8
    assert "host lb1 (10.20.0.10) is also lb1 of environment other" in caught.value.what
    checks.strangers(lab, [lab.model_copy(update={"name": "lab2"})])


def test_hosts_need_addresses_of_their_own() -> None:
    """Several hosts on loopback or on one address cannot call each other: all are named."""
    lab = environment("lab")
    hosts = {name: host.model_copy(update={"address": IPv4Address("10.77.0.11")}) for name, host in lab.hosts.items() if name != "data1"}
    hosts["data1"] = lab.hosts["data1"].model_copy(update={"address": IPv4Address("127.0.0.1")})
    with pytest.raises(BadInput) as caught:
        place(LOADED.platform, LOADED.phase(2), lab.model_copy(update={"hosts": hosts}), "phase2")
    assert caught.value.what.splitlines() == [
        "host lb1, app1, app2: 10.77.0.11 is no address of its own",
        "host data1: 127.0.0.1 is reached by no other host",
    ]


def test_a_promise_of_one_balancer() -> None:
    """99.9 % with one balancer is told in a cloud; with two, or where nothing is promised to users, it is not."""
    pair = environment("pair")
    (phase,) = stand(LOADED.phase(2), pair, ("phase",))
    assert checks.promises(phase) == []
    alone = pair.model_copy(update={"hosts": {name: host for name, host in pair.hosts.items() if name != "lb2"}})
    (phase,) = stand(LOADED.phase(2), alone, ("phase",))
    assert checks.promises(phase) == ["phase 2 promises 99.900% up, and lb1 alone takes its users: give a second host the role lb"]
    (phase,) = stand(LOADED.phase(2), environment("lab"), ("phase",))
    assert checks.promises(phase) == []


def test_a_redis_that_is_not_there() -> None:
    """A service that wants the address of a Redis which the phase does not run is refused where secrets are made up, else it is asked for."""
    alone = LOADED.phase(1).model_copy(update={"redis": {"cache": LOADED.phase(1).redis["cache"]}})
    local = environment("local")
    assert said(alone, local) == "REDIS_SESSIONS_URL leads to a Redis that phase 1 does not run: it has no redis.sessions"
    checks.check(*stand(alone, local.model_copy(update={"secrets": Secrets(origin="env")})))


@pytest.mark.parametrize(
    ("steps", "wrong"), [((7,), "no step of 7 %, load balancers know 1, 5"), ((25, 5), "each step takes more"), ((5, 5), "each")]
)
def test_canary_steps_are_the_balancers(steps: tuple[int, ...], wrong: str) -> None:
    """Canary steps that no load balancer knows, or that do not rise, are refused with the phase's file, not in the middle of a release."""
    assert wrong in said(changed(gate={"canary": steps}), environment("local"))
    checks.check(*stand(changed(gate={"canary": (5, 25)}), environment("local")))


def test_the_authoritys_path() -> None:
    """A route in the place where load balancers answer the certificate's authority is refused; without such an authority it is one of many."""
    facts = LOADED.platform.model_dump(by_alias=True)
    facts["routes"] = (*facts["routes"], facts["routes"][1] | {"path": checks.CHALLENGE})
    platform, local = Platform.model_validate(facts), environment("local")
    checks.check(*stand(LOADED.phase(1), local, platform=platform))
    acme = local.model_copy(update={"tls": Tls(origin="acme", email="ops@example.com")})
    with pytest.raises(BadInput, match="answer the certificate's authority there"):
        checks.check(*stand(LOADED.phase(1), acme, platform=platform))


def test_a_job_has_a_place() -> None:
    """A job of a service that the phase does not place would never run, without a word: it is refused."""
    facts = LOADED.platform.model_dump(by_alias=True)
    facts["jobs"] = ({**facts["jobs"][0], "service": "payment"},)
    with pytest.raises(BadInput, match="job indexes runs in payment, which phase 1 does not place"):
        checks.check(*stand(LOADED.phase(1), environment("local"), platform=Platform.model_validate(facts)))
