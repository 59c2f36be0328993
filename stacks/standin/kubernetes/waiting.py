"""Waiting until an object is ready, or gone, with a limit; a failure says why in one screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from errors import CmctlError, Interrupted
from hosts.events import Report, StepEvent
from stacks.kubernetes.api import Api, Document
from stacks.kubernetes.reasons import Finding
from stacks.standin.kubernetes import readiness
from stacks.standin.kubernetes.objects import named

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
# What looks hopeless may be a registry's hiccup or the second start of a slow program: it gets this long.
PATIENCE_S = 10.0
# Pods that a quota refuses may fit once others have ended, as on a way back: the controller tries again by itself.
REFUSED_S = 45.0
LOOK_S = 2.0
LIMITS_S = {"Deployment": 600, "StatefulSet": 600, "Job": 600, "Pod": 600, "Service": 600, "CustomResourceDefinition": 60, "Namespace": 60}
SKIP, TIMEOUT = "pulumi.com/skipAwait", "pulumi.com/timeoutSeconds"


def _patience(verdict: readiness.Verdict, found: Iterable[Finding]) -> float:
    """Seconds that a state which waiting does not seem to cure gets before it is given up; 0 for any other."""
    if verdict.refused or any(one.refused for one in found):
        return REFUSED_S
    return PATIENCE_S if verdict.failed or any(one.hopeless for one in found) else 0.0


class NotReady(CmctlError):
    """It is there, and does not become ready. `live` is its last state."""

    def __init__(self, live: Document, what: str, why: str) -> None:
        self.live = live
        super().__init__(
            what,
            why=why,
            hint=f"kubectl describe {live['kind'].lower()} {live['metadata']['name']} -n {live['metadata'].get('namespace', '')}",
        )


class Waiter:
    """Waits on one API server; `cancel` ends every wait."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def ready(self, live: Document, path: str, report: Report, limit_s: float = 0) -> Document:
        """The object once it is ready. Raises NotReady with reasons, Interrupted when cancelled."""
        ask = readiness.question(live["kind"])
        annotations = live["metadata"].get("annotations") or {}
        if ask is None or annotations.get(SKIP) == "true":
            return live
        limit = time.monotonic() + (limit_s or float(annotations.get(TIMEOUT, LIMITS_S[live["kind"]])))
        pause, given_up, looked, shown = FIRST_PAUSE_S, 0.0, 0.0, ""
        while True:
            verdict = ask(live)
            if verdict.done:
                return live
            now = time.monotonic()
            found: list[Finding] = []
            if now - looked > LOOK_S and live["kind"] not in {"Service", "Namespace", "CustomResourceDefinition"}:
                looked, found = now, readiness.why(self._api, live)
                patience = _patience(verdict, found)
                given_up = (given_up or now + patience) if patience else 0.0
            if now > limit or verdict.final or (given_up and now > given_up):
                raise self._failure(live, verdict)
            line = verdict.progress + (f"; {found[0].text.splitlines()[0]}" if found else "")
            if verdict.progress and line != shown:
                shown = line
                report(StepEvent("wait", 0, 0, "note", f"{named(live)}: {line}"))
            self._pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
            live = self._again(path, live)

    def _again(self, path: str, live: Document) -> Document:
        found = self._api.find(path)
        if found is None:
            raise CmctlError(f"{named(live)} was deleted by somebody else while it was waited for")
        return {"apiVersion": live["apiVersion"], "kind": live["kind"], **found}

    def _failure(self, live: Document, verdict: readiness.Verdict) -> NotReady:
        reasons = readiness.sentence(readiness.why(self._api, live))
        return NotReady(live, f"{named(live)} does not become ready: {verdict.failed or verdict.progress}", reasons)

    def gone(self, path: str, name: str, uid: str, limit_s: float = 300) -> None:
        """Return once the object is not there any more; one of the same name with another uid is another object."""
        limit, pause, live = time.monotonic() + limit_s, FIRST_PAUSE_S, self._api.find(path)
        while live is not None and live["metadata"]["uid"] == uid:
            if time.monotonic() > limit:
                held = live["metadata"].get("finalizers") or (live.get("spec") or {}).get("finalizers") or []
                said = [one.get("message") for one in (live.get("status") or {}).get("conditions") or [] if one.get("status") == "True"]
                raise CmctlError(
                    f"{name} is still there after {limit_s:.0f} s", why="; ".join([f"finalizers: {', '.join(held)}", *map(str, said)])
                )
            self._pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
            live = self._api.find(path)

    def _pause(self, seconds: float) -> None:
        if self._cancelled.wait(seconds):
            raise Interrupted("interrupted while waiting for the cluster", hint="the same command goes on from what is really there")
