"""What hosts and their containers have used, read over SSH in one call."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hosts import figures, ssh_link
from hosts.figures import Figures, parse
from hosts.fleet import Host, connect
from hosts.paths import Paths
from hosts.ssh import SshConnection
from loadtests.uses import Look
from tests.hosts.sshd import Server, serving

# One container under each version of cgroups, one that has ended since, and one whose cgroup cannot be read.
DOCKER = """#!/bin/sh
case "$1" in
  ps) [ "$*" = "ps -q --no-trunc --filter label=io.cmctl.stack" ] && echo "a b c d" ;;
  inspect) printf '41 /shop-cloud-phase2-blue-backend-1 500000000 0 0 536870912\\n42 /redis 0 150000 100000 0\\n0 /gone 0 0 0 0\\n43 /closed 0 0 0 0\\n' ;;
esac
"""
PROC = {
    "uptime": "5000.25 9000.1\n",
    "stat": "cpu  100 0 50 1000 20 0 0 30 0 0\ncpu0 1 0 0 0\ncpu1 1 0 0 0\n",
    "meminfo": "MemTotal: 2000 kB\nMemFree: 1 kB\nMemAvailable: 500 kB\n",
    "41/root/sys/fs/cgroup/cpu.stat": "usage_usec 12500000\nuser_usec 9\n",
    "41/root/sys/fs/cgroup/memory.current": "300000000\n",
    "41/root/sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 44000000\n",
    "42/root/sys/fs/cgroup/cpuacct/cpuacct.usage": "123456789012345\n",
    "42/root/sys/fs/cgroup/memory/memory.usage_in_bytes": "5000\n",
    "42/root/sys/fs/cgroup/memory/memory.stat": "total_inactive_file 9000\n",
}


def machine(folder: Path, docker: str = DOCKER) -> Server:
    """A machine with what it shows of its processes below `folder`/proc, and an engine that answers."""
    (folder / "bin").mkdir()
    (folder / "bin" / "docker").write_text(docker)
    (folder / "bin" / "docker").chmod(0o755)
    for name, text in PROC.items():
        (folder / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "proc" / name).write_text(text)
    return Server(environment=os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"})


async def test_one_call_gives_host_and_containers(tmp_path: Path) -> None:
    """Host and containers of both cgroup versions with their limits; page cache is no memory in use; who cannot be read is left out."""
    async with serving(machine(tmp_path)) as server:
        seen = await figures.figures(connect("x", {"app1": server.target(tmp_path)}), str(tmp_path / "proc"))
        assert len(server.commands) == 1
    found = seen["app1"]
    assert isinstance(found, Figures)
    hz = os.sysconf("SC_CLK_TCK")
    assert (found.clock, found.host) == (5000.25, Look(150 / hz, 2.0, 1500 * 1024, 2000 * 1024))
    assert found.containers == {
        "shop-cloud-phase2-blue-backend-1": Look(12.5, 0.5, 256_000_000, 536_870_912), "redis": Look(123_456.789012345, 1.5, 0.0, 0.0),
    }  # fmt: skip


async def test_a_host_that_is_away_does_not_hide_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not answer and a machine that refuses are told by name, the others' figures are there."""
    monkeypatch.setattr(ssh_link, "WAIT_S", (0.0, 0.01))
    (tmp_path / "other").mkdir()
    broken = machine(tmp_path / "other", '#!/bin/sh\necho "Cannot connect to the Docker daemon" >&2\nexit 1\n')
    async with serving(machine(tmp_path)) as server, serving(broken) as second:
        gone = server.target(tmp_path, port=1)
        there = {"app1": server.target(tmp_path), "app2": second.target(tmp_path / "other"), "app3": gone}
        seen = await figures.figures(connect("x", there), str(tmp_path / "proc"))
    assert isinstance(seen["app1"], Figures)
    assert seen["app2"] == "app2: Cannot connect to the Docker daemon"
    assert "app3" in str(seen["app3"])


async def test_a_slow_host_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose engine hangs is given up after the limit, and says so."""
    monkeypatch.setattr(figures, "ASK_S", 0.4)
    async with serving(machine(tmp_path, "#!/bin/sh\nsleep 30\n")) as server:
        start = time.monotonic()
        host = Host("app1", SshConnection("app1", server.target(tmp_path)), Paths("/x", "x"), ())
        seen = await figures.figures({"app1": host}, str(tmp_path / "proc"))
    assert "did not end within" in str(seen["app1"])
    assert time.monotonic() - start < 8


@pytest.mark.parametrize(
    "text", ["", "clock 5", "clock x\nhost 1 100 2 3 4", "clock 5\nhost 1 0 2 3 4", "clock 5\nhost 1 2", "container a b\n"]
)
def test_what_is_no_answer_is_none(text: str) -> None:
    """Lines that are missing, cut or no numbers give no figures, and no error."""
    assert parse(text) is None


def test_a_container_without_figures_is_left_out() -> None:
    """A container whose CPU time could not be read does not count as one that used none."""
    found = parse("clock 5\nhost 100 100 2 3 4\ncontainer a - - 0 0 0 0 0\ncontainer b 1 2\ncontainer c 2000000000 9 4 0 -1 0 0\n")
    assert found is not None
    assert found.containers == {"c": Look(2.0, 0.0, 5.0, 0.0)}
