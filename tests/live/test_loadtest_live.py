"""`cmctl loadtest` on the stand-in app, phases 1 and 2: limits, what binds, users, the page, and the costs that follow. Bad targets too."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.live import report_browser
from tests.live.driver import Driver
from tools.container_engine import look
from tools.machine import ThisMachine

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver, None, None]:
    if not look(ThisMachine()).version:
        pytest.skip("no container engine answers")
    driver = Driver(tmp_path_factory.mktemp("load"), https=26443, network="10.89.79.0/24", name="loadtest")
    yield driver
    driver.run("destroy", "--all", "--yes")


def told(phase: int, document: dict[str, Any]) -> str:
    own = document["capacities"][0] if document["capacities"] else None
    found = (
        f"{own['limit']['rate']:.0f} requests/s ({own['limit']['low']:.0f} to {own['limit']['high']:.0f}), {own['concurrent']['middle']:,} users"
        if own
        else "no limit"
    )
    bound = (
        f", bound by {document['binding']['resource'] or 'nothing that is watched'}, nearest {document['binding']['endpoint']}"
        if document["binding"]
        else ""
    )
    return f"phase {phase}: {document['verdict']}, {found}{bound}; {document['seconds']:.0f} s, load average {os.getloadavg()[0]:.0f}; {'; '.join(document['reasons'])}"


@pytest.mark.parametrize("phase", [1, 2])
def test_what_a_phase_holds(cmctl: Driver, phase: int, tmp_path: Path) -> None:
    """The search ends in time with limits, what binds them, users, a page that a browser shows whole, and the record that costs stand on."""
    cmctl.must("deploy", "--phase", str(phase), "--yes")
    done = cmctl.run("loadtest", "--phase", str(phase), "--quick", "--allow-overload", "--report", str(tmp_path), "--json")
    document = done.document
    print(f"\n{told(phase, document)}")
    assert done.code == {"PASS": 0, "FAIL": 3}.get(document["verdict"], 6), done.err
    assert document["verdict"] != "FAIL"
    assert document["reasons"]
    assert document["seconds"] < 115 * 1.1
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "result.json", "summary.md", "junit.xml"}
    if document["verdict"] == "INVALID":
        pytest.skip(f"other programs kept this machine busy: {'; '.join(document['reasons'])}")
    own = document["capacities"][0]
    assert 0 < own["limit"]["low"] <= own["limit"]["rate"] <= own["limit"]["high"]
    assert 0 < own["concurrent"]["middle"] < own["registered"]["middle"]
    assert document["binding"]["endpoint"]
    report_browser.whole(tmp_path / "report.html")
    if document["verdict"] != "PASS":
        return
    costs = cmctl.must("cost", "--phase", str(phase), "--per-user").out
    assert f"{document['users_p10_p50_p90'][1]:,}" in costs


def test_a_rate_that_is_fine(cmctl: Driver, tmp_path: Path) -> None:
    """A low rate is judged against the SLO, with a summary for people and cases for CI."""
    done = cmctl.run("loadtest", "--phase", "2", "--rate", "20", "--seconds", "10", "--report", str(tmp_path), "--json")
    assert done.code in {0, 6}, done.err
    assert done.document["requests"] == pytest.approx(200, rel=0.3)
    assert "| all |" in (tmp_path / "summary.md").read_text()


def test_the_wrong_phase_is_refused(cmctl: Driver) -> None:
    """Where users are sent to phase 2, phase 1 is not measured."""
    done = cmctl.run("loadtest", "--phase", "1", "--quick")
    assert done.code == 2
    assert "phase 2 is live" in done.err


def test_ctrl_c_keeps_what_was_measured(cmctl: Driver) -> None:
    """Ctrl-C in a search ends it within seconds, exit 130, with the probes so far and what they are worth; no record is made."""
    process = cmctl.start("loadtest", "--phase", "2", "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if "warming up" in line and "requests/s for" in line:
            break
    time.sleep(3)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    print(f"\nended {time.monotonic() - start:.1f} s after Ctrl-C")
    document = json.loads(out)
    assert process.returncode == 130
    assert document["interrupted"]
    assert document["steps"]
    assert "interrupted" in " ".join(document["reasons"])


def test_a_target_that_is_gone(cmctl: Driver) -> None:
    """After everything was removed the load test is exit 7 with the address, in one screen."""
    cmctl.must("destroy", "--all", "--yes")
    done = cmctl.run("loadtest", "--phase", "2", "--quick")
    assert done.code == 7
    assert "127.0.0.1:26443" in done.err
    assert len(done.err.splitlines()) < 25
