"""The report page in a real browser: nothing overflows, curve and SLO lines are drawn, nothing is asked of the network; light and dark."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import pytest

from loadtests import capacity, conclude, hunt, report
from loadtests.result import CapacityResult, Machine
from loadtests.stations import station
from tests.live import report_browser
from tests.loadtests import imitation

pytestmark = pytest.mark.live


@functools.cache
def searched(seed: int) -> CapacityResult:
    """A search of five minutes on a simulated queue, with names as long as real ones."""
    asked = imitation.plan(200.0, 300.0, 150.0)
    service = imitation.Service(asked, lambda one: station("mmc", one), seed=seed)
    found = hunt.Hunt(asked, hunt.DEFAULT, service.measure, lambda _: None, service.now, allow_overload=True).run()
    machine = Machine(text="2 cores, 24 GB, a processor with quite a long name @ 2.40GHz, Linux 6.1.0-18-amd64", fingerprint="0123456789ab")
    uses = {
        step.measured.probe.name: {f"CPU of phase2-blue-backend-{number}": 0.9 - number / 20 for number in range(1, 9)}
        for step in found.steps
    }
    return conclude.conclude(
        asked,
        found,
        conclude.Circumstances(
            "2026-11-21T03:00:00+00:00", machine, {1: capacity.Ratio(16.7, "the target of phase 1")}, service.clock, "default"
        ),
        uses,
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium: python -m tools.prepare browser installs it")
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report.html(searched(5), searched(6)), encoding="utf-8")
    return path


def test_the_page_in_a_browser(page: Path) -> None:
    """On a wide and a narrow screen, light and dark: nothing is wider than the window or cut off, curves and limits are drawn and seen, nothing is loaded."""
    report_browser.whole(page, curves=2, limits=3)
    print(f"\n{page.stat().st_size / 1e6:.2f} MB page")


def test_the_page_names_nothing_to_load(page: Path) -> None:
    """No script, style sheet, image, font or link is named, and the page is below 2 MB. (What a browser loads is asked above: nothing.)"""
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 2_000_000
    assert re.findall(r'(?:src|href|action)\s*=\s*"|url\(|@import|<script|<link|<iframe', text) == []
