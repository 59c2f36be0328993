"""A running engine is used as it is; another is installed or started only as root, and never silently."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from tests.tools.machines import MISSING, FakeMachine
from tools import container_engine
from tools.container_engine import SETTINGS, Places, install_and_start, look
from tools.machine import Answer, ThisMachine

RUNS = Answer(0, "20.10.24")
SILENT = Answer(1, err="Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
CGROUPS = {"/sys/fs/cgroup/cgroup.controllers": "cpu memory"}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "etc" / "daemon.json", tmp_path / "log" / "dockerd.log", tmp_path / "docker.pid", tmp_path / "docker.sock")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Places]:
    """Engines that were started by hand; each is a process that ends at once."""
    found: list[Places] = []

    def start(_: object, places: Places) -> subprocess.Popen[bytes]:
        found.append(places)
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        processes.append(process)
        return process

    processes: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(container_engine, "start_by_hand", start)
    yield found
    for process in processes:
        process.communicate(b"\n", timeout=10)


def test_a_running_engine_is_used_as_it_is(places: Places) -> None:
    """One question, no change, even without root."""
    machine, said = FakeMachine({"docker version": RUNS}, {"docker"}, root=False), []
    assert install_and_start(said.append, machine, places).version == "20.10.24"
    assert said == ["the container engine runs: Docker 20.10.24"]
    assert len(machine.asked) == 1
    assert not places.config.exists()


def fresh(**more: object) -> FakeMachine:
    answers = {
        "docker version": [MISSING, SILENT],
        "docker --host": [SILENT, RUNS],
        "apt-get": Answer(0),
        "apt-cache show docker-buildx": Answer(0),
        "apt-cache show": Answer(100),
        "systemctl": Answer(0),
    }
    return FakeMachine(answers, {"apt-get"}, dict(CGROUPS), appears={"apt-get install": {"docker", "dockerd"}}, **more)


def test_a_fresh_machine_gets_an_engine_and_every_step_is_told_first(places: Places, started: list[Places]) -> None:
    """Root on a fresh Debian: settings, update, install, start; each is reported before it is done."""
    machine, said = fresh(), []
    seen: list[tuple[int, str]] = []
    assert (
        install_and_start(lambda text: (said.append(text), seen.append((len(machine.asked), text))), machine, places).version == "20.10.24"
    )
    assert [line.split(":")[0] for line in said] == [
        f"writing {places.config}",
        "installing the container engine",
        "installing the container engine",
        "starting the container engine",
    ]
    install = next(line for line in machine.asked if line.startswith("apt-get install"))
    assert install == "apt-get install -y -qq --no-install-recommends docker.io iptables docker-buildx"
    told_at = next(count for count, text in seen if "apt-get install" in text)
    assert told_at <= machine.asked.index(install)
    assert started == [places]
    assert json.loads(places.config.read_text()) == SETTINGS


def test_systemd_starts_the_engine_where_it_rules(places: Places, started: list[Places]) -> None:
    """With systemd as PID 1 the service is enabled; nothing is started by hand."""
    machine = fresh()
    machine.files["/proc/1/comm"] = "systemd\n"
    assert install_and_start(lambda _: None, machine, places).version
    assert "systemctl enable --now docker" in machine.asked
    assert started == []


def test_an_installed_engine_is_only_started(places: Places, started: list[Places]) -> None:
    """Docker is there but does not run: no package is touched."""
    machine = FakeMachine({"docker version": SILENT, "docker --host": RUNS}, {"docker", "dockerd"}, dict(CGROUPS))
    assert install_and_start(lambda _: None, machine, places).version
    assert started == [places]
    assert not [line for line in machine.asked if line.startswith("apt")]


def test_an_engine_that_starts_already_is_waited_for(places: Places, started: list[Places]) -> None:
    """The package's own scripts may have begun: a second engine would fail on the first one's pid file."""
    machine, said = FakeMachine({"docker version": SILENT, "docker --host": [SILENT, RUNS]}, {"docker", "dockerd"}, dict(CGROUPS)), []
    places.pid.write_text("4711")
    machine.files["/proc/4711/comm"] = "dockerd\n"
    assert install_and_start(said.append, machine, places).version
    assert said[-1] == "waiting for the container engine, which is starting"
    assert started == []


def test_a_stale_pid_file_does_not_hold_the_start_up(places: Places, started: list[Places]) -> None:
    """A pid that now belongs to another program is no engine."""
    machine = FakeMachine({"docker version": SILENT, "docker --host": RUNS}, {"docker", "dockerd"}, dict(CGROUPS))
    places.pid.write_text("4711")
    machine.files["/proc/4711/comm"] = "bash\n"
    assert install_and_start(lambda _: None, machine, places).version
    assert started == [places]


def test_settings_that_exist_are_their_owners(places: Places, started: list[Places]) -> None:
    """An existing daemon.json is never touched."""
    places.config.parent.mkdir()
    places.config.write_text('{"debug": true}')
    machine = fresh()
    install_and_start(lambda _: None, machine, places)
    assert places.config.read_text() == '{"debug": true}'


def test_control_groups_are_mounted_where_nothing_did(places: Places, started: list[Places]) -> None:
    """A minimal machine without systemd gets its control groups, or the engine could not start."""
    machine, said = fresh(), []
    machine.files.clear()
    machine.answers["cgroupfs-mount"] = Answer(0)
    machine.appears["apt-get install"] = {"docker", "dockerd", "cgroupfs-mount"}
    install_and_start(said.append, machine, places)
    assert any(line.endswith("cgroupfs-mount") for line in machine.asked if line.startswith("apt-get install"))
    assert "cgroupfs-mount" in machine.asked


REFUSALS: list[tuple[str, FakeMachine, str, str]] = [
    (
        "not root, nothing installed",
        FakeMachine({"docker version": MISSING}, {"apt-get"}, root=False),
        "no container engine is installed",
        "sudo apt-get",
    ),
    ("not root, installed", FakeMachine({"docker version": SILENT}, {"docker", "dockerd"}, root=False), "does not run", "sudo dockerd"),
    (
        "not root, systemd",
        FakeMachine({"docker version": SILENT}, {"docker", "dockerd"}, {"/proc/1/comm": "systemd"}, root=False),
        "does not run",
        "sudo systemctl start docker",
    ),
    (
        "not in the docker group",
        FakeMachine({"docker version": Answer(1, err="permission denied while trying to connect")}, {"docker", "dockerd"}, root=False),
        "may not talk",
        "usermod -aG docker",
    ),
    (
        "another engine is named",
        FakeMachine({"docker version": SILENT}, {"docker"}, settings={"DOCKER_HOST": "ssh://far"}),
        "ssh://far",
        "unset DOCKER_HOST",
    ),
    ("no Debian", FakeMachine({"docker version": MISSING}), "no container engine is installed", "install Docker Engine"),
]


@pytest.mark.parametrize(("machine", "what", "hint"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_where_it_may_not_the_error_says_what_to_run(
    machine: FakeMachine, what: str, hint: str, places: Places, started: list[Places]
) -> None:
    """Exit 7 with the command to type, and nothing changed."""
    with pytest.raises(Unreachable) as caught:
        install_and_start(lambda _: None, machine, places)
    assert what in caught.value.what
    assert hint in caught.value.hint
    assert not [line for line in machine.asked if not line.startswith("docker version")]
    assert started == []
    assert not places.config.exists()


def test_a_failed_install_shows_apts_last_lines(places: Places, started: list[Places]) -> None:
    """apt's own words reach the person; nothing is started."""
    machine = fresh()
    machine.answers["apt-get install"] = Answer(100, err="E: Could not get lock /var/lib/dpkg/lock-frontend")
    with pytest.raises(CmctlError, match="apt-get install failed") as caught:
        install_and_start(lambda _: None, machine, places)
    assert "Could not get lock" in caught.value.why
    assert started == []


def test_an_engine_that_dies_at_once_shows_its_log(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """dockerd ends: no waiting for the limit, its last lines are the reason."""

    def start(_: object, places: Places) -> subprocess.Popen[bytes]:
        places.log.parent.mkdir(parents=True)
        places.log.write_text("failed to start daemon: iptables not found\n")
        process = subprocess.Popen(["false"])
        process.wait(10)
        return process

    monkeypatch.setattr(container_engine, "start_by_hand", start)
    machine = FakeMachine({"docker version": SILENT, "docker --host": SILENT}, {"docker", "dockerd"}, dict(CGROUPS))
    with pytest.raises(CmctlError, match="did not answer") as caught:
        install_and_start(lambda _: None, machine, places)
    assert "iptables not found" in caught.value.why


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    monkeypatch.setenv("PATH", str(tmp_path))

    def add(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    return add


def test_the_real_machine_asks_real_programs(path: Callable[[str, str], None]) -> None:
    """What a program says, its code, a program that is not there and one that hangs: four answers, no exception."""
    path("docker", "echo 28.2.2")
    assert look(ThisMachine()).version == "28.2.2"
    path("docker", "echo 'Is the docker daemon running?' >&2; exit 1")
    assert look(ThisMachine()).why == "Is the docker daemon running?"
    assert ThisMachine().ask(["no-such-program-here"]).code == 127
    path("slow", "exec /bin/sleep 10")
    assert ThisMachine().ask(["slow"], timeout_s=0.05).code == 124
