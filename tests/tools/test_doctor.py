"""The doctor's table: what is there, what is wrong, what stops the main job, how to mend it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tools.machines import FakeMachine
from tools import doctor
from tools.builder import Family, installed
from tools.doctor import Tool, look, missing
from tools.machine import Answer
from tools.toolchain import FERRETDB, pulumi_family


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMCTL_CACHE", str(tmp_path))
    return tmp_path


def healthy(**more: object) -> FakeMachine:
    answers = {
        "docker version --format {{.Client.Version}}": Answer(0, "28.2.2"),
        "docker version --format {{.Server.Version}}": Answer(0, "20.10.24"),
        "docker info": Answer(0, "/var/lib/docker"),
        "docker image inspect": Answer(1),
        "/usr/bin/go version": Answer(0, "go version go1.26.8 linux/amd64"),
    }
    return FakeMachine(answers, {"docker", "go", "docker-compose", "mmdebstrap"}, **more)


def tools(machine: FakeMachine, *, online: bool = False) -> dict[str, Tool]:
    return {tool.name: tool for tool in look(machine, lambda: online)}


def put(family: Family, cache: Path) -> Path:
    path = installed(family, cache)
    path.parent.mkdir(parents=True)
    path.write_text("")
    return path


def test_a_healthy_machine_misses_nothing() -> None:
    """Docker, Go, room and memory: the main job can run, although the CLI is not made yet."""
    found = tools(healthy())
    assert missing(found.values()) == []
    assert found["pulumi"].found is None
    assert found["container engine"].version == "20.10.24"
    assert found["docker"].version == "28.2.2"
    assert found["go"].version == "1.26.8"


def test_every_tool_says_what_it_is_for_and_how_to_get_it() -> None:
    """No row without a purpose and a way to mend it, and the table is one JSON document."""
    for tool in tools(healthy()).values():
        assert tool.needed_for
        assert tool.fix
    json.dumps([tool.as_dict() for tool in tools(healthy()).values()])


def without(*programs: str) -> FakeMachine:
    machine = healthy()
    machine.programs -= set(programs)
    return machine


def with_answers(**answers: Answer) -> FakeMachine:
    machine = healthy()
    machine.answers |= {
        key.replace("_", " ").replace("CLIENT", "{{.Client.Version}}").replace("SERVER", "{{.Server.Version}}"): one
        for key, one in answers.items()
    }
    return machine


BROKEN = [
    (
        "no engine",
        with_answers(**{"docker_version_--format_SERVER": Answer(1, err="Is the docker daemon running?")}),
        "container engine",
        "daemon",
        "doctor --fix",
    ),
    ("no client", without("docker"), "docker", "", "doctor --fix"),
    ("no go", without("go"), "go", "", "go.dev/dl"),
    (
        "old go",
        with_answers(**{"/usr/bin/go_version": Answer(0, "go version go1.19.8 linux/amd64")}),
        "go",
        "older than 1.26.0",
        "go.dev/dl",
    ),
    ("no room", healthy(free=1 << 30), "disk", "less than 8 GiB", "CMCTL_CACHE"),
    ("no memory", healthy(memory=1 << 30), "memory", "less than 2.5 GiB", "GiB are free"),
    ("no root and no registry", healthy(root=False), "mmdebstrap", "needs root", "sudo"),
]


@pytest.mark.parametrize(("machine", "name", "problem", "fix"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_what_stops_the_main_job_is_named(machine: FakeMachine, name: str, problem: str, fix: str) -> None:
    """Each missing or unfit tool is found alone, with the reason and the way to mend it."""
    (found,) = missing(look(machine, lambda: False))
    assert found.name == name
    assert problem in found.problem
    assert fix in found.fix
    assert not found.fits


def test_go_is_not_needed_once_both_programs_are_built(cache: Path) -> None:
    """With both programs in the cache, a machine without Go does."""
    put(pulumi_family(), cache)
    put(FERRETDB, cache)
    found = tools(without("go"))
    assert missing(found.values()) == []
    assert found["pulumi"].version == pulumi_family().version


def test_less_room_is_needed_once_the_cli_is_built(cache: Path) -> None:
    """3 GiB do for releases; a build of the CLI wants 8."""
    assert "disk" in [tool.name for tool in missing(look(healthy(free=3 << 30), lambda: False))]
    put(pulumi_family(), cache)
    assert missing(look(healthy(free=3 << 30), lambda: False)) == []


@pytest.mark.parametrize("says", ["v0.0.1", ""])
def test_another_cli_on_path_is_not_taken_for_the_right_one(says: str) -> None:
    """A pulumi of another version counts as not there."""
    machine = healthy()
    machine.programs.add("pulumi")
    machine.answers["/usr/bin/pulumi version"] = Answer(0, says)
    assert tools(machine)["pulumi"].found is None
    machine.answers["/usr/bin/pulumi version"] = Answer(0, f"v{pulumi_family().version}")
    assert tools(machine)["pulumi"].found == Path("/usr/bin/pulumi")


def test_without_root_a_registry_or_a_base_does() -> None:
    """Not root is no problem where images come from a registry, or their base was made before."""
    assert missing(look(healthy(root=False), lambda: True)) == []
    machine = healthy(root=False)
    machine.answers["docker image inspect"] = Answer(0, "sha256:1")
    assert missing(look(machine, lambda: False)) == []


def test_the_engine_elsewhere_is_named() -> None:
    """DOCKER_HOST decides which engine is looked at."""
    assert tools(healthy(settings={"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}))["container engine"].found == Path(
        "/run/user/1000/docker.sock"
    )


def test_the_python_that_runs_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter below the limit is a problem that stops the main job."""
    monkeypatch.setattr(doctor, "PYTHON", (99, 0))
    assert [tool.name for tool in missing(look(healthy(), lambda: False))] == ["python"]
