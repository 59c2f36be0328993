"""Phase 2 on four real hosts over SSH: all hosts or none, no request lost, whatever is killed, cut or filled, and wherever.

`FULL=1` walks every step with every fault; without it every step is killed once, and each other fault is tried once.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Generator, Iterator

import pytest

from layout.release import ReleaseSpec
from tests.live import fleet_rig as rig
from tests.live.fleet_rig import FleetDriver
from tests.live.traffic import Traffic
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
FULL = os.environ.get("FULL") == "1"
ROUNDS = 50 if FULL else 5
STEPS = ("check", "images", "upload", "start", "ready", "jobs", "probe", "canary-5", "switch", "watch", "after", "pass", "settle")
ROLLBACK_STEPS = ("switch", "pass", "settle")


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> FleetDriver:
    return FleetDriver(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def lab(cmctl: FleetDriver) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(cmctl.home))
        with Lab(cmctl.name, f"{rig.SUBNET}.0/24", report=print) as lab:
            lab.up(4)
            yield lab


@pytest.fixture(scope="module")
def specs(cmctl: FleetDriver, lab: Lab) -> tuple[ReleaseSpec, ReleaseSpec]:
    """Two releases to go between."""
    del lab
    return cmctl.spec("a"), cmctl.spec("b")


@pytest.fixture
def load(cmctl: FleetDriver) -> Generator[Traffic, None, None]:
    with cmctl.traffic() as traffic:
        yield traffic


def settled(lab: Lab, spec: ReleaseSpec) -> None:
    assert rig.releases(lab) == {spec.release_id()}
    assert rig.open_books(lab) == []


def test_from_bare_hosts_to_a_serving_phase_2(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> None:
    """One command prepares four machines and serves; the same again changes nothing."""
    first = cmctl.must("deploy", "--phase", "2", "--yes")
    again = cmctl.must("deploy", "--phase", "2", "--yes", "--json")
    print(f"\nfrom bare: {first.seconds:.1f} s; no change: {again.seconds:.1f} s")
    assert not any(layer["changed"] for layer in again.document["layers"].values())
    del lab, specs


def test_releases_and_rollbacks_lose_no_request(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> None:
    """Release after release and rollback after rollback at 200 requests a second: not one fails."""
    with cmctl.traffic() as idle:
        time.sleep(5)
    with cmctl.traffic() as load:
        for number in range(ROUNDS):
            done = cmctl.bring(specs[number % 2])
            assert done.code == 0, done.err
    moved = []
    with cmctl.traffic() as back:
        for number in range(ROUNDS):
            done = cmctl.controller(specs[number % 2], rollback=True).end()
            assert done.code == 0, done.err
            moved.append(float(done.out.splitlines()[-1].split()[2]) * 1000)
    print(f"\n{ROUNDS} releases: {load.tally.line()}; idle p99 {idle.tally.quantile(0.99) * 1000:.0f} ms")
    print(f"{ROUNDS} rollbacks: {back.tally.line()}; traffic moved after {statistics.median(moved):.0f} ms, worst {max(moved):.0f} ms")
    assert (load.tally.failed, back.tally.failed) == (0, 0)
    del lab


@pytest.mark.parametrize("moment", [f"{when}:{step}" for step in STEPS for when in ("before", "after")])
def test_killed_at_every_step(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec], load: Traffic, moment: str) -> None:
    """SIGKILL before and after each step: one whole version serves, and the next command converges without a hand."""
    live = rig.releases(lab)
    wanted = next(spec for spec in specs if {spec.release_id()} != live)
    cmctl.extra["CMCTL_KILL_AT"] = moment
    killed = cmctl.bring(wanted)
    del cmctl.extra["CMCTL_KILL_AT"]
    assert killed.code == -9, killed.err
    assert len(rig.releases(lab)) == 1
    again = cmctl.bring(wanted)
    assert again.code == 0, again.err
    settled(lab, wanted)
    load.__exit__()
    print(f"\nSIGKILL {moment:18} next command {again.seconds:5.1f} s; {load.tally.line()}")
    assert load.tally.failed == 0
