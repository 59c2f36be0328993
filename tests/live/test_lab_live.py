"""The lab, on the real kernel: hosts that are reached by SSH, run containers, fail as real ones do and leave nothing."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
NAME, SUBNET = "labtest", "10.76.0.0/24"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two ready hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(tmp_path_factory.mktemp("home")))
        with Lab(NAME, SUBNET, report=print) as lab:
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
