"""When an object is ready: one question per kind, asked of its live state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stacks.kubernetes import reasons
from stacks.kubernetes.api import Api, Document
from stacks.kubernetes.reasons import Finding


@dataclass(frozen=True)
class Verdict:
    """`done`, or not yet: then `progress` says how far; `failed` when it will not come by itself, `final` when it cannot, and
    `refused` when its pods are not let in, which may end.
    """

    done: bool
    progress: str = ""
    failed: str = ""
    final: bool = False
    refused: bool = False


# What a controller says when its pods are not let in; it tries again by itself.
REFUSED = "FailedCreate: "
Question = Callable[[Document], Verdict]
DONE = Verdict(done=True)


def question(kind: str) -> Question | None:
    """What is asked of a kind; None for kinds that are ready when they are accepted."""
    return QUESTIONS.get(kind)


def _seen(live: Document) -> bool:
    return int((live.get("status") or {}).get("observedGeneration") or 0) >= int(live["metadata"].get("generation") or 0)


def _condition(live: Document, name: str) -> Document:
    found = [one for one in (live.get("status") or {}).get("conditions") or [] if one["type"] == name]
    return dict(found[0]) if found else {}


def deployment(live: Document) -> Verdict:
    """All replicas are of this version and available, and none of the version before is left."""
    status, wanted = live.get("status") or {}, int(live["spec"].get("replicas") or 0)
    updated, available, every = (int(status.get(key) or 0) for key in ("updatedReplicas", "availableReplicas", "replicas"))
    progressing, failing = _condition(live, "Progressing"), _condition(live, "ReplicaFailure")
    if not _seen(live):
        return Verdict(done=False, progress="not looked at yet")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(done=False, failed=f"no progress in time: {progressing.get('message')}")
    if failing.get("status") == "True":
        # A quota or an admission rule refuses the pods: the controller tries for ever.
        return Verdict(done=False, progress=f"{available} of {wanted}", failed=f"pods are refused: {failing.get('message')}", refused=True)
    done = progressing.get("reason") == "NewReplicaSetAvailable" and updated >= wanted and available >= wanted and every <= updated
    return (
        DONE
        if done
        else Verdict(done=False, progress=f"{min(updated, available)} of {wanted} pods of the new version available, {every} in all")
    )


def stateful_set(live: Document) -> Verdict:
    status, wanted = live.get("status") or {}, int(live["spec"].get("replicas") or 0)
    updated, available = int(status.get("updatedReplicas") or 0), int(status.get("availableReplicas") or 0)
    if not _seen(live):
        return Verdict(done=False, progress="not looked at yet")
    same = status.get("updateRevision") == status.get("currentRevision") or updated >= wanted
    return DONE if same and available >= wanted else Verdict(done=False, progress=f"{available} of {wanted} pods ready")


def job(live: Document) -> Verdict:
    failed = _condition(live, "Failed")
    if failed.get("status") == "True":
        return Verdict(done=False, failed=f"{failed.get('reason')}: {failed.get('message')}", final=True)
    return DONE if _condition(live, "Complete").get("status") == "True" else Verdict(done=False, progress="running")


def pod(live: Document) -> Verdict:
    phase = (live.get("status") or {}).get("phase")
    if phase == "Failed":
        return Verdict(done=False, failed="it failed", final=True)
    return DONE if phase == "Succeeded" or reasons.ready(live) else Verdict(done=False, progress=str(phase))


def service(live: Document) -> Verdict:
    """A LoadBalancer has its address; others are ready when they are there."""
    if live["spec"].get("type") != "LoadBalancer":
        return DONE
    ingress = ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    return DONE if ingress else Verdict(done=False, progress="waits for an address")


def definition(live: Document) -> Verdict:
    refused = _condition(live, "NamesAccepted")
    if refused.get("status") == "False":
        return Verdict(done=False, failed=str(refused.get("message")))
    return DONE if _condition(live, "Established").get("status") == "True" else Verdict(done=False, progress="not established")


def namespace(live: Document) -> Verdict:
    return DONE if (live.get("status") or {}).get("phase") == "Active" else Verdict(done=False, progress="not active")


QUESTIONS: dict[str, Question] = {
    "Deployment": deployment, "StatefulSet": stateful_set, "Job": job, "Pod": pod, "Service": service,
    "CustomResourceDefinition": definition, "Namespace": namespace,
}  # fmt: skip


def pods_of(api: Api, live: Document) -> list[Document]:
    """The pods that an object stands for, the newest version's only where versions differ."""
    if live["kind"] == "Pod":
        return [live]
    labels = (live["spec"].get("selector") or {}).get("matchLabels")
    if not labels:
        return []
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    listed = api.get(f"/api/v1/namespaces/{live['metadata']['namespace']}/pods", labelSelector=selector).get("items") or []
    every = [{"apiVersion": "v1", "kind": "Pod", **one} for one in listed if not one["metadata"].get("deletionTimestamp")]
    return _newest(api, live, every) if live["kind"] == "Deployment" else every


def _newest(api: Api, live: Document, pods: list[Document]) -> list[Document]:
    revision = (live["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
    sets = api.get(f"/apis/apps/v1/namespaces/{live['metadata']['namespace']}/replicasets").get("items") or []
    newest = {
        one["metadata"]["uid"]
        for one in sets
        if (one["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision") == revision
        and any(owner["uid"] == live["metadata"]["uid"] for owner in one["metadata"].get("ownerReferences") or [])
    }
    return [pod for pod in pods if any(owner["uid"] in newest for owner in pod["metadata"].get("ownerReferences") or [])]


def why(api: Api, live: Document) -> list[Finding]:
    """What keeps an object from being ready."""
    found = reasons.of_pods(api, [pod for pod in pods_of(api, live) if not reasons.ready(pod)])
    if not found:
        found = [Finding(text, refused=text.startswith(REFUSED)) for text in reasons.events(api, live)[-2:]]
    return found


def sentence(findings: list[Any]) -> str:
    return "\n".join(one.text for one in findings)
