"""Whether a release waits for the pods that its autoscalers keep at least."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from errors import CmctlError
from stacks.kubernetes import staffing
from tests.stacks import clusters

PLAN = clusters.spec().plan
LEAST = {one.service: one.scaling.min for one in PLAN.workloads}


class World:
    """Deployments whose ready pods follow a clock that only waiting moves: one each at first, all of them at `full_at`."""

    def __init__(self, full_at: float, pods: list[dict[str, Any]] | None = None) -> None:
        self.now, self.full_at, self.pods = 0.0, full_at, pods or []

    def get(self, path: str, **_: str) -> dict[str, Any]:
        if path.endswith("/deployments"):
            counts = LEAST if self.now >= self.full_at else dict.fromkeys(LEAST, 1)
            return {"items": [{"metadata": {"name": name}, "status": {"readyReplicas": ready}} for name, ready in counts.items()]}
        return {"items": self.pods if path.endswith("/pods") else []}


def waited(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    def sleep(seconds: float) -> None:
        world.now += seconds

    monkeypatch.setattr(staffing, "time", SimpleNamespace(monotonic=lambda: world.now, sleep=sleep))
    said: list[Any] = []
    door: Any = world
    staffing.staffed(PLAN, door, said.append)
    return [one.text for one in said]


def test_a_first_release_waits_for_its_autoscalers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pod of each service is not yet the phase: who is short is told once, and the release ends when nobody is."""
    world = World(full_at=15)
    said = waited(world, monkeypatch)
    assert world.now >= 15
    assert len(said) == 1
    assert "has 1 of at least 2 pods" in said[0]


def test_a_full_phase_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release of a phase that has its pods loses no time here."""
    world = World(full_at=0)
    assert waited(world, monkeypatch) == []
    assert world.now == 0


def test_pods_that_never_come_are_an_error_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends: with what keeps a pod away, or with the autoscaler that asks for none."""
    unplaced = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: Insufficient cpu"}
    pod = {"metadata": {"name": "user-1", "namespace": "here", "uid": "1"}, "status": {"conditions": [unplaced]}}
    for pods, reason in (([pod], "Insufficient cpu"), ([], "ask for no more pods")):
        world = World(full_at=1e9, pods=pods)
        with pytest.raises(CmctlError, match="has 1 of at least") as caught:
            waited(world, monkeypatch)
        assert reason in caught.value.why
        assert world.now < 300
