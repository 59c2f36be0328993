"""What containers use of what they may."""

from __future__ import annotations

import pytest

from loadtests.uses import Look, Watch, by_others, compare, look

# As the engine's API answers, cut to what is read.
STATS = {
    "cpu_stats": {"cpu_usage": {"total_usage": 5_500_000_000}},
    "memory_stats": {"usage": 300_000_000, "stats": {"total_inactive_file": 44_000_000}},
}


@pytest.mark.parametrize(
    ("config", "cpus"),
    [({"NanoCpus": 500_000_000}, 0.5), ({"CpuQuota": 150_000, "CpuPeriod": 100_000}, 1.5), ({"CpuQuota": -1}, 0.0), ({}, 0.0)],
)
def test_limits_are_read_in_both_forms(config: dict[str, int], cpus: float) -> None:
    """A CPU limit is NanoCpus or quota over period; none is none. Page cache is no memory in use."""
    found = look(STATS, {**config, "Memory": 512_000_000})
    assert found == Look(5.5, cpus, 256_000_000, 512_000_000)


def test_shares_are_of_the_limit() -> None:
    """Half a CPU allowed and 0.45 used is 90 %; a container without a limit, or a new one, is left out."""
    before = {"backend-1": Look(10.0, 0.5, 0, 0), "free": Look(1.0, 0.0, 0, 0)}
    after = {"backend-1": Look(14.5, 0.5, 100, 200), "free": Look(9.0, 0.0, 5, 0), "new": Look(1.0, 1.0, 1, 1)}
    assert compare(before, after, 10.0) == {"CPU of backend-1": 0.9, "memory of backend-1": 0.5}


def test_without_an_engine_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no engine answers there are no shares, and no error either."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    watch = Watch("codementee", "local")
    assert watch() == {}
    assert watch() == {}


def test_what_others_use_is_seen() -> None:
    """Of two cores 90 % busy for 10 s, containers that used 6 s and a generator that used 2 s leave 50 % to others; never less than none."""
    before, after = {"a": Look(1.0, 0, 0, 0)}, {"a": Look(7.0, 0, 0, 0), "new": Look(99.0, 0, 0, 0)}
    assert by_others(before, after, 2.0, 10.0, 0.9, cores=2) == 0.5
    assert by_others(before, after, 2.0, 10.0, 0.1, cores=2) == 0.0
