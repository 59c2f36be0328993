"""Phase 3 with real pods: the program's own objects on a real kubelet, under real requests."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.cluster_traffic import PASSWORD, Request, Traffic, account, asked, exchange
from tests.live.phase3_rig import APPS, BASE, NAMESPACE, Rig
from tools.cluster import Cluster
from tools.cluster.api import wait
from tools.cluster.runtime import SANDBOX
from tools.trace_receiver import receiver

pytestmark = pytest.mark.live
RATE, SCREEN, OTLP_PORT = 200, 24, 4318
# Service → pods that its autoscaler keeps at least; under load, and while programs start, there may be more.
LEAST = {"user": 3, "booking": 2, "payment": 2, "frontend": 2}
SERVING = list(LEAST)


@pytest.fixture(scope="module")
def rig(real_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The phase in version 1.0.0, deployed by cmctl; 1.1.0's images are on the node."""
    with receiver(real_cluster.place.machine_address, OTLP_PORT, tmp_path_factory.mktemp("traces"), print) as traces:
        one = Rig.of(real_cluster, tmp_path_factory.mktemp("phase3"), traces)
        began = time.monotonic()
        for version in ("1.0.0", "1.1.0"):
            one.load_images(version)
        loaded = time.monotonic() - began
        done = one.driver.must("deploy", "--phase", "3", "--yes")
        print(f"\nimages into the node {loaded:.0f} s, first deploy with real pods {done.seconds:.0f} s")
        yield one


def test_every_pod_of_the_phase_runs_as_restricted_demands(rig: Rig) -> None:
    """When a deploy ends, all pods of the program run under Pod Security "restricted", as many as there must be; a second deploy changes nothing."""
    enforced = rig.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert enforced == "restricted"
    ready = {name: rig.ready(name) for name in SERVING}
    assert all(ready[name] >= least for name, least in LEAST.items()), ready
    assert [rig.ready(name) for name in ("redis-cache", "redis-sessions")] == [3, 3]
    again = rig.driver.must("deploy", "--phase", "3", "--yes")
    print(f"\nno-change deploy {again.seconds:.1f} s")


def test_spans_arrive_and_tell_nothing_of_a_person(rig: Rig) -> None:
    """What services answer arrives at the OpenTelemetry collector's receiver, by route and status; nothing that a person typed or is."""
    email, user, booking = "jane.roe@example.com", rig.service("user"), rig.service("booking")
    who, token = account(*user, email)
    body = json.dumps({"name": "Jane Roe"})
    for request in (
        Request("profile", *user, f"/api/users/{who}", 1, token=token),
        Request("change", *user, f"/api/users/{who}", 1, "PUT", body, token),
        Request("companies", *booking, f"/api/companies?for={email}", 1),
    ):
        assert asked(request) == 200
    assert asked(Request("typed", *user, f"/{email}", 1)) == 404
    named = {"POST /api/auth/register-free", "GET /api/users/{user_id}", "PUT /api/users/{user_id}", "GET /api/companies", "GET (no route)"}
    wait(lambda: named <= {one["name"] for one in rig.traces.spans()}, 15, f"spans of {named}", step_s=0.5)
    text = rig.traces.file.read_text(encoding="utf-8")
    assert [one for one in (email, "jane", "Jane", "Roe", who, token, PASSWORD) if one in text] == []
    keys = {attribute["key"] for span in rig.traces.spans() for attribute in span["attributes"]}
    assert keys == {"http.request.method", "http.route", "http.response.status_code"}
    print(f"\n{len(rig.traces.spans())} spans of {len(rig.traces.batches())} batches; attributes {sorted(keys)}")


def test_prometheus_asks_every_pod_by_itself(rig: Rig) -> None:
    """Each pod of each service is a target of its own and answers: as many as there are pods, none through a Service's address."""
    address, port = rig.service("prometheus-reader")

    question = "count%20by%20(job)%20(up%3D%3D1)"

    def seen() -> dict[str, int]:
        status, text = asyncio.run(exchange(Request("up", address, port, f"/api/v1/query?query={question}", 1)))
        assert status == 200, text
        return {one["metric"]["job"]: int(one["value"][1]) for one in json.loads(text)["data"]["result"]}

    asked_for = ("user", "booking", "payment")
    wait(
        lambda: all(seen().get(name) == rig.ready(name) >= LEAST[name] for name in asked_for),
        60,
        "a target for every pod that is ready",
        step_s=1,
    )
    print(f"\ntargets that answer: {seen()}")


def test_a_rolling_release_loses_no_request(rig: Rig) -> None:
    """1.0.0 → 1.1.0 by `cmctl deploy` while 200 requests/s come, each on a new connection: 0 fail."""
    with Traffic(rig.requests(), RATE) as traffic:
        done = rig.driver.must("deploy", "--phase", "3", "--version", "1.1.0", "--yes")
        time.sleep(5)  # what the old pods still had to say
    print(f"\nrelease in {done.seconds:.0f} s at {traffic.real_rate:.0f} requests/s: {traffic.tally.line()}")
    assert all(rig.settled(name) for name in SERVING)
    assert dict(traffic.tally.failures) == {}
    traffic.must_have_kept_up()


def test_a_careless_deployment_does_lose_requests(rig: Rig) -> None:
    """The negative control: the same image without preStop and without grace, restarted under the same load, fails some."""
    careless(rig)
    address, port = rig.service("careless")
    with Traffic([Request("companies", address, port, "/api/companies", 1)], RATE) as traffic:
        time.sleep(1)
        restart = {"spec": {"template": {"metadata": {"annotations": {"restarted": "once"}}}}}
        rig.cluster.api.merge(f"{APPS}/deployments/careless", restart)
        wait(lambda: rig.settled("careless"), 120, "the careless deployment has rolled", step_s=0.5)
        time.sleep(2)
    print(f"\ncareless: {traffic.tally.line()}")
    rig.cluster.api.delete(f"{APPS}/deployments/careless")
    rig.cluster.api.delete(f"{BASE}/services/careless")
    assert traffic.tally.failed > 0


def careless(rig: Rig) -> None:
    """booking-service once more, without what makes its releases gentle."""
    spec: dict[str, Any] = copy.deepcopy(rig.cluster.api.get(f"{APPS}/deployments/booking")["spec"])
    pod, container = spec["template"]["spec"], spec["template"]["spec"]["containers"][0]
    labels = {**spec["template"]["metadata"]["labels"], "careless": "yes"}
    labels["app.kubernetes.io/name"] = "careless"
    pod["terminationGracePeriodSeconds"] = 0
    for key in ("lifecycle", "readinessProbe", "startupProbe"):
        container.pop(key, None)
    spec |= {"replicas": 3, "selector": {"matchLabels": labels}, "strategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}}
    spec["template"]["metadata"] = {"labels": labels}
    port = container["ports"][0]["containerPort"]
    rig.cluster.api.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "careless"}, "spec": spec}, NAMESPACE)
    service = {"selector": labels, "ports": [{"port": port}]}
    rig.cluster.api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "careless"}, "spec": service}, NAMESPACE)
    wait(lambda: rig.settled("careless"), 120, "the careless deployment is up", step_s=0.5)
    wait(lambda: _answers(rig), 60, "it answers", step_s=0.5)


def _answers(rig: Rig) -> bool:
    return asked(Request("one", *rig.service("careless"), "/api/companies", 1)) == 200


def test_a_drain_loses_no_request(rig: Rig) -> None:
    """Every serving pod evicted one by one, as a drain does, while 200 requests/s come: 0 fail, budgets hold the drain back."""
    with Traffic(rig.requests(), RATE) as traffic:
        began = time.monotonic()
        evicted = list(rig.drain(SERVING))
        took = time.monotonic() - began
        time.sleep(5)
    print(
        f"\n{len(evicted)} pods evicted in {took:.0f} s, budgets said wait {sum(times for _, times in evicted)} times: {traffic.tally.line()}"
    )
    assert len(evicted) >= 9
    assert dict(traffic.tally.failures) == {}
    traffic.must_have_kept_up()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("backend=localhost/codementee/backend:nowhere", "ImagePull"),
        (f"frontend={SANDBOX}", "probe failed"),
        (f"redis={SANDBOX}", "StartError"),
    ],
    ids=["no-image", "never-ready", "broken-redis"],
)
def test_what_does_not_come_up_goes_back_by_itself(rig: Rig, image: str, reason: str) -> None:
    """An image that cannot be pulled, one that never answers its probe, one whose Redis ends at its start: exit 4, the reason on one
    screen, 0 requests lost."""
    with Traffic(rig.requests(), RATE) as traffic:
        done = rig.driver.run("deploy", "--phase", "3", "--version", "1.1.0", "--image", image, "--yes")
    told = done.err[done.err.rindex("✗") :]
    print(f"\n{told.strip()}\nback after {done.seconds:.0f} s: {traffic.tally.line()}")
    assert done.code == 4
    assert re.search(reason, told)
    assert len(told.splitlines()) <= SCREEN
    assert all(rig.settled(name) for name in SERVING)
    assert dict(traffic.tally.failures) == {}


def test_a_corrected_set_replaces_a_broken_first_pod(rig: Rig) -> None:
    """A StatefulSet as the phase makes them, whose first pod cannot start: the corrected version takes its place by itself."""
    spec: dict[str, Any] = copy.deepcopy(rig.cluster.api.get(f"{APPS}/statefulsets/redis-sessions")["spec"])
    labels, container = {"app": "mended"}, spec["template"]["spec"]["containers"][0]
    kept = {key: container[key] for key in ("resources", "securityContext")}
    spec |= {"replicas": 2, "serviceName": "mended", "selector": {"matchLabels": labels}}

    def applied(command: list[str]) -> None:
        pod = {"securityContext": spec["template"]["spec"]["securityContext"]}
        pod["containers"] = [{"name": "main", "image": SANDBOX, "imagePullPolicy": "Never", "command": command, **kept}]
        spec["template"] = {"metadata": {"labels": labels}, "spec": pod}
        rig.cluster.api.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "mended"}, "spec": spec}, NAMESPACE)

    def ready() -> int:
        return int(rig.cluster.api.get(f"{APPS}/statefulsets/mended")["status"].get("readyReplicas", 0))

    def restarts() -> int:
        status = rig.cluster.api.get(f"{BASE}/pods/mended-0")["status"]
        return sum(one["restartCount"] for one in status.get("containerStatuses", []))

    applied(["/nowhere"])
    wait(lambda: restarts() >= 1, 60, "the first pod has ended at its start", step_s=0.5)
    applied(["/pause"])
    began = time.monotonic()
    wait(lambda: ready() == 2, 90, "both pods run the corrected version", step_s=0.5)
    print(f"\nmended {time.monotonic() - began:.0f} s after the corrected version came")
    rig.cluster.api.delete(f"{APPS}/statefulsets/mended")


def primary(rig: Rig, sentinel: str) -> str:
    """The pod that the sentinel of a pod names as the sessions' primary."""
    words = ". /etc/redis-files/common.sh; redis-cli -p 26379 --raw sentinel get-master-addr-by-name redis-sessions"
    said = rig.cluster.kubectl("exec", "-n", NAMESPACE, sentinel, "-c", "sentinel", "--", "sh", "-c", words)
    return said.partition(".")[0].strip()


def test_the_sessions_survive_their_redis_primary(rig: Rig) -> None:
    """The primary of the sessions' Redis killed under load: another is named, the same sessions are known, nothing fails any more."""
    killed_pod = primary(rig, "redis-sessions-2")
    other = next(name for name in ("redis-sessions-1", "redis-sessions-2") if name != killed_pod)
    with Traffic(rig.requests(), RATE) as traffic:
        time.sleep(3)
        killed = traffic.elapsed()
        rig.cluster.api.call("DELETE", f"{BASE}/pods/{killed_pod}", {"gracePeriodSeconds": 0})
        wait(lambda: primary(rig, other) != killed_pod, 90, "the sentinels name another primary", step_s=0.5)
        named = traffic.elapsed()
        time.sleep(15)
        ended = traffic.elapsed()
    late = [at - killed for at in traffic.tally.failed_at if at > killed]
    print(f"\n{killed_pod} killed: another primary named after {named - killed:.1f} s; {traffic.tally.line()}")
    print(f"last failure {max(late, default=0):.1f} s after the kill, watched for {ended - killed:.0f} s")
    assert [at for at in late if at > ended - killed - 10] == []


def test_real_load_scales_the_real_pods(rig: Rig) -> None:
    """Logins, which hash passwords, take real CPU: the autoscaler adds real pods, and they take part."""
    address, port = rig.service("user")
    account(address, port, "load@example.com")
    body = json.dumps({"email": "load@example.com", "password": PASSWORD})
    before = rig.ready("user")
    began = time.monotonic()
    with Traffic([Request("login", address, port, "/api/auth/login", 1, "POST", body)], 100) as traffic:
        wait(lambda: rig.ready("user") > before, 150, "one more user pod is ready", step_s=1)
        took = time.monotonic() - began
    status = rig.cluster.api.get(f"/apis/autoscaling/v2/namespaces/{NAMESPACE}/horizontalpodautoscalers/user")["status"]
    seen = [one["resource"]["current"].get("averageUtilization") for one in status.get("currentMetrics", [])]
    print(f"\nuser-service {before} → {rig.ready('user')} ready pods {took:.0f} s after the load came; it sees {seen} % of the requests")
    print(f"logins: {traffic.tally.line()}")
    assert rig.ready("user") > before
