"""Phase 2 on four real hosts over SSH: all hosts or none, no request lost, whatever is killed, cut or filled, and wherever.

`FULL=1` walks every step with every fault; without it every step is killed once, and each other fault is tried once.
"""

from __future__ import annotations

import os
import shutil
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
    with rig.hosts(cmctl) as lab:
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
    assert rig.notes(lab) == {rig.note(spec)}
    assert rig.open_books(lab) == []


def test_from_bare_hosts_to_a_serving_phase_2(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> None:
    """One command prepares four machines and serves; the same again changes nothing."""
    first = cmctl.must("deploy", "--phase", "2", "--yes")
    again = cmctl.must("deploy", "--phase", "2", "--yes", "--json")
    print(f"\nfrom bare: {first.seconds:.1f} s; no change: {again.seconds:.1f} s")
    assert not any(layer["changed"] for layer in again.document["layers"])
    del lab, specs


def test_releases_and_rollbacks_lose_no_request(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> None:
    """Release after release and rollback after rollback at 200 requests a second: not one fails."""
    with cmctl.traffic() as idle:
        time.sleep(5)
    with cmctl.traffic() as load:
        for number in range(ROUNDS):
            done = cmctl.bring(specs[number % 2])
            assert done.code == 0, done.err
    with cmctl.traffic() as control:
        for _ in range(ROUNDS):
            rig.restart_idle(lab)
    moved = []
    with cmctl.traffic() as back:
        for number in range(ROUNDS):
            done = cmctl.controller(specs[number % 2], rollback=True).end()
            assert done.code == 0, done.err
            moved.append(float(done.out.splitlines()[-1].split()[2]) * 1000)
    print(f"\n{ROUNDS} releases: {load.tally.line()}; idle p99 {idle.tally.quantile(0.99) * 1000:.0f} ms")
    print(f"merely starting the same containers {ROUNDS} times: {control.tally.line()}")
    print(f"{ROUNDS} rollbacks: {back.tally.line()}; traffic moved after {statistics.median(moved):.0f} ms, worst {max(moved):.0f} ms")
    assert (load.tally.failed, back.tally.failed) == (0, 0)


@pytest.mark.parametrize("moment", [f"{when}:{step}" for step in STEPS for when in ("before", "after")])
def test_killed_at_every_step(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec], load: Traffic, moment: str) -> None:
    """SIGKILL before and after each step: one whole version serves, and the next command converges without a hand."""
    live = rig.notes(lab)
    wanted = next(spec for spec in specs if {rig.note(spec)} != live)
    cmctl.extra["CMCTL_KILL_AT"] = moment
    killed = cmctl.bring(wanted)
    del cmctl.extra["CMCTL_KILL_AT"]
    assert killed.code == -9, killed.err
    assert len(rig.notes(lab)) == 1
    again = cmctl.bring(wanted)
    assert again.code == 0, again.err
    settled(lab, wanted)
    load.__exit__()
    print(f"\nSIGKILL {moment:18} next command {again.seconds:5.1f} s; {load.tally.line()}")
    assert load.tally.failed == 0


def converges(cmctl: FleetDriver, lab: Lab, wanted: ReleaseSpec) -> float:
    """The next command brings the release, with nothing mended by hand; returns its seconds."""
    again = cmctl.bring(wanted)
    assert again.code == 0, again.err
    settled(lab, wanted)
    return again.seconds


def other(lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> ReleaseSpec:
    """The one of the two releases that does not serve."""
    live = rig.notes(lab)
    return next(spec for spec in specs if {rig.note(spec)} != live)


@pytest.mark.parametrize("step", STEPS if FULL else ("start",))
def test_cut_off_at_a_step(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec], load: Traffic, step: str) -> None:
    """SSH to every host is cut in the middle of a release: the fleet goes on with one whole version, and converges afterwards."""
    wanted = other(lab, specs)
    run = cmctl.controller(wanted, hold=step)
    run.until_held()
    for host in lab.hosts():
        lab.cut(host.name, "ssh")
    run.go_on()
    ended = run.end()
    assert len(rig.notes(lab)) == 1
    for host in lab.hosts():
        lab.restore(host.name)
    seconds = converges(cmctl, lab, wanted)
    load.__exit__()
    print(f"\ncut at {step}: exit {ended.code} after {ended.seconds:.0f} s, next command {seconds:.1f} s; {load.tally.line()}")
    assert ended.code in {1, 7}, ended.err
    assert load.tally.failed == 0


@pytest.mark.parametrize("step", [step for step in STEPS if step != "check"] if FULL else ("upload",))
def test_a_disk_full_at_a_step(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec], load: Traffic, step: str) -> None:
    """The disk of one app host fills up in the middle of a release: no request notices, and with room again it converges."""
    wanted = other(lab, specs)
    run = cmctl.controller(wanted, hold=step)
    run.until_held()
    lab.fill("app2")
    run.go_on()
    ended = run.end()
    assert len(rig.notes(lab)) == 1
    lab.free("app2")
    seconds = converges(cmctl, lab, wanted)
    load.__exit__()
    print(f"\ndisk full at {step}: exit {ended.code}, next command {seconds:.1f} s; {load.tally.line()}")
    assert load.tally.failed == 0


def on_one_host(spec: ReleaseSpec, host: str, **fault: str) -> ReleaseSpec:
    """The release with a fault on one host alone."""
    bundle = spec.bundles[host]
    lines = "".join(f"\n      {name}: '{value}'" for name, value in {"CMCTL_FAULTS": "1", **fault}.items())
    files = {path: text.replace("\n      RELEASE_NOTE:", f"{lines}\n      RELEASE_NOTE:") for path, text in bundle.files.items()}
    assert files != bundle.files
    return spec.model_copy(update={"bundles": spec.bundles | {host: bundle.model_copy(update={"files": files})}})


def test_one_host_that_never_gets_ready_takes_all_back(cmctl: FleetDriver, lab: Lab, load: Traffic) -> None:
    """The other host is as before, exit 4 within 10 s of the deadline, and the last log lines are shown."""
    live = rig.notes(lab)
    found = cmctl.spec("never")
    spec = on_one_host(found, "app2", FAULT_READY="never").model_copy(update={"gate": found.gate.model_copy(update={"ready_s": 15})})
    ended = cmctl.bring(spec)
    load.__exit__()
    took = ended.seconds
    print(f"\nnever ready on app2: exit {ended.code} after {took:.1f} s; {load.tally.line()}")
    assert ended.code == 4
    assert "never got ready" in ended.err
    assert rig.notes(lab) == live
    assert load.tally.failed == 0


BROKEN = {
    "5xx to everything": {"FAULT_STATUS": "500"},
    "one route": {"FAULT_STATUS": "500", "FAULT_ROUTE": "/api/companies"},
    "only slow": {"FAULT_DELAY_MS": "1500", "FAULT_ROUTE": "/api/pricing-plans"},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_version_is_caught_by_its_first_step(cmctl: FleetDriver, lab: Lab, load: Traffic, kind: str) -> None:
    """Back within 10 s, and at most 5 % of the requests of that window were hurt; the text says how many."""
    live = rig.notes(lab)
    found = cmctl.spec("broken", **BROKEN[kind])
    ended = cmctl.bring(found.model_copy(update={"gate": found.gate.model_copy(update={"canary_s": 5})}))
    load.__exit__()
    window = load.rate * 5
    print(f"\n{kind}: exit {ended.code}; {load.tally.line()}; {load.tally.failed / window:.1%} of the window's requests")
    print("  " + ended.err.strip().replace("\n", "\n  ")[:600])
    assert ended.code == 4
    assert rig.notes(lab) == live
    assert load.tally.failed <= 0.05 * window


def test_sixteen_deployers_at_once(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> None:
    """Exactly one runs, the others are told who does; its SIGKILL frees the lock for the next."""
    wanted = other(lab, specs)
    first = cmctl.controller(wanted, hold="ready")
    first.until_held()
    rest = [cmctl.controller(wanted) for _ in range(15)]
    codes = [one.end().code for one in rest]
    assert codes == [5] * 15
    first.kill()
    print(f"\n16 deployers: 1 ran, {codes.count(5)} were told; after its SIGKILL the next took {converges(cmctl, lab, wanted):.1f} s")


def test_a_zombies_late_step_is_refused(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec], load: Traffic) -> None:
    """A controller that slept through the end of its lease finds its next step refused, and what the new owner did stays."""
    wanted = other(lab, specs)
    zombie = cmctl.controller(wanted, hold="canary-5")
    zombie.until_held()
    cmctl.must("lock", "release", "--phase", "2", "--yes")
    third = cmctl.spec("third")
    assert cmctl.bring(third).code == 0
    zombie.go_on()
    late = zombie.end()
    load.__exit__()
    print(f"\nzombie: exit {late.code}; {late.err.splitlines()[0]}; {load.tally.line()}")
    assert late.code != 0
    assert "refused" in late.err
    settled(lab, third)
    assert load.tally.failed == 0


def test_a_changed_balancer_loses_no_request(cmctl: FleetDriver, lab: Lab, load: Traffic) -> None:
    """New configuration of the load balancer is checked and reloaded; what that costs is counted."""
    spec = cmctl.spec("reload")
    path = "base/balancer/nginx.conf"
    bundle = spec.bundles["lb1"]
    text = bundle.files[path].replace("gzip_min_length 1000;", "gzip_min_length 1100;")
    assert text != bundle.files[path]
    changed = bundle.model_copy(update={"files": bundle.files | {path: text}})
    ended = cmctl.bring(spec.model_copy(update={"bundles": spec.bundles | {"lb1": changed}}))
    load.__exit__()
    print(f"\nbalancer reloaded: exit {ended.code}; {load.tally.line()}")
    assert ended.code == 0, ended.err
    assert load.tally.failed <= 2


def test_a_reboot_keeps_the_answer(cmctl: FleetDriver, lab: Lab, specs: tuple[ReleaseSpec, ReleaseSpec]) -> None:
    """After a power cut of the balancer and of an app host the live slot and the flag are what they were, with no hand."""
    converges(cmctl, lab, specs[0])
    slot = rig.serving(lab)
    for host in ("lb1", "app1"):
        lab.kill(host)
        lab.boot(host)
    begun = time.monotonic()
    with cmctl.traffic(rate=20) as load:
        time.sleep(2)
    print(f"\nafter two reboots slot {slot} serves again, {time.monotonic() - begun:.1f} s after boot; {load.tally.line()}")
    assert rig.serving(lab) == slot
    settled(lab, specs[0])


def test_a_lost_state_is_rebuilt_from_the_hosts(cmctl: FleetDriver, lab: Lab) -> None:
    """Engine state and made-up secrets are gone: `cmctl adopt` reads both back, and then a preview of what runs changes nothing."""
    cmctl.must("deploy", "--phase", "2", "--yes")
    for name in ("state", "secrets"):
        shutil.rmtree(cmctl.home / name)
    live = rig.notes(lab)
    adopted = cmctl.must("adopt", "--yes", "--json")
    assert rig.notes(lab) == live
    again = cmctl.must("preview", "--phase", "2", "--json", "--check")
    print(f"\nadopt: {adopted.seconds:.1f} s; {adopted.document['releases']}; preview after it {again.seconds:.1f} s")
