"""How long a wait goes on: what looks hopeless is given up early, what may still come is not, and each says why."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from stacks.kubernetes.api import Document
from stacks.standin.kubernetes import waiting
from stacks.standin.kubernetes.waiting import PATIENCE_S, REFUSED_S, NotReady, Waiter

SPEC = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}}
METADATA = {"name": "web", "namespace": "here", "generation": 1, "uid": "1"}
QUOTA = 'pods "web-1" is forbidden: exceeded quota: quota'
REFUSED = {"observedGeneration": 1, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": QUOTA}]}
ON_ITS_WAY = {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 3, "availableReplicas": 3}
DONE = {
    "observedGeneration": 1, "updatedReplicas": 2, "availableReplicas": 2, "replicas": 2,
    "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
}  # fmt: skip


class World:
    """A cluster with one object whose status follows a clock that only waiting moves; `pods` and `events` are what it has."""

    def __init__(self, status: Callable[[float], Document], **lists: list[Document]) -> None:
        self.now, self._status, self._lists = 0.0, status, lists

    def monotonic(self) -> float:
        return self.now

    def live(self, kind: str = "Deployment") -> Document:
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": METADATA, "spec": SPEC, "status": self._status(self.now)}

    def find(self, path: str, **_: str) -> Document | None:
        return self.live("Job" if "jobs" in path else "Deployment")

    def get(self, path: str, **_: str) -> Document:
        return {"items": self._lists.get(path.rpartition("/")[2], [])}

    def call(self, method: str, path: str, **_: object) -> Document:
        """A container that left no word."""
        del method, path
        return {}


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Document]:
    def waited(world: World, kind: str = "Deployment") -> Document:
        class Quick(Waiter):
            def _pause(self, seconds: float) -> None:
                world.now += seconds

        monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=world.monotonic))
        one: Any = world
        return Quick(one).ready(world.live(kind), f"/{kind.lower()}s/web", lambda _: None)

    return waited


def test_a_refusal_that_stays_is_given_up(wait: Callable[..., Document]) -> None:
    """Pods that a quota refuses get three quarters of a minute, and the quota is the reason."""
    world = World(lambda _: REFUSED)
    with pytest.raises(NotReady, match="exceeded quota"):
        wait(world)
    assert REFUSED_S < world.now < REFUSED_S + 10


def test_a_refusal_that_comes_and_goes_is_waited_for(wait: Callable[..., Document]) -> None:
    """While pods end one after the other each refusal is new: what gets further within its time is done in the end."""
    world = World(lambda now: DONE if now > 120 else REFUSED if int(now) % 30 < 25 else ON_ITS_WAY)
    wait(world)
    assert world.now > 120


def test_a_job_that_no_quota_lets_in_is_given_up(wait: Callable[..., Document]) -> None:
    """A Job has no condition for it: the event of its controller says that its pod is refused."""
    event = {"reason": "FailedCreate", "message": QUOTA, "lastTimestamp": "2026-01-01T00:00:00Z"}
    world = World(lambda _: {"active": 0}, events=[event])
    with pytest.raises(NotReady) as caught:
        wait(world, "Job")
    assert "exceeded quota" in caught.value.why
    assert world.now < REFUSED_S + 10


def test_a_job_that_failed_is_told_at_once(wait: Callable[..., Document]) -> None:
    """Nothing tries a failed Job again."""
    failed = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "three times"}]}
    world = World(lambda _: failed)
    with pytest.raises(NotReady, match="three times"):
        wait(world, "Job")
    assert world.now == 0


def test_a_pod_that_cannot_start_is_given_up_soon(wait: Callable[..., Document]) -> None:
    """An image that is not there does not come by waiting; a pod that is only slow gets the whole time."""
    waits = {"name": "main", "image": "web:nowhere", "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}
    pod = {"metadata": {"name": "web-1", "namespace": "here", "uid": "2"}, "status": {"containerStatuses": [waits]}}
    world = World(lambda _: {"active": 1}, pods=[pod])
    with pytest.raises(NotReady) as caught:
        wait(world, "Job")
    assert "web:nowhere" in caught.value.why
    assert PATIENCE_S < world.now < PATIENCE_S + 10
    slow = World(lambda now: DONE if now > 400 else ON_ITS_WAY)
    wait(slow)
    assert slow.now > 400


def test_a_pod_that_its_probe_ended_says_so(wait: Callable[..., Document]) -> None:
    """The kubelet ends a program that never answers, and the program may end well: the probe is told beside it."""
    ended = {"name": "main", "restartCount": 1, "lastState": {"terminated": {"exitCode": 0, "reason": "Completed"}}}
    pod = {"metadata": {"name": "web-1", "namespace": "here", "uid": "2"}, "status": {"containerStatuses": [ended]}}
    late = {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]}
    probe = {"reason": "Unhealthy", "message": "Startup probe failed: connection refused", "lastTimestamp": "2026-01-01T00:00:00Z"}
    world = World(lambda _: {**late, "observedGeneration": 1}, pods=[pod], events=[probe], replicasets=[replica_set()])
    pod["metadata"]["ownerReferences"] = [{"uid": "3"}]
    with pytest.raises(NotReady, match="timed out") as caught:
        wait(world)
    assert "Startup probe failed" in caught.value.why
    assert "ended with 0" in caught.value.why


def replica_set() -> Document:
    return {"metadata": {"uid": "3", "ownerReferences": [{"uid": "1"}]}}
