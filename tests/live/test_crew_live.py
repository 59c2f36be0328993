"""Load from several processes and machines: one figure, a lost worker, workers that come from elsewhere."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from errors import Unreachable
from loadtests import run, selftest, verdict
from loadtests.plan import Plan, Probe, with_workers
from loadtests.progress import Progress, Second
from loadtests.result import Generator, Measured, Verdict

pytestmark = pytest.mark.live
ROOT = Path(__file__).parents[2]


def quiet(_: Progress) -> None:
    pass


def plan(port: int, processes: int, probe: Probe, remote: int = 0, bind: str = "") -> Plan:
    return with_workers(selftest.plan(port, 21).model_copy(update={"probes": (probe,)}), processes, remote, bind)


def probe(rate: float, seconds: float = 6.0) -> Probe:
    return Probe(name="p", rate_per_s=rate, warmup_s=1, seconds=seconds)


def used(measured: Measured | None) -> Generator:
    assert measured is not None
    return measured.generator


def test_two_processes_are_one_judge() -> None:
    """Two processes send twice what one sends, for at least 90 % of its requests per CPU-second, arrive like one stream, and tell one line a second."""
    told: list[Progress] = []
    costs: dict[int, list[float]] = {1: [], 2: []}
    # By turns, and the better of two: neighbours on the machine cost both of them caches.
    for processes in (1, 2, 1, 2):
        told.clear()
        with run.reference("fixed", 1, 500, 0.001) as port:
            result = run.smoke(plan(port, processes, probe(1500 * processes)), told.append)
        assert result.judgement.verdict is Verdict.PASS, result.judgement.reasons
        costs[processes].append(used(result.measured).requests_per_cpu_second)
    ratio = max(costs[2]) / max(costs[1])
    print(f"\nrequests per CPU-second with 2 processes: {ratio:.0%} of one's {max(costs[1]):.0f}; load average {os.getloadavg()[0]:.0f}")
    assert result.measured is not None
    assert result.measured.requests == pytest.approx(18_000, rel=0.05)
    assert used(result.measured).processes == 2
    assert used(result.measured).dispersion == pytest.approx(1.0, abs=0.5)
    assert 5 <= len([event for event in told if isinstance(event, Second)]) <= 8
    assert ratio >= 0.9


def test_a_lost_worker_voids_its_window_only() -> None:
    """A worker that is killed in a probe makes this probe one that does not count; the next one is played by who is left."""
    with run.reference("fixed", 1, 50, 0.01) as port:

        def kill(event: Progress) -> None:
            if isinstance(event, Second) and event.at_s > 2:
                workers = [one for one in psutil.Process().children() if "--worker" in one.cmdline()]
                if len(workers) == 2:
                    workers[0].kill()
                    workers[0].wait(5)

        asked = plan(port, 2, probe(200))
        with run.Generator(asked, kill) as crew:
            lost, next_one = crew.measure(probe(200, 8)), crew.measure(probe(200))
    assert verdict.objections(used(lost), asked.slo)
    assert next_one is not None
    assert verdict.objections(used(next_one), asked.slo) == []
    assert (next_one.failed, used(next_one).processes) == (0, 1)
    assert next_one.requests == pytest.approx(1200, rel=0.15)


def test_a_stopped_crew_hands_in_what_it_has() -> None:
    """Two processes that are told to stop amid a long probe answer at once, with what they measured until then."""
    with run.reference("fixed", 1, 50, 0.01) as port:

        def stop(event: Progress) -> None:
            if isinstance(event, Second) and event.at_s > 4:
                crew.stop()

        with run.Generator(plan(port, 2, probe(100)), stop) as crew:
            begun = time.monotonic()
            found = crew.measure(probe(100, 60))
            took = time.monotonic() - begun
    print(f"\nstopped after 4 s, answered after {took:.1f} s")
    assert found is not None
    assert found.requests == pytest.approx(100 * 3.5, rel=0.5)
    assert took < 10


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_workers_come_from_elsewhere() -> None:
    """`cmctl loadtest worker --master HOST:PORT`, started before the load test, plays its part without any file of it, and ends with it."""
    place = f"127.0.0.1:{free_port()}"
    cmctl = [str(Path(sys.executable).with_name("cmctl")), "loadtest", "worker", "--master", place]
    with run.reference("fixed", 1, 50, 0.01) as port, subprocess.Popen(cmctl, cwd=ROOT.parent, stderr=subprocess.PIPE, text=True) as worker:
        result = run.smoke(plan(port, 0, probe(200), remote=1, bind=place), quiet)
        assert worker.wait(20) == 0
    assert result.judgement.verdict is not Verdict.INVALID, result.judgement.reasons
    assert result.measured is not None
    assert result.measured.requests == pytest.approx(1200, rel=0.15)


def test_workers_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are waited for in vain end with exit 7 and how to start them."""
    monkeypatch.setenv("CMCTL_GATHER_S", "2")
    with run.reference("fixed", 1, 50, 0.01) as port, pytest.raises(Unreachable, match="did not all come") as caught:
        run.smoke(plan(port, 0, probe(200), remote=1, bind=f"127.0.0.1:{free_port()}"), quiet)
    assert "cmctl loadtest worker" in caught.value.hint
