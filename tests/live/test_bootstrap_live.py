"""Bootstrapping real machines: bare hosts of a lab with an init system, a package manager and a kernel firewall of their own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml

from cli import main
from environments.load import load
from errors import RolledBack
from hosts.bootstrap import door, guard
from layout.machine import Machine, differences, machine
from layout.openings import Opening
from layout.release import Target
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
ROOT = Path(__file__).parents[2]
NAME, SUBNET = "boot", "10.79.0.0/24"
# Perl needs five libraries and listens: the smallest image that can be made here from nothing.
IMAGE = """
tar -ch /usr/bin/perl /usr/lib/x86_64-linux-gnu/perl-base /lib64/ld-linux-x86-64.so.2 \
  $(ldd /usr/bin/perl | awk '$3 ~ "^/" {print $3}') 2>/dev/null | docker import - boot/listener > /dev/null
"""
LISTEN = (
    "use IO::Socket::INET; $s = IO::Socket::INET->new(LocalPort => 8000, Listen => 9, ReuseAddr => 1); while ($c = $s->accept) { close $c }"
)
# Tries every port of an address; prints those that answer.
SCAN = """
import asyncio, sys
async def main(address):
    limit = asyncio.Semaphore(900)
    async def knock(port):
        async with limit:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 0.7)
            except (OSError, TimeoutError, asyncio.TimeoutError):
                return
            print(port); writer.close()
    await asyncio.gather(*(knock(port) for port in range(int(sys.argv[2]), int(sys.argv[3]))))
asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two bare hosts: sshd, and root's key; no engine, no packages of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(tmp_path_factory.mktemp("home")))
        with Lab(NAME, SUBNET, report=print) as lab:
            lab.up(2, bare=True)
            yield lab


def target(lab: Lab, host: int) -> Target:
    return Target(
        connection="ssh", address=lab.address(host), root="/var/lib/cmctl", user=lab.user, identity=str(lab.key),
        known_hosts=str(lab.known_hosts),
    )  # fmt: skip


def wanted(lab: Lab) -> Machine:
    openings = [
        Opening("lb1", 80, "tcp", (), "http"),
        Opening("lb1", 443, "tcp", (), "https"),
        Opening("lb1", 20200, "tcp", (lab.address(2),), "app"),
    ]
    return machine("codementee", load("lab"), "lb1", openings)


def make(lab: Lab, host: int = 1, machine: Machine | None = None) -> tuple[dict[str, object], int, float]:
    """Differences, steps and seconds of one bootstrap."""
    start = time.monotonic()
    done = asyncio.run(door.make(f"host{host}", target(lab, host), machine or wanted(lab)))
    return dict(done.differences), len(done.steps), time.monotonic() - start


def drift(lab: Lab) -> set[str]:
    """What differs on the first host, as a refresh would see it."""
    return set(differences(asyncio.run(door.look("lb1", target(lab, 1), wanted(lab))), wanted(lab)))


def scan(lab: Lab, ports: range = range(1, 65536)) -> list[int]:
    """The ports of the first host that answer when they are asked from the second one's network."""
    argv = ["ip", "netns", "exec", f"cmctl-{NAME}-2", sys.executable, "-c", SCAN, lab.address(1), str(ports.start), str(ports.stop)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=200, check=True)
    return sorted(int(line) for line in done.stdout.split())


def test_a_bare_host_is_made_and_a_second_run_writes_nothing(lab: Lab) -> None:
    """From sshd alone to everything that is asked, with the real packages; then nothing differs and no step is left."""
    found, steps, seconds = make(lab)
    assert found
    again, left, idle = make(lab)
    print(f"bare host: {len(found)} differences, {steps} steps in {seconds:.1f} s; second run: {left} steps in {idle:.2f} s")
    assert (again, left) == ({}, 0)
    assert lab.run(1, ["docker", "info", "--format", "{{.LiveRestoreEnabled}}"]).out.strip() == "true"


def test_only_what_is_declared_answers(lab: Lab) -> None:
    """Published ports cannot get around the firewall: of three containers and a program only the declared ports answer another host."""
    assert lab.run(1, ["sh", "-ec", IMAGE], timeout_s=120).code == 0
    for port in (443, 6379, 20200):
        run = ["docker", "run", "-d", "--name", f"port{port}", "-p", f"{port}:8000", "boot/listener", "/usr/bin/perl", "-e", LISTEN]
        assert lab.run(1, run).code == 0
    lab.run(1, ["systemd-run", "--unit=stray", "/usr/bin/perl", "-e", LISTEN.replace("8000", "9999")])
    lab.run(1, ["/etc/cmctl/firewall", "off"])
    control = [port for port in scan(lab, range(6000, 22000)) if port in {6379, 9999, 20200}]
    lab.run(1, ["/etc/cmctl/firewall"])
    answered = scan(lab)
    print(f"all 65,535 ports from another host: {answered} answer; without the firewall also {control}")
    assert control == [6379, 9999, 20200]
    assert answered == [22, 443, 20200]


@pytest.mark.parametrize(
    ("hand", "path"),
    [
        (["iptables", "-I", "CMCTL-INPUT", "-p", "tcp", "--dport", "9999", "-j", "ACCEPT"], "firewall.tcp 9999"),
        (["iptables", "-I", "INPUT", "-p", "tcp", "--dport", "9999", "-j", "ACCEPT"], "firewall.INPUT"),
        (["iptables", "-F", "DOCKER-USER"], "firewall.DOCKER-USER"),
        (["ip6tables", "-F", "INPUT"], "firewall.INPUT"),
        (["sed", "-i", "s/6379/6378/; 2a # edited", "/etc/cmctl/firewall"], "firewall.boot"),
        (["sysctl", "-q", "-w", "net.core.somaxconn=128"], "sysctl.net.core.somaxconn"),
        (["sh", "-c", "echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/00-other.conf"], "sshd.passwordauthentication"),
        (["sh", "-c", "echo enabled=false >> /etc/fail2ban/jail.d/cmctl.conf"], "files./etc/fail2ban/jail.d/cmctl.conf"),
        (["chmod", "777", "/var/lib/cmctl"], "directories./var/lib/cmctl"),
        (["systemctl", "stop", "fail2ban"], "services.fail2ban"),
        (["gpasswd", "-d", "cmctl", "docker"], "users.cmctl"),
        (["sh", "-c", "echo '{}' > /etc/docker/daemon.json"], "engine.live-restore"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_drift_is_found_and_mended(lab: Lab, hand: list[str], path: str) -> None:
    """Whatever a hand changed is found under its name; mending it changes that alone, and the containers run on."""
    before = lab.run(1, ["docker", "ps", "--no-trunc", "--format", "{{.ID}} {{.RunningFor}}"]).out.split()
    assert drift(lab) == set()
    assert lab.run(1, hand).code == 0
    found = drift(lab)
    if path == "sshd.passwordauthentication":
        # A file that is read before ours wins; ours cannot mend it, so a person must.
        assert path in found
        lab.run(1, ["rm", "/etc/ssh/sshd_config.d/00-other.conf"])
    assert path in found
    _, steps, seconds = make(lab)
    print(f"{path}: {sorted(found)} mended by {steps} steps in {seconds:.1f} s")
    assert drift(lab) == set()
    assert set(before) >= set(lab.run(1, ["docker", "ps", "--no-trunc", "-q"]).out.split())


def test_nobody_locks_himself_out(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall without the SSH port is taken back by the machine itself: the way in is open again, with the rules of before."""
    monkeypatch.setattr(guard, "WAIT_S", 12)
    shut = wanted(lab).model_copy(update={"firewall": {key: value for key, value in wanted(lab).firewall.items() if key != "tcp 22"}})
    start = time.monotonic()
    with pytest.raises(RolledBack, match="taken back"):
        make(lab, machine=shut)
    print(f"locked out and back after {time.monotonic() - start:.0f} s (timer 12 s)")
    assert drift(lab) == set()


def test_rules_come_back_after_a_reboot(lab: Lab) -> None:
    """After a power cut the firewall stands before the network does, and nothing has to be done."""
    lab.kill(1)
    lab.boot(1)
    left = {path for path in drift(lab) if not path.startswith("services.")}
    assert left == set()


def add(lab: Lab, folder: Path, *options: str, name: str = "app9") -> int:
    """`cmctl host add` as a person types it, for the second host of the lab; its exit code."""
    facts = yaml.safe_load((ROOT / "environments" / "lab.yaml").read_text())
    facts |= {
        "name": NAME,
        "hosts": {"lb1": facts["hosts"]["lb1"] | {"address": lab.address(1)}},
        "listen": facts["listen"] | {"address": lab.address(1)},
    }
    (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(facts))
    address = ["--address", lab.address(2), "--role", "app", "--identity", str(lab.key), "--deploy-user", lab.user]
    return main(["host", "add", name, "--env", NAME, *address, *options])


def test_an_address_and_a_key_are_enough(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`host add` takes a bare machine to ready as root, prints the lines that its environment needs, and does nothing the second time.

    Without a terminal it asks for the fingerprint; another key than the one that was said is refused before anything is sent."""
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path))
    assert add(lab, tmp_path) == 2
    said = capsys.readouterr().err
    fingerprint = re.search(r"--fingerprint (SHA256:\S+)", said)
    assert fingerprint
    assert add(lab, tmp_path, "--fingerprint", "SHA256:" + "A" * 43) == 7
    assert lab.run(2, ["which", "dockerd"]).code != 0, "nothing was sent yet"
    assert add(lab, tmp_path, "--fingerprint", fingerprint[1]) == 0
    shown = capsys.readouterr()
    with capsys.disabled():
        print(shown.err)
    facts = yaml.safe_load((tmp_path / f"{NAME}.yaml").read_text())
    facts["hosts"] |= yaml.safe_load(shown.out)
    (tmp_path / f"{NAME}.yaml").write_text(yaml.safe_dump(facts))
    assert load(NAME).hosts["app9"].address == IPv4Address(lab.address(2))
    assert lab.run(2, ["sshd", "-T"]).out.count("permitrootlogin no") == 1
    start = time.monotonic()
    assert add(lab, tmp_path, "--fingerprint", fingerprint[1]) == 0
    with capsys.disabled():
        print(f"host add again: {time.monotonic() - start:.1f} s", capsys.readouterr().err)
    assert add(lab, tmp_path, "--fingerprint", fingerprint[1], name="other") == 2
    assert "belongs to codementee/boot/app9" in capsys.readouterr().err
