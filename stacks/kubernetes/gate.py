"""Whether a new release serves well: what its own pods counted during a window, read through the API server."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from errors import CmctlError
from layout.kubernetes import ClusterPlan
from phases.model import Gate
from stacks.kubernetes.api import Api
from stacks.kubernetes.labels import NAME, PART_OF, TRACK, VERSION

SAMPLE = re.compile(r"^(?P<name>http_request[a-z_]*)\{(?P<labels>.*)\} (?P<value>[0-9.e+]+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass
class Counts:
    """Requests by the first digit of their status, and how many took at most so many seconds."""

    statuses: Counter[str] = field(default_factory=Counter)
    within: Counter[float] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    def since(self, before: Counts) -> Counts:
        """The difference; a counter that fell started anew, and counts from nothing."""
        statuses = Counter(
            {key: value - before.statuses[key] if value >= before.statuses[key] else value for key, value in self.statuses.items()}
        )
        within = Counter({key: value - before.within[key] if value >= before.within[key] else value for key, value in self.within.items()})
        return Counts(statuses, within)

    def add(self, other: Counts) -> None:
        self.statuses.update(other.statuses)
        self.within.update(other.within)


@dataclass(frozen=True)
class Verdict:
    """`unknown` is no pass and no failure: too little was seen, and `evidence` says so."""

    answer: Literal["pass", "fail", "unknown"]
    evidence: str


def counted(text: str, waits: Collection[str] = ()) -> Counts:
    """What one pod's metrics page says of its requests; the time of routes that wait on purpose says nothing."""
    found = Counts()
    for one in SAMPLE.finditer(text):
        labels = dict(LABEL.findall(one["labels"]))
        if one["name"] == "http_requests_total":
            found.statuses[labels.get("status", "?")[:1]] += int(float(one["value"]))
        elif one["name"] == "http_request_duration_seconds_bucket" and labels.get("route") not in waits:
            found.within[float(labels.get("le", "inf"))] += int(float(one["value"]))
    return found


def p95_ms(counts: Counts) -> float | None:
    """The upper bound of the bucket that holds the 95th of a hundred; None without requests."""
    total = max(counts.within.values(), default=0)
    if not total:
        return None
    return next(bound for bound in sorted(counts.within) if counts.within[bound] >= 0.95 * total) * 1000


def judged(counts: Counts, gate: Gate) -> Verdict:
    """A window's counts against the phase's gate."""
    total, failed = counts.total, counts.statuses["5"]
    if total < gate.min_requests:
        return Verdict("unknown", f"{total} requests in {gate.window_s} s are too few to judge by ({gate.min_requests})")
    slow = p95_ms(counts)
    said = (
        f"{total} requests, {failed} failed ({failed / total:.2%}), p95 at most {slow:.0f} ms"
        if slow is not None
        else f"{total} requests, {failed} failed"
    )
    good = failed / total <= gate.error_ratio and (slow is None or slow <= gate.p95_ms)
    limits = f"limits: {gate.error_ratio:.2%}, {gate.p95_ms} ms"
    return Verdict("pass", said) if good else Verdict("fail", f"{said}; {limits}")


def watch(plan: ClusterPlan, api: Api, version: str, track: str) -> Verdict:
    """Watch the pods of one version for the gate's window."""
    try:
        before = _scraped(plan, api, version, track)
        time.sleep(plan.phase.gate.window_s)
        after = _scraped(plan, api, version, track)
    except CmctlError as error:
        return Verdict("unknown", f"the pods' figures cannot be read through the API server ({error.what.rpartition(': ')[2]})")
    if not after:
        return Verdict("unknown", f"no pod of {version} tells figures")
    total = Counts()
    for pod, counts in after.items():
        total.add(counts.since(before.get(pod, Counts())))
    return judged(total, plan.phase.gate)


def _scraped(plan: ClusterPlan, api: Api, version: str, track: str) -> Mapping[str, Counts]:
    ports = {one.service: (one.port, one.metrics) for one in plan.workloads if one.metrics}
    selector = f"{PART_OF}={plan.platform.name},{TRACK}={track},{VERSION}={version}"
    pods: Iterable[Mapping[str, Mapping[str, object]]] = (
        api.get(f"/api/v1/namespaces/{plan.namespace}/pods", labelSelector=selector).get("items") or []
    )
    found, poll = {}, plan.platform.long_poll
    for pod in pods:
        metadata = pod["metadata"]
        labels = metadata["labels"]
        port, path = ports.get(str(labels[NAME]) if isinstance(labels, Mapping) else "", (0, None))
        if path:
            page = api.call("GET", f"/api/v1/namespaces/{plan.namespace}/pods/http:{metadata['name']}:{port}/proxy{path}")
            found[str(metadata["name"])] = counted(str(page.get("message") or ""), {poll.path} if poll else ())
    return found
