"""Labs come and go without a trace, whoever is killed when."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cli
from errors import CmctlError
from tests.live.lab_traces import traces
from tools.lab import Lab, groups, record, switch

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
NAME, SUBNET = "labtrace", "10.75.0.0/24"
KINDS = ("processes", "groups", "namespaces", "links", "addresses and routes", "mounts", "loop devices", "firewall rules", "files")
NOTHING: dict[str, set[str]] = {kind: set() for kind in KINDS}
# The lab's rules live in the switch's namespace and its hosts', never in this machine's.
NEVER_HERE = {"firewall rules"}


@pytest.fixture(autouse=True)
def home(private_home: Path) -> Path:
    return private_home


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(NAME, SUBNET, report=print) as lab:
        lab.down()  # what a killed run left
        yield lab


def test_down_leaves_nothing(lab: Lab) -> None:
    """Four hosts that run containers, one cut, one slow, one off, one full; then down. The search finds them before and nothing after."""
    assert traces(lab) == NOTHING
    start = time.monotonic()
    lab.up(4)
    print(f"4 hosts ready in {time.monotonic() - start:.2f} s, load {os.getloadavg()[0]:.1f}")
    for host in (1, 2):
        lab.run(host, ["sh", "-c", "tar -ch /usr/bin/docker-init 2>/dev/null | docker import - lab/still"])
        lab.run(host, ["docker", "run", "-d", "--restart", "always", "-p", "80:80", "lab/still", "/usr/bin/docker-init", "-h"])
    lab.cut(1, "ssh")
    lab.slow(2, 50)
    lab.kill(3)
    lab.fill(4)
    assert {kind for kind, found in traces(lab).items() if not found} == NEVER_HERE
    start = time.monotonic()
    lab.down()
    print(f"down in {time.monotonic() - start:.2f} s")
    assert traces(lab) == NOTHING


MOMENTS: dict[str, Callable[[], bool]] = {
    "the switch is begun": lambda: switch.exists(f"cmctl-{NAME}"),
    "a host has a namespace": lambda: switch.exists(f"cmctl-{NAME}-1"),
    "a key is made": lambda: any(record.folder().glob("hosts/*/seed/etc/ssh/*")),
    "a disk is begun": lambda: any(record.folder().glob("hosts/*/disk.*")),
    "a host runs": lambda: groups.first_process(f"cmctl-lab-{NAME}-1") is not None,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_up_is_finished_by_the_next(lab: Lab, moment: str) -> None:
    """`cmctl lab up` gets SIGKILL at a moment of its work: the next `up` ends with two hosts that answer, and `down` leaves nothing."""
    kill_at(MOMENTS[moment])
    lab.up(2)
    assert [(one.sshd, one.engine) for one in lab.status()] == [(True, True)] * 2
    lab.down()
    assert traces(lab) == NOTHING


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_up_is_removed_by_down(lab: Lab, moment: str) -> None:
    """The same, and `down` comes next: nothing is left."""
    kill_at(MOMENTS[moment])
    lab.down()
    assert traces(lab) == NOTHING


def kill_at(reached: Callable[[], bool], limit_s: float = 30) -> None:
    """Start `cmctl lab up` and kill it as soon as a condition holds."""
    command = [sys.executable, str(Path(cli.__file__)), "lab", "up", "--hosts", "2", "--name", NAME, "--subnet", SUBNET]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + limit_s
        while not reached():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
        process.kill()


def test_down_without_a_lab_does_nothing(lab: Lab) -> None:
    """A lab that never was is down already; another lab's home keeps its own."""
    lab.down()
    assert traces(lab) == NOTHING


def test_two_labs_of_two_homes_run_beside_each_other(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another home, name and subnet: both answer, neither reaches the other's hosts, and one goes down without hurting the other."""
    lab.up(1)
    with monkeypatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(tmp_path / "other"))
        with Lab("labother", "10.74.0.0/24", report=print) as other:
            other.down()
            other.up(1)
            assert other.run(1, ["ping", "-c", "1", "-W", "1", "10.75.0.11"]).code != 0
    assert [one.engine for one in lab.status()] == [True]


def test_a_bare_host_installs_an_engine_from_packages(lab: Lab) -> None:
    """As a provider hands it over: root gets in with the key, there is no engine, and apt installs one although no route leads out."""
    lab.up(1, bare=True)
    options = ["-F", "none", "-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "StrictHostKeyChecking=yes", "-i", str(lab.key)]
    login = ["ssh", *options, f"root@{lab.address(1)}", "command -v docker; id -un"]
    assert subprocess.run(login, capture_output=True, text=True, timeout=30, check=False).stdout.split() == ["root"]
    install = "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables"
    start = time.monotonic()
    done = lab.run(1, ["sh", "-c", install], timeout_s=180)
    print(f"engine installed on a bare host in {time.monotonic() - start:.1f} s")
    assert done.code == 0, done.err
    assert lab.run(1, ["systemctl", "is-active", "docker"]).out.strip() == "active"
    assert [one.engine for one in lab.status()] == [True]


def test_a_small_host_is_small(lab: Lab) -> None:
    """A host of 700 MiB and 2 GiB: its own tools and its engine say so, and a program that takes more memory is ended by the kernel."""
    lab.up(1, disk_gib=2, memory_mb=700)
    seen = lab.run(
        1, ["sh", "-c", "awk '/MemTotal/ {print $2}' /proc/meminfo; docker info -f '{{.MemTotal}}'; df --output=size -m / | tail -1"]
    )
    meminfo, engine, disk = map(int, seen.out.split())
    assert meminfo == 700 << 10
    assert engine == 700 << 20
    assert 1800 < disk < 2048
    done = lab.run(1, ["systemd-run", "--wait", "--quiet", "python3", "-c", "bytearray(900 << 20)"])
    assert done.code != 0
    assert lab.status()[0].engine


def test_a_host_that_cannot_boot_says_why(lab: Lab) -> None:
    """A disk that holds no file system: `boot` fails within seconds with the words of mount, and the other host is not touched."""
    lab.up(2)
    lab.kill(2)
    image = record.folder() / "hosts" / "2" / "disk.img"
    with image.open("r+b") as file:
        file.write(bytes(1 << 20))
    start = time.monotonic()
    with pytest.raises(CmctlError, match="app1 went off while it booted") as failed:
        lab.boot(2)
    assert time.monotonic() - start < 10
    assert "mount" in failed.value.why
    assert [one.engine for one in lab.status()] == [True, False]


def test_a_machine_with_one_hierarchy_of_control_groups(lab: Lab) -> None:
    """Control groups v2, as newer systems have them: the host's systemd and engine run in it, a container runs, and nothing is left."""
    command = [sys.executable, str(Path(cli.__file__)), "lab", "up", "--hosts", "1", "--name", NAME, "--subnet", SUBNET]
    only_v2 = ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', "sh"]
    subprocess.run([*only_v2, *command], check=True, timeout=120, capture_output=True)
    assert lab.run(1, ["docker", "info", "-f", "{{.CgroupVersion}}"]).out.strip() == "2"
    assert lab.run(1, ["systemctl", "is-system-running"]).out.strip() == "running"
    lab.run(1, ["sh", "-c", "tar -ch /usr/bin/docker-init 2>/dev/null | docker import - lab/still"])
    assert lab.run(1, ["docker", "run", "--rm", "lab/still", "/usr/bin/docker-init", "--version"]).code == 0
    lab.down()
    assert traces(lab) == NOTHING
