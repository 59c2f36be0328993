"""Why something on the cluster is not ready: conditions, pods, events, the last words of a container. For one screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from errors import CmctlError
from stacks.kubernetes.api import Api, Document

LOG_LINES, LOG_CHARACTERS = 8, 1200
# A container in one of these states does not come up by waiting.
HOPELESS = {
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff",
}  # fmt: skip
MOST = 6


@dataclass(frozen=True)
class Finding:
    """`text` is a sentence; `hopeless` when waiting longer changes nothing; `refused` when a pod was not let in, as by a quota."""

    text: str
    hopeless: bool = False
    refused: bool = False


def of_pods(api: Api, pods: list[Document]) -> list[Finding]:
    """What keeps these pods from being ready, each sentence once."""
    found: dict[str, Finding] = {}
    for pod in pods:
        for one in _pod(api, pod):
            found.setdefault(one.text, one)
    return list(found.values())[:MOST]


def _pod(api: Api, pod: Document) -> list[Finding]:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    found = [_waiting(api, pod, one) for one in _containers(status)]
    told = [one for one in found if one is not None]
    told += [
        Finding(f"pod {name} fits no node: {condition.get('message') or condition.get('reason')}")
        for condition in status.get("conditions") or []
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    if not ready(pod):
        said = events(api, pod)
        # A container that its probe had ended says "Completed": the probe is the reason.
        wanted = [one for one in said if one.startswith("Unhealthy: ")][-1:] if told else said[-2:]
        told += [Finding(f"pod {name}: {event}") for event in wanted]
    return told


def _containers(status: Mapping[str, Any]) -> list[Document]:
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _waiting(api: Api, pod: Document, one: Document) -> Finding | None:
    name, container = pod["metadata"]["name"], one["name"]
    waiting = (one.get("state") or {}).get("waiting")
    ended = (one.get("state") or {}).get("terminated") or (one.get("lastState") or {}).get("terminated")
    if waiting and waiting.get("reason") in HOPELESS - {"CrashLoopBackOff"}:
        return Finding(
            f"pod {name}: {waiting['reason']} for image {one.get('image')}: {waiting.get('message') or ''}".rstrip(": "), hopeless=True
        )
    if ended and not one.get("ready") and (one.get("restartCount") or (one.get("state") or {}).get("terminated")):
        why = f"ended with {ended.get('exitCode')} ({ended.get('reason')})"
        words = last_words(api, pod, container)
        return Finding(f"pod {name}: {container} {why}{words}", hopeless=one.get("restartCount", 0) >= 2)
    return None


def ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def last_words(api: Api, pod: Document, container: str) -> str:
    """The end of a container's log, of the run before where this one said nothing; empty where it cannot be had."""
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/log"
    for previous in ("false", "true"):
        try:
            answer = api.call("GET", path, query={"container": container, "tailLines": str(LOG_LINES), "previous": previous})
        except CmctlError:
            continue
        text = str(answer.get("message") or "").strip()
        if text:
            return "; its last words:\n    " + "\n    ".join(text[-LOG_CHARACTERS:].splitlines())
    return ""


def events(api: Api, thing: Document) -> list[str]:
    """Warnings about an object, oldest first."""
    metadata = thing["metadata"]
    selector = f"involvedObject.uid={metadata['uid']},type=Warning"
    try:
        listed = api.get(f"/api/v1/namespaces/{metadata['namespace']}/events", fieldSelector=selector)
    except CmctlError:
        return []
    rows = sorted(listed.get("items") or [], key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
    return [f"{one.get('reason')}: {one.get('message')}" for one in rows]
