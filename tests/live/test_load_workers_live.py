"""Load from hosts of a lab: workers in containers, led over SSH; one figure, and nothing left however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from loadtests import run
from tests.live.driver import Answer, Driver, wait_for
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
SUBNET = "10.72.0"
HERE = f"{SUBNET}.1"
# Together more than the 2,995 requests that prove an error ratio below 0.1 %.
RATE, SECONDS = 280, 12
# How long a worker stays that nobody tells of its leader's end: what it waits for a word, and a second to see it.
ALONE_S = 25


@dataclass
class CrewDriver(Driver):
    """An environment whose phase is this machine's, where nothing is deployed, and whose two other hosts carry nothing."""

    network: str = "10.89.9.0/24"
    name: str = "crew"
    address: str = HERE

    def facts(self) -> dict[str, Any]:
        login = {"connection": "ssh", "user": "cmctl", "known_hosts": "lab/known_hosts", "identity": "lab/id_ed25519"}
        return {
            "name": self.name, "title": "Load from elsewhere", "kind": "lab", "domain": "cmctl.test", "network": self.network,
            "listen": {"address": HERE, "http": 8080, "https": 8443},
            "hosts": {
                "here": {"connection": "local", "address": HERE, "roles": ["app", "lb", "data", "monitor"]},
                **{f"load-{number}": {**login, "address": f"{SUBNET}.{10 + number}", "roles": ["load"]} for number in (1, 2)},
            },
            "providers": {"database": "container", "edge": "local"}, "secrets": {"from": "generated"}, "tls": {"from": "generated"},
            # Those who send, and not who leads.
            "trusted_proxies": [f"{SUBNET}.11/32", f"{SUBNET}.12/32"],
        }  # fmt: skip

    def hit(self, facts: dict[str, Any]) -> None:
        """One journey that a reference service can answer."""
        facts["journeys"] = {"hit": {"source": "judgement", "weight": 1, "steps": ["GET /"], "think_s": [0.0, 0.0]}}


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> CrewDriver:
    driver = CrewDriver(tmp_path_factory.mktemp("crew"))
    driver.platform(driver.hit)
    return driver


@pytest.fixture(scope="module")
def lab(cmctl: CrewDriver) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(cmctl.home))
        with Lab("crew", f"{SUBNET}.0/24", report=print) as lab:
            lab.down()  # what a killed run left
            lab.up(2)
            yield lab


@pytest.fixture(scope="module")
def port(lab: Lab) -> Iterator[int]:
    """A service that takes 10 ms for each request, where the lab's hosts reach it."""
    with run.reference("fixed", 1, 50, 0.01, HERE) as port:
        yield port


def load(port: int, *more: str, rate: int = RATE, seconds: int = SECONDS) -> tuple[str, ...]:
    target = ("--url", f"http://{HERE}:{port}", "--json")
    return ("loadtest", "--phase", "1", "--rate", str(rate), "--seconds", str(seconds), *target, *more)


def containers(lab: Lab, number: int) -> list[str]:
    done = lab.run(number, ["docker", "ps", "-a", "--format", "{{.Names}} {{.Status}}"])
    return [line for line in done.out.splitlines() if "cmctl-load-" in line]


def both(lab: Lab) -> list[list[str]]:
    return [containers(lab, number) for number in (1, 2)]


def until_load(process: subprocess.Popen[str]) -> list[str]:
    """Lines that a load test said until requests were under way."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line.rstrip())
        if "of warming up" in line:
            return said
    raise AssertionError(f"no load was sent: {said}")


def test_two_hosts_are_one_generator(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """Two workers on two hosts send what was asked for together, to a second request, in time; no container is left."""
    begun = time.monotonic()
    first = cmctl.run(*load(port, "--on", "load-1", "--on", "load-2"))
    again = cmctl.must(*load(port, "--on", "load-1", "--on", "load-2"))
    measured = again.document["measured"]
    print(f"\nfirst {first.seconds:.0f} s with the image's transfer, then {again.seconds:.0f} s; {time.monotonic() - begun:.0f} s in all")
    print({key: measured[key] for key in ("requests", "failed", "achieved_rps", "generator")}, f"load {os.getloadavg()[0]:.1f}")
    assert first.code in {0, 6}, first.err
    assert again.document["judgement"]["verdict"] == "PASS"
    assert measured["achieved_rps"] == pytest.approx(RATE, rel=0.1)
    assert (measured["failed"], measured["generator"]["processes"]) == (0, 2)
    assert again.document["machine"]["text"].startswith("load from load-1, load-2, led by ")
    assert both(lab) == [[], []]


def test_a_worker_is_closed_in_and_runs_ahead(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """Two workers on one host and this machine's own process: read-only, without capabilities, on the host's network; with real-time
    priority where the kernel lets a container have it, else that is told."""
    process = cmctl.start(*load(port, "--on", "load-1=2", "--processes", "1"))
    told = [line for line in until_load(process) if "no real-time priority" in line]
    names = [line.split()[0] for line in containers(lab, 1)]
    found = json.loads(lab.run(1, ["docker", "inspect", *names]).out)
    policies = [lab.run(1, ["chrt", "-p", str(one["State"]["Pid"])]).out for one in found]
    out, err = process.communicate(timeout=60)
    measured = json.loads(out)["measured"]
    print(f"\n{policies}\n{measured['requests']} requests")
    assert len(found) == 2, err
    for one in found:
        facts = one["HostConfig"]
        assert (facts["ReadonlyRootfs"], facts["CapDrop"], facts["CapAdd"], facts["NetworkMode"]) == (True, ["ALL"], None, "host")
        assert (facts["PidsLimit"], one["Config"]["User"], facts["Privileged"]) == (128, "10001:10001", False)
    assert len([text for text in policies if "SCHED_RR" in text]) == 2 - len(told)
    assert measured["generator"]["processes"] == 3
    assert measured["achieved_rps"] == pytest.approx(RATE, rel=0.1)


def interrupted(process: subprocess.Popen[str]) -> Answer:
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return Answer(process.returncode, out, err, time.monotonic() - begun)


def test_ctrl_c_keeps_the_figures_and_leaves_nothing(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """Ctrl-C amid the load: exit 130 with what was measured, and the containers are gone when the command is."""
    process = cmctl.start(*load(port, "--on", "load-1", "--on", "load-2", seconds=120))
    until_load(process)
    assert [len(names) for names in both(lab)] == [1, 1]
    time.sleep(7)  # five of them are warming up
    answer = interrupted(process)
    print(f"\nCtrl-C to the end: {answer.seconds:.1f} s")
    assert answer.code == 130, answer.err
    assert answer.document["measured"]["requests"] > 0
    assert both(lab) == [[], []]


def test_ctrl_c_before_any_load(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """Ctrl-C while the workers are being started: exit 130, nothing left."""
    process = cmctl.start(*load(port, "--on", "load-1", "--on", "load-2"))
    wait_for(lambda: bool(containers(lab, 1)), 60, "a worker's container")
    answer = interrupted(process)
    assert answer.code == 130, answer.err
    assert both(lab) == [[], []]


def test_a_killed_controller_leaves_nothing(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """SIGKILL amid the load: the service gets no request after that for long, and the workers end by themselves."""
    process = cmctl.start(*load(port, "--on", "load-1", "--on", "load-2", seconds=120))
    until_load(process)
    begun = time.monotonic()
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: both(lab) == [[], []], ALONE_S, "workers without a leader end")
    print(f"\nworkers are gone {time.monotonic() - begun:.1f} s after their leader's SIGKILL")


@pytest.fixture
def blind(lab: Lab) -> Iterator[Callable[[int], None]]:
    """Lets a host no longer send to the service."""
    rules: list[tuple[int, list[str]]] = []

    def cut(port: int) -> None:
        rule = ["OUTPUT", "-d", HERE, "-p", "tcp", "--dport", str(port), "-j", "REJECT"]
        rules.append((2, rule))
        assert lab.run(2, ["iptables", "-I", *rule]).code == 0

    yield cut
    for number, rule in rules:
        lab.run(number, ["iptables", "-D", *rule])


def test_a_worker_that_does_not_reach_the_target(cmctl: CrewDriver, lab: Lab, port: int, blind: Callable[[int], None]) -> None:
    """A host from which the target is out of reach ends the load test before any load, with exit 7 and its name."""
    blind(port)
    answer = cmctl.run(*load(port, "--on", "load-1", "--on", "load-2"))
    print(f"\n{answer.err}\nafter {answer.seconds:.1f} s")
    assert answer.code == 7, answer.err
    assert "load-2" in answer.err
    assert "load-1," not in answer.err.splitlines()[-1]
    assert "of warming up" not in answer.err
    assert both(lab) == [[], []]


def test_a_lost_worker_voids_the_figure(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """A worker whose container is killed amid the load: the window does not count, exit 6, and the host is named."""
    process = cmctl.start(*load(port, "--on", "load-1", "--on", "load-2", seconds=15))
    until_load(process)
    (name,) = [line.split()[0] for line in containers(lab, 2)]
    lab.run(2, ["docker", "kill", name])
    out, err = process.communicate(timeout=90)
    print(f"\n{err}")
    assert process.returncode == 6, err
    assert json.loads(out)["judgement"]["verdict"] == "INVALID"
    assert "load-2: its load worker was lost: exit 137" in err
    assert both(lab) == [[], []]


def test_a_cut_connection_voids_the_figure(cmctl: CrewDriver, lab: Lab, port: int) -> None:
    """SSH to one host is cut amid the load: exit 6, the host is named with what is not known, and its worker ends by itself."""
    process = cmctl.start(*load(port, "--on", "load-1", "--on", "load-2", seconds=20))
    until_load(process)
    lab.cut(2, "ssh")
    try:
        out, err = process.communicate(timeout=120)
        gone_at = time.monotonic()
        wait_for(lambda: both(lab) == [[], []], ALONE_S, "a worker that nobody reaches ends")
    finally:
        lab.restore(2)
    print(f"\n{err}\ngone {time.monotonic() - gone_at:.1f} s after the command's end")
    assert process.returncode == 6, err
    assert json.loads(out)["judgement"]["verdict"] == "INVALID"
    assert "load-2: its load worker was lost: the connection to load-2 was lost" in err
    assert "load-2: whether its load worker is gone is not known" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--on", "load-3"), "has no host load-3"),
        (("--on", "here"), "is this machine"),
        (("--on", "load-1=9"), "1 to 6 workers"),
        (("--on", "load-1", "--workers", "1"), "--workers and --bind wait"),
    ],
)
def test_hosts_that_cannot_send(cmctl: CrewDriver, options: tuple[str, ...], said: str) -> None:
    """Refused with exit 2 before anything is started."""
    answer = cmctl.run(*load(1, *options))
    assert (answer.code, said in answer.err) == (2, True), answer.err


@pytest.fixture
def app(cmctl: CrewDriver, lab: Lab) -> Iterator[CrewDriver]:
    """Phase 1 of the stand-in app on this machine, open to the lab's network."""
    cmctl.plain()
    cmctl.must("deploy", "--phase", "1", "--yes")
    yield cmctl
    cmctl.run("destroy", "--all", "--yes")
    cmctl.platform(cmctl.hit)


def test_the_whole_journeys_over_tls_from_two_hosts(app: CrewDriver, lab: Lab) -> None:
    """The real app's journeys from two hosts: an authority of cmctl's own, accounts that the leader made, who
    is one client to the limits, and many client addresses of workers that are trusted; none fails."""
    answer = app.run("loadtest", "--phase", "1", "--smoke", "--rate", "60", "--seconds", "15", "--on", "load-1", "--on", "load-2", "--json")
    document = answer.document
    print({key: document[key] for key in ("verdict", "requests", "failed", "p95_ms")}, document["measured"]["statuses"])
    assert (document["failed"], document["measured"]["generator"]["processes"]) == (0, 2), answer.err
    assert {"login", "book", "verify_payment"} <= {one["name"] for one in document["measured"]["endpoints"]}
    assert document["requests"] == pytest.approx(900, rel=0.2)
    assert both(lab) == [[], []]
