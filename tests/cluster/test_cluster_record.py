"""Processes are found again, and only they are ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from tools.cluster import Cluster, api, record, space
from tools.cluster.place import Place
from tools.cluster.record import Record


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_number_given_to_another_process_is_not_ended(child: subprocess.Popen[bytes]) -> None:
    """The kernel's start time has to match: a number that was given anew is somebody else's."""
    right = space.process(child.pid)
    wrong = replace(right, started=right.started - 1)
    wrong.kill()
    assert not wrong.alive
    assert right.alive
    right.kill()
    assert child.wait(5) == -9


def test_what_has_ended_is_not_alive() -> None:
    """Neither a process that is gone nor the remains of one count as running."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", ""], os.environ)
    one = space.process(pid)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert space.started(pid) is None
    assert not one.alive
    assert not space.Process(2**22 + 1, 1).alive


def test_the_record_is_what_was_written(tmp_path: Path) -> None:
    """Holder, first process and programs come back; a damaged or missing record is none."""
    place = Place(tmp_path)
    written = Record(space.Process(10, 1), space.Process(11, 2), {"etcd": space.Process(12, 3)})
    assert record.load(place) is None
    record.save(place, written)
    assert record.load(place) == written
    place.record.write_text('{"holder": {"pid": 1}}')
    assert record.load(place) is None


def test_a_cluster_that_does_not_run_says_so(tmp_path: Path) -> None:
    """Status without a cluster, or with one whose processes are gone, is told with the command that starts one."""
    place = Place(tmp_path)
    record.save(place, Record(space.Process(2**22 + 1, 1), space.Process(2**22 + 2, 1)))
    with pytest.raises(Unreachable) as told:
        Cluster(place).status()
    assert told.value.hint == "cmctl cluster up"


def test_waiting_ends_with_the_last_reason() -> None:
    """A limit that passes says what was waited for and what was answered last."""

    def never() -> bool:
        raise api.Refused("GET /readyz", 503, '{"reason": "ServiceUnavailable", "message": "etcd is not there"}')

    with pytest.raises(CmctlError, match="not within 0 s: the sun rises") as told:
        api.wait(never, 0, "the sun rises", step_s=0)
    assert "etcd is not there" in told.value.why


def test_a_condition_that_is_not_there_is_empty() -> None:
    """ "True", "False" and absent are three answers."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert (api.condition(ready, "Ready"), api.condition(ready, "Other"), api.condition({}, "Ready")) == ("False", "", "")
