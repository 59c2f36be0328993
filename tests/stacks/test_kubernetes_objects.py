"""The stand-in's pure parts: what of a live object is drift, what needs a new object, when something is ready."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.provider.values import UNKNOWN
from stacks.standin.kubernetes import objects, readiness, rules

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=6), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_what_the_server_adds_is_no_drift(wanted: dict[str, Any], more: dict[str, Any]) -> None:
    """Whatever the server adds beside what was asked for, and whatever empty things it leaves out, nothing differs."""
    live = {**more, **{key: value for key, value in wanted.items() if value}}
    kept = {key: value for key, value in wanted.items() if value or key not in more}
    assert objects.picked(kept, live) == kept


@given(st.integers(1, 10**6))
def test_quantities_in_two_spellings_are_one(number: int) -> None:
    """The server writes 1024Mi as 1Gi and 1000m as 1: no drift, and the program's spelling stays."""
    assert objects.picked({"memory": f"{1024 * number}Mi"}, {"memory": f"{number}Gi"}) == {"memory": f"{1024 * number}Mi"}
    assert objects.picked({"cpu": f"{1000 * number}m"}, {"cpu": str(number)}) == {"cpu": f"{1000 * number}m"}
    assert objects.quantity(f"{number}Ki") == Decimal(1024 * number)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"replicas": 3}, {"replicas": 5}),
        ({"data": {"a": "1"}}, {"data": {"a": "2"}}),
        ({"ports": [{"port": 80}]}, {"ports": [{"port": 80}, {"port": 81}]}),
        ({"cpu": "250m"}, {"cpu": "300m"}),
        ({"on": True}, {"on": False}),
    ],
)
def test_what_another_hand_changed_is_drift(wanted: dict[str, Any], live: dict[str, Any]) -> None:
    """A changed value of a field that was asked for shows."""
    assert objects.picked(wanted, live) == live


def test_what_is_gone_is_drift() -> None:
    """A field that was asked for and is not there any more shows as gone."""
    assert objects.picked({"a": 1, "b": 2}, {"a": 1}) == {"a": 1}


def test_a_preview_knows_what_it_cannot_know() -> None:
    """Before a create the server's own values are unknown, not made up; what was asked for is known."""
    seen = objects.foreseen({"metadata": {"name": "a", "uid": "dry"}, "spec": {"x": 1}}, exists=False)
    assert seen["metadata"] == {"name": "a", "uid": UNKNOWN, "creationTimestamp": UNKNOWN, "resourceVersion": UNKNOWN}
    assert seen["status"] == UNKNOWN
    assert seen["spec"] == {"x": 1}


@pytest.mark.parametrize(
    ("kind", "path", "replaced"),
    [
        ("Deployment", "spec.template.spec.containers[0].image", False),
        ("Deployment", 'spec.selector.matchLabels["app.kubernetes.io/name"]', True),
        ("StatefulSet", "spec.serviceName", True),
        ("StatefulSet", "spec.replicas", False),
        ("Job", "spec.template.spec.containers[0].image", True),
        ("Service", "spec.clusterIP", True),
        ("Service", "spec.clusterIPs", False),
        ("ConfigMap", 'data["a.yml"]', True),
        ("Anything", "metadata.name", True),
        ("Anything", "metadata.namespace", True),
        ("Anything", "metadata.labels", False),
    ],
)
def test_what_needs_a_new_object(kind: str, path: str, replaced: bool) -> None:
    """Paths that the API server refuses to change in place ask for a new object; others do not."""
    assert rules.replacing(kind, [path], mutable=False, immutable=False) == ((path,) if replaced else ())


def test_mutable_settings_change_in_place() -> None:
    """With the provider's switch a ConfigMap changes in place, unless the object itself says that it never does."""
    assert rules.replacing("ConfigMap", ["data.a"], mutable=True, immutable=False) == ()
    assert rules.replacing("ConfigMap", ["data.a"], mutable=True, immutable=True) == ("data.a",)


def deployed(**status: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, **status},
    }


DONE = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
LATE = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
QUOTA = {"type": "ReplicaFailure", "status": "True", "message": 'pods "web" is forbidden: exceeded quota'}


@pytest.mark.parametrize(
    ("status", "done", "failed"),
    [
        ({"updatedReplicas": 3, "availableReplicas": 3, "replicas": 3, "conditions": [DONE]}, True, ""),
        ({"updatedReplicas": 3, "availableReplicas": 3, "replicas": 4, "conditions": [DONE]}, False, ""),
        ({"updatedReplicas": 2, "availableReplicas": 3, "replicas": 3, "conditions": [DONE]}, False, ""),
        ({"updatedReplicas": 3, "availableReplicas": 3, "replicas": 3, "conditions": []}, False, ""),
        ({"observedGeneration": 1, "updatedReplicas": 3, "availableReplicas": 3, "replicas": 3, "conditions": [DONE]}, False, ""),
        ({"conditions": [LATE]}, False, "no progress in time"),
        ({"conditions": [QUOTA]}, False, "exceeded quota"),
    ],
)
def test_when_a_rollout_is_done(status: dict[str, Any], done: bool, failed: str) -> None:
    """A rollout is done when every pod is new and available and no old one is left, and the controller has seen this generation."""
    verdict = readiness.deployment(deployed(**status))
    assert verdict.done is done
    assert failed in verdict.failed
    assert bool(failed) == bool(verdict.failed)


def test_a_job_that_failed_is_told() -> None:
    """A job's own reason is the reason."""
    failed = {"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]}}
    assert readiness.job(failed).failed == "BackoffLimitExceeded: too often"
    assert readiness.job({"status": {"conditions": [{"type": "Complete", "status": "True"}]}}).done
    assert not readiness.job({}).done
