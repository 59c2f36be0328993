"""What a person does to a fleet that serves, while users come in: the requests lost are counted.

A host is drained and replaced by a new machine; the balancer and the edge themselves are made anew with another image.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from layout.release import ReleaseSpec
from stacks.deployment import Wish, prepare
from tests.live import fleet_rig as rig
from tests.live.driver import Answer, wait_for
from tests.live.fleet_rig import FleetDriver
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
EDGE = "codementee-hand-edge"
PHASE = "codementee-hand-phase2"
CONTAINERS = {EDGE: f"{EDGE}-base-edge", PHASE: f"{PHASE}-base-balancer"}


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> FleetDriver:
    return FleetDriver(tmp_path_factory.mktemp("hand"), name="hand", network="10.89.9.0/24")


@pytest.fixture(scope="module")
def lab(cmctl: FleetDriver) -> Iterator[Lab]:
    with rig.hosts(cmctl) as lab:
        cmctl.must("deploy", "--phase", "2", "--yes")
        yield lab


@pytest.fixture(scope="module")
def specs(cmctl: FleetDriver, lab: Lab) -> dict[str, ReleaseSpec]:
    """The releases that serve: stack → spec."""
    del lab
    with rig.environment(cmctl.variables):
        found = prepare(Wish("codementee", 2, cmctl.name), lambda _: None).specs
    return {spec.stack: spec for spec in found.values()}


@pytest.fixture(scope="module")
def other(specs: dict[str, ReleaseSpec]) -> Iterator[str]:
    """nginx' image once more, with another id."""
    image = specs[EDGE].images["nginx"]
    made = subprocess.run(
        ["docker", "build", "-q", "-"], input=f"FROM {image}\nLABEL io.cmctl.suite=handover\n".replace(image, _tagged(image)),
        env=os.environ | {"DOCKER_BUILDKIT": "0"}, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    yield made
    subprocess.run(["docker", "rmi", "-f", made, _tagged(image)], capture_output=True, check=True)


def _tagged(image: str) -> str:
    name = "cmctl/suite-handover:base"
    subprocess.run(["docker", "tag", image, name], check=True)
    return name


def with_image(spec: ReleaseSpec, image: str) -> ReleaseSpec:
    """The same release with another nginx."""
    former = spec.images["nginx"]
    bundles = {
        host: one.model_copy(update={"files": {path: text.replace(former, image) for path, text in one.files.items()}})
        for host, one in spec.bundles.items()
    }
    return spec.model_copy(update={"images": spec.images | {"nginx": image}, "bundles": bundles})


def running(lab: Lab, container: str) -> str:
    return lab.run("lb1", ["docker", "inspect", "--format", "{{.Image}}", container]).out.strip()


def processes(lab: Lab, container: str) -> list[str]:
    """A reload makes new workers."""
    return sorted(lab.run("lb1", ["docker", "top", container, "-o", "pid"]).out.split())


def leftovers(lab: Lab) -> list[str]:
    """Reliefs, rules of the packet filter and flags that a handover left."""
    there = lab.run(
        "lb1", ["sh", "-c", "docker ps -a --format '{{.Names}}'; iptables -t nat -S; ls /var/lib/cmctl/*/live"]
    ).out.splitlines()
    return [line for line in there if "relief-" in line or "-relief" in line]


def proof(answer: Answer) -> str:
    """The line of --prove."""
    return next(line for line in answer.err.splitlines() if line.startswith("--prove: "))


def in_log(lab: Lab, upstream: str, since: int) -> int:
    """Requests of users that the balancer sent to a host after its first `since` lines."""
    lines = lab.run("lb1", ["docker", "logs", CONTAINERS[PHASE]]).out.splitlines()[since:]
    return sum(1 for line in lines if f'"upstream":"{upstream}:' in line)


def log_length(lab: Lab) -> int:
    return len(lab.run("lb1", ["docker", "logs", CONTAINERS[PHASE]]).out.splitlines())


def test_drain(cmctl: FleetDriver, lab: Lab) -> None:
    """A drained host gets no more requests, of none that was sent one is lost, and --back lets it serve again; --prove says so."""
    address = lab.address("app2")
    for option in ((), ("--back",)):
        with cmctl.traffic(rate=100) as load:
            done = cmctl.must("drain", "app2", "--prove", *option)
            since = log_length(lab)
            time.sleep(2)
        there = in_log(lab, address, since)
        print(f"\ndrain {' '.join(option)}: {done.seconds:.1f} s, {load.tally.line()}; then {there} to app2\n{proof(done)}")
        assert load.tally.failed == 0
        assert " 0 failed" in proof(done)
        assert (there > 0) == bool(option)


def test_replace(cmctl: FleetDriver, lab: Lab) -> None:
    """A new machine at a dead host's address is prepared, gets what serves, and serves, while nobody notices."""
    cmctl.must("drain", "app2")
    lab.exchange("app2")
    # All hosts share one disk here, and the database waits for it while 100 MB of images are unpacked.
    with cmctl.traffic(rate=30) as load:
        done = cmctl.run("replace", "app2", "--prove", "--yes")
        assert done.code == 0, done.err
        since = log_length(lab)
        time.sleep(2)
    print(f"\nreplace: {done.seconds:.1f} s, {load.tally.line()}; {proof(done)}")
    assert load.tally.failed == 0
    assert " 0 failed" in proof(done)
    assert in_log(lab, lab.address("app2"), since) > 0


def test_a_proof_can_fail(cmctl: FleetDriver, lab: Lab) -> None:
    """Requests that fail during the operation fail the proof: exit 3, with the answers counted."""
    flags = f"/var/lib/cmctl/{PHASE}/live"
    process = cmctl.start("drain", "app2", "--prove")
    wait_for(lambda: "without-app2" in lab.run("lb1", ["ls", flags]).out, 60, "the drain")
    lab.run("lb1", ["touch", f"{flags}/maintenance"])
    _, said = process.communicate(timeout=120)
    lab.run("lb1", ["rm", f"{flags}/maintenance"])
    cmctl.must("drain", "app2", "--back")
    assert process.returncode == 3, said
    assert "503" in said


@pytest.mark.parametrize("stack", [EDGE, PHASE])
def test_made_anew_under_traffic(cmctl: FleetDriver, lab: Lab, specs: dict[str, ReleaseSpec], other: str, stack: str) -> None:
    """Another image for the edge, and for the balancer behind it, there and back: no request is lost and nothing is left behind."""
    for spec, image in ((with_image(specs[stack], other), other), (specs[stack], specs[stack].images["nginx"])):
        with cmctl.traffic(rate=100) as load:
            time.sleep(1)
            done = cmctl.bring(spec)
            time.sleep(1)
        print(f"\n{stack}: {done.seconds:.1f} s, {load.tally.line()}\n{done.err}")
        assert done.code == 0, done.err
        assert running(lab, CONTAINERS[stack]) == image
        assert load.tally.failed == 0
        assert leftovers(lab) == []


@pytest.mark.parametrize("stack", [EDGE, PHASE])
def test_killed_on_the_way(cmctl: FleetDriver, lab: Lab, specs: dict[str, ReleaseSpec], other: str, stack: str) -> None:
    """A controller killed in the middle of a handover closes no door; the next command ends it and leaves nothing behind.

    An edge that was still the former one is not even reloaded, which would close idle connections.
    """
    wanted, former = with_image(specs[stack], other), processes(lab, CONTAINERS[stack])
    with cmctl.traffic(rate=100) as load:
        controller = cmctl.controller(wanted)
        sign = "-A PREROUTING" if stack == EDGE else "-relief-balancer"
        wait_for(lambda: any(line.startswith(sign) or line.endswith(sign) for line in leftovers(lab)), 60, sign)
        controller.kill()
        time.sleep(2)
        again = cmctl.bring(specs[stack])
        time.sleep(1)
    print(f"\n{stack}: killed; next command {again.seconds:.1f} s, {load.tally.line()}")
    assert again.code == 0, again.err
    assert load.tally.failed == 0
    assert leftovers(lab) == []
    assert running(lab, CONTAINERS[stack]) == specs[stack].images["nginx"]
    assert stack != EDGE or processes(lab, CONTAINERS[stack]) == former
