from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from stacks import recovery
from stacks.recovery import Lock

REFUSAL = (
    "code: 255\n stderr: error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock "
    "file with `pulumi cancel`.\n  {url}: created by {user}@{host} (pid {pid}) at 2026-11-21T02:50:00Z"
)


def refusal(host: str, pid: int, url: str = "file:///s/.pulumi/locks/organization/cmctl/s/a.json?no_tmp_dir=true") -> str:
    return REFUSAL.format(url=url, user="ann lee", host=host, pid=pid)


def test_the_refusal_names_its_holder() -> None:
    """The engine's refusal is read: where the lock is, whose it is, since when."""
    (held,) = recovery.locks(refusal("laptop", 4711))
    assert (held.user, held.host, held.pid, held.since) == ("ann lee", "laptop", 4711, "2026-11-21T02:50:00Z")


def test_a_person_reads_who_holds_it() -> None:
    """The error says who, where and since when, and exits 5."""
    message = refusal("laptop", 4711)
    error = recovery.refuse("shop-test-phase2", recovery.locks(message), message)
    assert error.exit_code == 5
    assert error.why == "ann lee on laptop, pid 4711, since 2026-11-21T02:50:00Z"


def test_a_refusal_that_cannot_be_read_is_shown() -> None:
    """A backend that words its refusal in another way still gets its words to the person."""
    assert "409" in recovery.refuse("s", (), "[409] Conflict: Another update is currently in progress.").why


def test_a_lock_of_another_machine_is_never_stale() -> None:
    """Of a holder on another machine nothing is known."""
    assert not recovery.locks(refusal("elsewhere.example", 1))[0].stale()


def test_a_dead_holder_here_is_stale() -> None:
    """A holder on this machine whose pid is gone, or belongs to another program now, is dead."""
    beyond = 2**22 + 1  # no kernel gives a pid this high
    assert recovery.locks(refusal(socket.gethostname(), beyond))[0].stale()
    assert recovery.locks(refusal(socket.gethostname(), os.getpid()))[0].stale()


class FakeStack:
    """Remembers what it was asked to do."""

    name = "shop-test-phase2"

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def cancel(self) -> None:
        self.calls.append(("cancel", {}))

    def refresh(self, **arguments: Any) -> None:
        self.calls.append(("refresh", arguments))


def test_only_the_dead_ones_lock_is_removed(tmp_path: Path) -> None:
    """A lock that somebody got in the meantime stays: only the file of the dead holder goes, then the state is refreshed."""
    dead, living = tmp_path / "dead.json", tmp_path / "living.json"
    dead.touch()
    living.touch()
    stack, said = FakeStack(), []
    recovery.heal(stack, (Lock(f"file://{dead}?no_tmp_dir=true", "u", "h", 1, "t"),), said.append)  # type: ignore[arg-type]
    assert not dead.exists()
    assert living.exists()
    assert stack.calls == [("refresh", {"clear_pending_creates": True, "run_program": False})]
    assert "died (pid 1, t)" in said[0]


def test_elsewhere_the_engine_removes_it() -> None:
    """A lock in a bucket is removed by the engine itself."""
    stack = FakeStack()
    recovery.heal(stack, (Lock("s3://bucket/a.json", "u", "h", 1, "t"),), lambda _: None)  # type: ignore[arg-type]
    assert [name for name, _ in stack.calls] == ["cancel", "refresh"]


@pytest.mark.parametrize("text", ["", "error: something else", "created by nobody"])
def test_other_words_hold_no_lock(text: str) -> None:
    """Nothing is read out of messages that name no lock."""
    assert recovery.locks(text) == ()


def test_a_zombie_holds_nothing() -> None:
    """A process that has ended and waits to be collected does not count as running."""
    import subprocess
    import sys

    from stacks.processes import runs

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert runs(process.pid)
        assert not runs(process.pid, "pulumi")
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not runs(process.pid)
