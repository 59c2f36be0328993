"""The lab, on the real kernel: hosts that are reached by SSH, run containers, fail as real ones do and leave nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import CmctlError
from tools.lab import Lab, groups
from tools.lab.wait import until

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
NAME, SUBNET = "labtest", "10.76.0.0/24"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two ready hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(tmp_path_factory.mktemp("home")))
        with Lab(NAME, SUBNET, report=print) as lab:
            lab.down()  # what a killed run left
            lab.up(2)
            yield lab


def ssh(lab: Lab, host: int, *argv: str, user: str = "cmctl", known_hosts: Path | None = None) -> subprocess.CompletedProcess[str]:
    options = {
        "UserKnownHostsFile": str(known_hosts or lab.known_hosts),
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "3",
    }
    flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    command = ["ssh", "-F", "none", "-i", str(lab.key), *flags, f"{user}@{lab.address(host)}", *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)


def test_a_host_is_reached_by_ssh_with_its_pinned_key(lab: Lab) -> None:
    """The stock OpenSSH client gets in as a user who is not root, with the known_hosts file that the lab wrote, and sudo asks nothing."""
    done = ssh(lab, 1, "id -un; sudo -n id -un; hostname")
    assert done.stdout.split() == ["cmctl", "root", "lb1"], done.stderr
    assert lab.key.stat().st_mode & 0o777 == 0o600


def test_another_hosts_key_is_refused(lab: Lab, tmp_path: Path) -> None:
    """Every host has a key of its own: the file with the keys swapped lets nobody in."""
    first, second = (line.split() for line in lab.known_hosts.read_text().splitlines())
    wrong = tmp_path / "known_hosts"
    wrong.write_text(f"{first[0]} {' '.join(second[1:])}\n")
    done = ssh(lab, 1, "true", known_hosts=wrong)
    assert done.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in done.stderr


def test_root_does_not_log_in_on_a_ready_host(lab: Lab) -> None:
    """A ready host lets only the deploy user in."""
    assert ssh(lab, 1, "true", user="root").returncode == 255


def test_a_container_runs_and_outlives_a_power_cut(lab: Lab) -> None:
    """The engine runs a container; the host loses power and boots: the same container, by its restart policy, on the same disk."""
    packed = "tar -ch /usr/bin/docker-init 2>/dev/null | docker import - lab/still"
    assert ssh(lab, 2, packed).returncode == 0
    started = ssh(lab, 2, "docker run -d --name still --restart unless-stopped lab/still /usr/bin/docker-init -- /usr/bin/docker-init -h")
    assert started.returncode == 0, started.stderr
    key = lab.known_hosts.read_text()
    start = time.monotonic()
    lab.kill(2)
    off = time.monotonic() - start
    assert ssh(lab, 2, "true").returncode == 255
    start = time.monotonic()
    lab.boot(2)
    print(f"power off {off:.2f} s, boot to engine {time.monotonic() - start:.2f} s")
    assert ssh(lab, 2, "docker inspect -f '{{.Id}} {{.HostConfig.RestartPolicy.Name}}' still").stdout.split() == [
        started.stdout.strip(),
        "unless-stopped",
    ]
    assert lab.known_hosts.read_text() == key


def banner(lab: Lab, host: int, limit_s: float = 1) -> bytes:
    """What sshd greets with; empty when nothing comes, whatever the reason."""
    with contextlib.suppress(OSError), socket.create_connection((lab.address(host), 22), limit_s) as there:
        there.settimeout(limit_s)
        return there.recv(4)
    return b""


def refused(lab: Lab, host: int) -> bool:
    """Whether a closed port says so: the host is there, and its packets come through."""
    try:
        socket.create_connection((lab.address(host), 9), 1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def reaches(lab: Lab, source: int, target: int) -> bool:
    return lab.run(source, ["ping", "-c", "1", "-W", "1", lab.address(target)]).code == 0


@pytest.mark.parametrize(
    ("what", "by_ssh", "by_others", "by_peers"),
    [("whole", False, False, False), ("ssh", False, True, True), ("peers", True, True, False)],
)
def test_a_cut_link_is_silent_and_comes_back(lab: Lab, what: str, by_ssh: bool, by_others: bool, by_peers: bool) -> None:
    """What is cut is dropped without a reset, what is not goes on; a connection that was open before goes on after."""
    with socket.create_connection((lab.address(1), 22), 1) as open_before:
        lab.cut(1, what)
        try:
            assert bool(banner(lab, 1)) is by_ssh
            assert refused(lab, 1) is by_others
            assert reaches(lab, 2, 1) is by_peers
            assert lab.run(1, ["true"]).code == 0
        finally:
            lab.restore(1)
        open_before.settimeout(20)
        assert open_before.recv(4) == b"SSH-"
    assert banner(lab, 1)
    assert reaches(lab, 2, 1)


def round_trip_ms(lab: Lab, host: int, port: int) -> float:
    """The time in which a port answers, open or closed: the best of five."""
    best = float("inf")
    for _ in range(5):
        start = time.monotonic()
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((lab.address(host), port), 5).close()
        best = min(best, (time.monotonic() - start) * 1000)
    return best


def test_a_slow_link_adds_what_it_says(lab: Lab) -> None:
    """A round trip takes 120 ms more, to every port or to ssh alone; after restore it is as fast as before."""
    before = round_trip_ms(lab, 1, 9)
    lab.slow(1, 120)
    slow = round_trip_ms(lab, 1, 9)
    lab.slow(1, 120, "ssh")
    other, ssh_only = round_trip_ms(lab, 1, 9), round_trip_ms(lab, 1, 22)
    lab.restore(1)
    after = round_trip_ms(lab, 1, 22)
    print(f"round trip: {before:.1f} ms, slow {slow:.1f} ms; only ssh slow: {other:.1f} ms, ssh {ssh_only:.1f} ms; restored {after:.1f} ms")
    assert slow >= 120
    assert ssh_only >= 120
    assert max(before, other, after) < 60


def test_a_slow_link_can_be_cut_and_outlives_a_reboot(lab: Lab) -> None:
    """Faults add up: a slow host is cut from its peers, loses power and boots, and is as slow and as cut as before."""
    lab.slow(2, 80)
    lab.cut(2, "peers")
    lab.kill(2)
    lab.boot(2)
    try:
        assert [one.link for one in lab.status()][1] == ("cut (peers)", "slow by 80 ms (whole)")
        assert round_trip_ms(lab, 2, 9) >= 80
        assert not reaches(lab, 1, 2)
    finally:
        lab.restore(2)
    assert reaches(lab, 1, 2)
    assert [one.link for one in lab.status()] == [(), ()]


WRITE = "dd if=/dev/zero of={path}/probe bs=1M count=1 conv=fsync && rm {path}/probe"


def test_a_full_disk_is_full_for_everybody(lab: Lab) -> None:
    """Root and the engine get ENOSPC where they write; with the room given back they write again."""
    lab.fill(1)
    for path in ("/opt", "/var/lib/docker", "/var/lib/cmctl"):
        done = lab.run(1, ["sh", "-c", WRITE.format(path=path)])
        assert done.code != 0
        assert "No space left on device" in done.err
    assert "no space left" in ssh(lab, 1, "tar -ch /usr/bin/docker | docker import - lab/full").stderr.lower()
    lab.free(1)
    for path in ("/opt", "/var/lib/docker", "/var/lib/cmctl"):
        assert lab.run(1, ["sh", "-c", WRITE.format(path=path)]).code == 0


def test_a_host_cannot_touch_the_machine(lab: Lab) -> None:
    """Clock, swap and the sysctls of the whole machine are out of reach, on the console and by ssh; the network's are the host's own."""
    swappiness = Path("/proc/sys/vm/swappiness").read_text()
    attempts = "date -s 2020-01-01; dd if=/dev/zero of=/s bs=1M count=8 status=none; chmod 600 /s; mkswap -q /s; swapon /s; sysctl -w vm.swappiness=1"
    by_console = lab.run(1, ["sh", "-c", attempts]).err
    by_ssh = ssh(lab, 1, "sudo", "sh", "-c", f"'{attempts}'").stderr
    for said in (by_console, by_ssh):
        assert "cannot set date: Operation not permitted" in said
        assert "swapon failed: Operation not permitted" in said
    assert Path("/proc/sys/vm/swappiness").read_text() == swappiness
    assert "/s " not in Path("/proc/swaps").read_text()
    assert lab.run(1, ["sysctl", "-w", "net.ipv4.tcp_fin_timeout=31"]).code == 0
    assert Path("/proc/sys/net/ipv4/tcp_fin_timeout").read_text().strip() != "31"
    lab.run(1, ["rm", "-f", "/s"])


def test_firewall_rules_are_the_hosts_own(lab: Lab) -> None:
    """A rule in one host's DOCKER-USER chain is seen by nobody else, and nothing of the lab stands in this machine's rules."""
    assert lab.run(1, ["iptables", "-I", "DOCKER-USER", "-s", "192.0.2.7", "-j", "DROP"]).code == 0
    assert "192.0.2.7" in lab.run(1, ["iptables", "-S", "DOCKER-USER"]).out
    assert "192.0.2.7" not in lab.run(2, ["iptables", "-S", "DOCKER-USER"]).out
    assert "192.0.2.7" not in subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    lab.run(1, ["iptables", "-D", "DOCKER-USER", "-s", "192.0.2.7", "-j", "DROP"])


def test_no_route_leads_out(lab: Lab) -> None:
    """A host reaches its subnet and nothing else."""
    assert lab.run(1, ["ip", "route", "show", "default"]).out == ""
    assert "unreachable" in lab.run(1, ["ping", "-c", "1", "-W", "1", "192.0.2.1"]).err


def test_up_again_changes_nothing(lab: Lab) -> None:
    """A second `up` keeps what is on: the same first processes and keys; a host that is off is booted."""
    before, keys = [groups.first_process(host.group) for host in lab.hosts()], lab.known_hosts.read_text()
    start = time.monotonic()
    lab.up(2)
    print(f"up of what is up: {time.monotonic() - start:.2f} s")
    assert [groups.first_process(host.group) for host in lab.hosts()] == before
    lab.kill(1)
    lab.up(2)
    assert [one.engine for one in lab.status()] == [True, True]
    assert lab.known_hosts.read_text() == keys


@pytest.mark.parametrize("verb", ["poweroff", "reboot"])
def test_a_host_that_shuts_itself_down_is_off_until_it_is_booted(lab: Lab, verb: str) -> None:
    """systemd ends everything in order; the host is off, and boots again from the same disk."""
    assert lab.run(2, ["sh", "-c", "echo kept > /opt/kept"]).code == 0
    lab.run(2, ["systemctl", verb])
    until(lambda: not lab.status()[1].on, 30, f"{verb} does not end")
    with pytest.raises(CmctlError, match="is off"):
        lab.run(2, ["true"])
    lab.boot(2)
    assert lab.run(2, ["cat", "/opt/kept"]).out == "kept\n"
    assert banner(lab, 2)


PARTS = "usr/bin/python3.* usr/lib/python3* usr/lib/*-linux-gnu* usr/lib/ld-* usr/lib64 lib lib64 etc/ld.so.cache"
PACK = f"cd / && tar -c $(ls -d {PARTS} 2>/dev/null) | docker import - lab/python"
SERVE = """
import socket
server = socket.create_server(("", 80))
while True:
    there, who = server.accept()
    there.sendall(who[0].encode())
    there.close()
"""


def test_a_published_port_is_reached_by_load_and_by_peers(lab: Lab) -> None:
    """A container's published port answers this machine, from which load comes, and the other host, each seen with its own address."""
    assert lab.run(1, ["sh", "-c", PACK]).code == 0
    program = lab.run(1, ["sh", "-c", "ls /usr/bin/python3.* | head -1"]).out.strip()
    started = lab.run(1, ["docker", "run", "-d", "--name", "web", "-p", "80:80", "lab/python", program, "-c", SERVE])
    assert started.code == 0, started.err

    def seen_as() -> str:
        with contextlib.suppress(OSError), socket.create_connection((lab.address(1), 80), 1) as there:
            return there.recv(100).decode()
        return ""

    until(lambda: seen_as() == "10.76.0.1", 10, "the container does not answer")
    ask = f"import socket; print(socket.create_connection(({lab.address(1)!r}, 80), 2).recv(100).decode())"
    assert lab.run(2, ["python3", "-c", ask]).out.strip() == lab.address(2)
    lab.run(1, ["docker", "rm", "-f", "web"])
