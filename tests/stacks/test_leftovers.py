"""What dead commands left in the state is found in its files, and told apart from what somebody holds."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.load import ROOT
from errors import BadInput, Locked
from stacks import leftovers
from stacks.leftovers import Leftover

STACK = "codementee-local-phase1"
NOBODY = 2**22 + 1  # no kernel gives a pid this high
URN = f"urn:pulumi:{STACK}::cmctl::cmctl:index:Release::phase1"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The engine's folder of environment `local`, which is the only one."""
    (tmp_path / "environments").mkdir()
    monkeypatch.setenv("CMCTL_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "home" / "state" / "local" / ".pulumi"


@pytest.fixture
def engine_that_runs(tmp_path: Path) -> Iterator[int]:
    """The pid of a living process that is called as the engine is."""
    program = tmp_path / "pulumi"
    shutil.copy(str(shutil.which("sleep")), program)
    with subprocess.Popen([program, "60"]) as process:
        yield process.pid
        process.kill()


def lock(root: Path, pid: int, host: str = "", stack: str = STACK) -> Path:
    path = root / "locks" / "organization" / "cmctl" / stack / f"{pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"pid": pid, "username": "ann lee", "hostname": host or socket.gethostname(), "timestamp": "2026-11-21T02:50:00Z"}
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def state(root: Path, *pending: str) -> None:
    path = root / "stacks" / "cmctl" / f"{STACK}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    operations = [{"type": one, "resource": {"urn": URN}} for one in pending]
    path.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"pending_operations": operations}}}), encoding="utf-8")


def look(root: Path) -> tuple[Leftover, ...]:
    return leftovers.look(root.parents[2]).leftovers


def test_nothing_is_left(root: Path) -> None:
    """An environment without state, and a settled stack, have nothing to tell."""
    assert look(root) == ()
    state(root)
    assert look(root) == ()


def test_a_dead_commands_leftovers_are_found(root: Path) -> None:
    """The lock of a process that is gone and the operation it had begun are told, and held by nobody."""
    lock(root, NOBODY)
    state(root, "creating")
    (left,) = look(root)
    assert (left.environment, left.stack, left.held) == ("local", STACK, ())
    assert left.locks[0].pid == NOBODY
    assert left.pending == ("creating phase1",)


def test_pending_without_a_lock_is_found(root: Path) -> None:
    """Where somebody removed the lock by hand, what is pending is found all the same."""
    state(root, "updating")
    assert look(root)[0].pending == ("updating phase1",)


def test_a_living_owner_is_never_touched(root: Path, engine_that_runs: int, tmp_path: Path) -> None:
    """The lock of an engine that runs is respected: healing is refused with its owner's name, and the file stays."""
    path = lock(root, engine_that_runs)
    (left,) = look(root)
    with pytest.raises(Locked) as caught:
        leftovers.heal(left, root.parents[2], tmp_path, tmp_path / "none", lambda _: None)
    assert f"ann lee on {socket.gethostname()}, pid {engine_that_runs}" in caught.value.why
    assert path.exists()


@pytest.mark.parametrize("also_dead", [False, True])
def test_another_machines_owner_is_never_touched(root: Path, tmp_path: Path, also_dead: bool) -> None:
    """Of an owner on another machine nothing is known: his lock stays and he is named, also beside a dead one's."""
    paths = [lock(root, 4711, host="laptop.example")] + ([lock(root, NOBODY)] if also_dead else [])
    (left,) = look(root)
    with pytest.raises(Locked, match=STACK) as caught:
        leftovers.heal(left, root.parents[2], tmp_path, tmp_path / "none", lambda _: None)
    assert caught.value.why.startswith("ann lee on laptop.example, pid 4711")
    assert str(NOBODY) not in caught.value.why
    assert all(path.exists() for path in paths)


def test_a_lock_without_a_stack_is_removed(root: Path, tmp_path: Path) -> None:
    """A command that died before its stack was made left only a lock: it goes, and is told."""
    path, said = lock(root, NOBODY), list[str]()
    leftovers.heal(look(root)[0], root.parents[2], tmp_path, tmp_path / "none", said.append)
    assert not path.exists()
    assert f"pid {NOBODY}" in said[0]


def test_half_written_locks_are_nobodys(root: Path) -> None:
    """A lock file that is being written, or went away, is not read as somebody's."""
    lock(root, NOBODY).write_text('{"pid": 1')
    assert look(root) == ()


@pytest.mark.parametrize("text", ["", "[]", '{"checkpoint": []}'])
def test_a_broken_state_is_told(root: Path, text: str) -> None:
    """A state that cannot be read is said with its path and where its copies are."""
    state(root)
    path = root / "stacks" / "cmctl" / f"{STACK}.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=str(path)) as caught:
        look(root)
    assert "backups" in caught.value.hint


def test_state_elsewhere_is_not_looked_at(root: Path, tmp_path: Path) -> None:
    """Where an environment's state is in a bucket, that is said instead of silence."""
    text = (ROOT / "local.yaml").read_text(encoding="utf-8").replace("name: local", "name: team")
    (tmp_path / "environments" / "team.yaml").write_text(f"{text}state: {{backend: 's3://bucket'}}\n", encoding="utf-8")
    assert leftovers.look(root.parents[2]).unseen == {"team": "s3://bucket"}


def test_odd_paths_are_healed(tmp_path: Path) -> None:
    """A lock below a folder with spaces and signs that a URL writes otherwise is the very file that goes."""
    root = tmp_path / "my home #1 %20" / "state" / "local" / ".pulumi"
    path = lock(root, NOBODY)
    leftovers.heal(look(root)[0], root.parents[2], tmp_path, tmp_path / "none", lambda _: None)
    assert not path.exists()
    assert list(path.parent.iterdir()) == []
