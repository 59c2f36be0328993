"""The real autoscaler of a real control plane under a load that rises and falls."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from tests.live.conftest import QUICK
from tests.live.hpa_timeline import PEAK, RULES, WINDOW_S, Timeline
from tools.cluster.scaling import breaches, steps, table, turns

pytestmark = pytest.mark.live
LIMIT_S = 600


def test_replicas_follow_a_load_as_documented(timeline: Future[Timeline]) -> None:
    """3 → N → 3: N is where ceil(current × metric ÷ target) rests, steps keep policies and windows, and nothing flaps."""
    seen = timeline.result(LIMIT_S)
    found = steps(seen.samples)
    up = next(at for at, before, after in found if after > before)
    down = next(at for at, before, after in found if after < before)
    print(f"\n{table(seen.samples)}")
    print(
        f"load up → first step {up - seen.risen:.0f} s, load down → first step {down - seen.fallen:.0f} s (window {WINDOW_S} s), rested at {list(PEAK)}"
    )
    assert breaches(RULES, seen.samples, slack_s=QUICK.hpa_sync_s + 2) == []
    assert turns(seen.samples) == 1
