"""A long poll that a person's open page holds: across a release, and while an instance stops. On this machine's real parts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from loadtests import polling
from loadtests.plan import Target
from phases.load import load as load_platform
from tests.live.driver import Driver, docker, wait_for
from tests.live.local_rig import STACK, authority, life, live_release

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with life(tmp_path_factory.mktemp("polls")) as driver:
        driver.must("deploy", "--phase", "2", "--yes")
        yield driver


def test_prove_holds_a_long_poll_across_the_switch(cmctl: Driver) -> None:
    """`deploy --prove` of a new version holds long polls from before the switch to its end: several are answered, none fails."""
    cmctl.platform(
        lambda facts: facts["long_poll"].update(url="/api/time-slots/changes?wait=4", wait_s={"value": 4, "source": "this test"})
    )
    done = cmctl.run("deploy", "--phase", "2", "--version", "1.1.7", "--keep-warm", "0s", "--prove", "--yes", "--json")
    cmctl.plain()
    assert done.code == 0, done.err
    said = next(line for line in done.err.splitlines() if line.startswith("--prove:"))
    print(f"\n{said}; command {done.seconds:.1f} s; gate {done.document['evidence']}")
    found = re.fullmatch(r"--prove: ([\d,]+) requests, 0 failed, worst latency .* p99 .*; (\d+) long polls?, 0 failed.*", said)
    assert found, said
    assert int(found[1].replace(",", "")) > 100
    assert int(found[2]) >= 3
    assert done.document["version"] == "1.1.7"


def test_a_stop_answers_the_long_polls_that_it_holds(cmctl: Driver) -> None:
    """An instance that is stopped while it holds polls of 20 s answers them at once: nobody sees a failure, and the stop takes no grace time."""
    target = Target(url=f"https://localhost:{cmctl.https}", address="127.0.0.1", port=cmctl.https, authority=authority(cmctl).read_text())
    poll = load_platform("codementee").platform.long_poll
    assert poll is not None
    slot = live_release(cmctl)[1]
    name = docker("ps", "--filter", f"name={STACK}-{slot}-backend", "--format", "{{.Names}}")[0]
    with ExitStack() as held:
        pollers = [held.enter_context(polling.held(target, poll)) for _ in range(6)]
        time.sleep(2)
        assert [one.polls.answered + one.polls.failed for one in pollers] == [0] * 6
        begun = time.monotonic()
        docker("stop", name)
        stopped = time.monotonic() - begun
        wait_for(lambda: sum(one.polls.answered for one in pollers) >= 1, 5, "the stopped instance's polls are answered")
        docker("start", name)
        wait_for(lambda: docker("inspect", "--format", "{{.State.Health.Status}}", name) == ["healthy"], 60, f"{name} is healthy")
        seen = [one.end() for one in pollers]
    print(f"\nstop of an instance that holds long polls: {stopped:.1f} s; {sum(one.answered for one in seen)} answered")
    assert [one.reasons for one in seen] == [{}] * 6
    assert stopped < 5


def test_a_long_poll_that_fails_already_is_told_first(cmctl: Driver) -> None:
    """Where the long poll fails before anything was done, `--prove` ends with 3 and its reason, and nothing is deployed."""
    before = live_release(cmctl)
    cmctl.platform(lambda facts: facts.update(long_poll={"url": "/api/nothing-here", "wait_s": {"value": 5, "source": "this test"}}))
    done = cmctl.run("deploy", "--phase", "2", "--version", "1.1.8", "--prove", "--yes", "--json")
    cmctl.plain()
    assert done.code == 3, done.err
    assert "the long poll fails before the operation" in done.err
    assert "404" in done.err
    assert live_release(cmctl) == before
