"""What the program of phase 3 asks for: every rule that keeps requests from failing and pods from being misused."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from environments.model import Cluster, Providers
from stacks import phase3
from stacks.kubernetes import manifests
from stacks.kubernetes.spec import Access, Canary, Release, recorded
from tests.stacks import clusters
from tests.stacks.clusters import CANARY_VALUE
from tests.stacks.mocked import Objects, asked

pytestmark = pytest.mark.sdk

SERVICES = {"user", "booking", "payment", "frontend"}
BACKENDS = SERVICES - {"frontend"}
POD_KINDS = ("Deployment", "StatefulSet", "Job")


@pytest.fixture(scope="module")
def found() -> Iterator[Objects]:
    with pytest.MonkeyPatch.context() as patch:
        yield asked(phase3.program(clusters.spec()), patch)


def pods(found: Objects) -> dict[str, dict[str, Any]]:
    return {name: one["spec"]["template"] for kind in POD_KINDS for name, one in found.of(kind).items()}


def containers(found: Objects) -> list[tuple[str, dict[str, Any]]]:
    return [(name, one) for name, template in pods(found).items() for one in template["spec"]["containers"]]


def test_the_namespace_enforces_restricted(found: Objects) -> None:
    """Pod Security "restricted" is enforced by label, with a quota and limits beside it."""
    (here,) = found.of("Namespace").values()
    assert here["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert set(found.of("ResourceQuota")) == {"quota"}
    assert set(found.of("LimitRange")) == {"limits"}


def test_every_object_has_its_own_name_and_namespace(found: Objects) -> None:
    """No name is made up, no object lands in a default namespace, none is asked for twice."""
    seen = set()
    for one in found.objects:
        metadata = one["metadata"]
        assert metadata["name"]
        if one["kind"] not in {"Namespace", "PriorityClass"}:
            assert metadata["namespace"] == "codementee-production"
        key = (one["apiVersion"], one["kind"], metadata["name"])
        assert key not in seen
        seen.add(key)


def test_no_replicas_where_an_autoscaler_owns_them(found: Objects) -> None:
    """A Deployment with an autoscaler never says how many pods it wants: the next deploy would take the autoscaler's away."""
    assert set(found.of("HorizontalPodAutoscaler")) == set(found.of("Deployment")) == SERVICES
    assert all("replicas" not in one["spec"] for one in found.of("Deployment").values())


def test_autoscalers_are_the_guides(found: Objects) -> None:
    """User 3 to 10 at 70 % CPU and 80 % memory, booking 2 to 8; up at once, down slowly."""
    scalers = found.of("HorizontalPodAutoscaler")
    limits = {name: (one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) for name, one in scalers.items()}
    assert limits == {"user": (3, 10), "booking": (2, 8), "payment": (2, 6), "frontend": (2, 6)}
    targets = [(one["resource"]["name"], one["resource"]["target"]["averageUtilization"]) for one in scalers["user"]["spec"]["metrics"]]
    assert targets == [("cpu", 70), ("memory", 80)]
    for one in scalers.values():
        behaviour = one["spec"]["behavior"]
        assert behaviour["scaleUp"]["stabilizationWindowSeconds"] == 0
        assert behaviour["scaleDown"]["stabilizationWindowSeconds"] >= 300


def test_pods_are_restricted(found: Objects) -> None:
    """No root, no capabilities, nothing writable, no privilege to be gained, the runtime's seccomp profile: for every container."""
    for name, template in pods(found).items():
        outer = template["spec"]["securityContext"]
        assert outer["runAsNonRoot"] is True, name
        assert outer["runAsUser"] > 10_000, name
        assert outer["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for name, one in containers(found):
        inner = one["securityContext"]
        assert inner["allowPrivilegeEscalation"] is False, name
        assert inner["readOnlyRootFilesystem"] is True, name
        assert inner["capabilities"] == {"drop": ["ALL"]}, name


def test_no_pod_holds_a_token(found: Objects) -> None:
    """Each workload has an account of its own, and neither account nor pod mounts a token of the API server."""
    accounts = found.of("ServiceAccount")
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    for name, template in pods(found).items():
        assert template["spec"]["automountServiceAccountToken"] is False, name
        assert template["spec"]["serviceAccountName"] in accounts, name


def test_secrets_are_files(found: Objects) -> None:
    """No secret is in an environment variable, a ConfigMap or anything but a Secret; each service gets only its own."""
    for _, one in containers(found):
        assert all("valueFrom" not in variable for variable in one.get("env", []))
        assert all("secretRef" not in source for source in one.get("envFrom", []))
    rest = [one for one in found.objects if one["kind"] != "Secret"]
    assert CANARY_VALUE not in json.dumps(rest)
    assert base64.b64encode(CANARY_VALUE.encode()).decode() not in json.dumps(rest)
    assert "RAZORPAY_KEY_SECRET" in found.of("Secret")["payment-secrets"]["data"]
    assert "RAZORPAY_KEY_SECRET" not in found.of("Secret")["user-secrets"]["data"]
    assert found.hidden == set(found.of("Secret"))
    for name in BACKENDS:
        (volume,) = (one for one in pods(found)[name]["spec"]["volumes"] if one["name"] == "secrets")
        assert volume["secret"]["secretName"] == f"{name}-secrets"
        assert volume["secret"]["defaultMode"] == 0o440


def test_a_new_setting_starts_pods_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed setting changes the template of the pods that read it, so it is a rollout and a way back like any other."""
    first = asked(phase3.program(clusters.spec()), monkeypatch)
    where = clusters.environment(cluster=Cluster(traces="http://elsewhere.tracing:4318"))
    second = asked(phase3.program(clusters.spec(environment=where)), monkeypatch)
    assert pods(first)["user"] != pods(second)["user"]


def test_files_carry_their_hash(found: Objects) -> None:
    """A ConfigMap's name carries the hash of its content, the pod template names it, and it never changes: no pod reads another's."""
    held = {name: one for name, one in found.of("ConfigMap").items() if name != "release"}
    assert {name.rsplit("-", 1)[0] for name in held} == {"prometheus", "redis-cache", "redis-sessions"}
    for name, one in held.items():
        assert one["immutable"] is True
        template = pods(found)[name.rsplit("-", 1)[0]]
        assert any(volume.get("configMap", {}).get("name") == name for volume in template["spec"]["volumes"])


def test_a_new_secret_starts_pods_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another password changes an annotation of the pods that read it, and the annotation does not hold it."""
    first = asked(phase3.program(clusters.spec()), monkeypatch)
    values = {**clusters.spec().secrets, "JWT_SECRET": "another"}
    second = asked(phase3.program(clusters.spec(secrets=values)), monkeypatch)
    marks = [pods(one)["user"]["metadata"]["annotations"] for one in (first, second)]
    assert marks[0] != marks[1]
    assert "annotations" not in pods(first)["frontend"]["metadata"]


def test_updates_take_nothing_away(found: Objects) -> None:
    """A new pod is ready before an old one goes, and an old one serves on until no gateway sends to it."""
    phase = clusters.LOADED.phase(3).kubernetes
    assert phase is not None
    for name, one in found.of("Deployment").items():
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": "25%"}
        spec = one["spec"]["template"]["spec"]
        sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert sleep >= phase.draining.propagation_s
        assert spec["terminationGracePeriodSeconds"] >= sleep + clusters.LOADED.platform.services[name].stop_grace_s


def test_three_questions_apart(found: Objects) -> None:
    """Start, life and readiness are asked apart; life asks no dependency."""
    for name, one in found.of("Deployment").items():
        main = one["spec"]["template"]["spec"]["containers"][0]
        assert main["startupProbe"]["httpGet"]["path"] == "/livez"
        assert main["livenessProbe"] != main["readinessProbe"]
        if name in BACKENDS:
            assert main["livenessProbe"]["httpGet"]["path"] == "/livez"
            assert main["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_drain_is_allowed_and_bounded(found: Objects) -> None:
    """Every workload but jobs has a disruption budget of one pod, and its pods are spread over nodes and zones."""
    assert set(found.of("PodDisruptionBudget")) == {*found.of("Deployment"), *found.of("StatefulSet")}
    assert all(one["spec"]["maxUnavailable"] == 1 for one in found.of("PodDisruptionBudget").values())
    for name, template in pods(found).items():
        if not name.startswith("job-"):
            keys = {one["topologyKey"] for one in template["spec"]["topologySpreadConstraints"]}
            assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}, name


def test_every_container_has_requests_and_limits(found: Objects) -> None:
    """CPU, memory and scratch space are asked for and bounded, for every container; the guide's figures for its own."""
    for name, one in containers(found):
        for part in ("requests", "limits"):
            assert set(one["resources"][part]) == {"cpu", "memory", "ephemeral-storage"}, name
    user = found.of("Deployment")["user"]["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert (user["requests"]["cpu"], user["requests"]["memory"]) == ("250m", "256Mi")
    assert (user["limits"]["cpu"], user["limits"]["memory"]) == ("500m", "512Mi")


def test_images_are_by_digest(found: Objects) -> None:
    """No image is a floating tag."""
    assert all("@sha256:" in one["image"] for _, one in containers(found))


def edges(found: Objects) -> set[tuple[str, str]]:
    """Who may send to whom, by the policies' ingress, where the sender's egress allows it too."""
    policies = {name: one["spec"] for name, one in found.of("NetworkPolicy").items() if name != "default-deny"}

    def peers(rules: list[dict[str, Any]], key: str) -> set[str]:
        names = set()
        for rule in rules:
            for peer in rule.get(key, []):
                labels = peer.get("podSelector", {}).get("matchLabels", {})
                names |= {labels["app.kubernetes.io/name"]} if labels else set()
        return names

    into = {(sender, name) for name, one in policies.items() for sender in peers(one.get("ingress", []), "from")}
    out = {(name, target) for name, one in policies.items() for target in peers(one.get("egress", []), "to")}
    assert into == out, into ^ out
    return into


def test_the_network_is_the_service_graph(found: Objects) -> None:
    """Everything is denied; then exactly the edges of the graph are allowed, on both ends of each."""
    deny = found.of("NetworkPolicy")["default-deny"]["spec"]
    assert deny["podSelector"] == {}
    assert sorted(deny["policyTypes"]) == ["Egress", "Ingress"]
    senders = BACKENDS | {"job-indexes", "job-initial-data"}
    stores = {"redis-cache", "redis-sessions"}
    wanted = {(sender, store) for sender in senders for store in stores} | {(store, store) for store in stores}
    wanted |= {("booking", "user"), ("booking", "payment")}
    wanted |= {("prometheus", name) for name in (*BACKENDS, "prometheus")}
    assert edges(found) == wanted


def test_every_pod_is_under_a_policy(found: Objects) -> None:
    """No workload is forgotten: each has a policy of its own name."""
    names = {template["metadata"]["labels"]["app.kubernetes.io/name"] for template in pods(found).values()}
    assert names == set(found.of("NetworkPolicy")) - {"default-deny"}


def test_the_gateway_sends_paths_that_arrive(found: Objects) -> None:
    """The guide's /auth, /booking and /payment become the prefix that the service knows; TLS everywhere, plain http only moves."""
    (gateway,) = found.of("Gateway").values()
    assert [one["protocol"] for one in gateway["spec"]["listeners"]] == ["HTTP", "HTTPS"]
    assert gateway["spec"]["listeners"][1]["tls"]["certificateRefs"][0]["name"] in found.of("Secret")
    rewrites = {}
    for name, route in found.of("HTTPRoute").items():
        listener = route["spec"]["parentRefs"][0]["sectionName"]
        assert listener == ("http" if name == "redirect" else "https")
        for rule in route["spec"]["rules"]:
            for one in rule.get("filters", []):
                if one["type"] == "URLRewrite":
                    rewrites[rule["matches"][0]["path"]["value"]] = one["urlRewrite"]["path"]["replacePrefixMatch"]
            for backend in rule.get("backendRefs", []):
                assert backend["name"] in found.of("Service")
    assert rewrites == {"/auth": "/api/auth", "/booking": "/api", "/payment": "/api/payment"}


def test_limits_where_the_controller_has_them(found: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller that is known limits requests per client; of another one nothing is claimed."""
    assert set(found.of("Middleware")) == {"limit-api", "limit-login"}
    assert found.of("Middleware")["limit-login"]["spec"]["rateLimit"] == {"average": 1, "period": "1s", "burst": 5}
    plain = asked(phase3.program(clusters.spec(environment=clusters.environment(cluster=Cluster()))), monkeypatch)
    assert plain.of("Middleware") == {}
    assert "ExtensionRef" not in json.dumps(plain.objects)


def test_ingress_where_there_is_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """The legacy way has the same paths without rewrites, TLS, a class that is named, and nothing of ingress-nginx."""
    where = clusters.environment(cluster=Cluster(routing="ingress", gateway_class="haproxy"))
    found = asked(phase3.program(clusters.spec(environment=where)), monkeypatch)
    (ingress,) = found.of("Ingress").values()
    assert ingress["spec"]["ingressClassName"] == "haproxy"
    assert found.of("Gateway") == found.of("HTTPRoute") == {}
    paths = {(rule["host"], path["path"]) for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]}
    assert ("api.codementee.io", "/api/auth") in paths
    assert "nginx.ingress" not in json.dumps(found.objects)


def test_a_canary_gets_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the stable release one pod per service of the new version gets the share, by weights; the stable pods stay as they are."""
    new = Release("2.0.0", clusters.images("2.0.0"))
    found = asked(phase3.program(clusters.spec(canary=Canary(new, 10))), monkeypatch)
    before = asked(phase3.program(clusters.spec()), monkeypatch)
    assert found.of("Deployment")["user"] == before.of("Deployment")["user"]
    canary = found.of("Deployment")["user-canary"]["spec"]
    assert canary["replicas"] == 1
    assert canary["template"]["spec"]["containers"][0]["image"] == new.images["backend"]
    assert canary["selector"]["matchLabels"] != found.of("Deployment")["user"]["spec"]["selector"]["matchLabels"]
    for route in found.of("HTTPRoute").values():
        for rule in route["spec"]["rules"]:
            weights = [one["weight"] for one in rule.get("backendRefs", [])]
            assert weights in ([], [90, 10])


def test_redis_has_a_majority(found: Objects) -> None:
    """Cache and sessions are apart; each has three pods with a sentinel beside every Redis, and a quorum of two."""
    sets = found.of("StatefulSet")
    for name in ("redis-cache", "redis-sessions"):
        assert sets[name]["spec"]["replicas"] == 3
        assert [one["name"] for one in sets[name]["spec"]["template"]["spec"]["containers"]] == ["redis", "sentinel"]
    files = {name.rsplit("-", 1)[0]: one["data"] for name, one in found.of("ConfigMap").items() if name.startswith("redis-")}
    assert files["redis-cache"]["quorum"] == "2"
    assert "maxmemory-policy allkeys-lru" in files["redis-cache"]["redis.conf"]
    assert "maxmemory-policy noeviction" in files["redis-sessions"]["redis.conf"]
    assert CANARY_VALUE not in json.dumps(files)


def test_a_broken_pod_is_reached_by_a_corrected_release(found: Objects) -> None:
    """No StatefulSet waits for one pod before it looks at the next; updates still go pod by pod, all the way down."""
    for one in found.of("StatefulSet").values():
        assert one["spec"]["podManagementPolicy"] == "Parallel"
        assert one["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}


def test_prometheus_scrapes_pods(found: Objects) -> None:
    """Each backend is scraped pod by pod through a headless Service, never through an address that answers for one of many."""
    (held,) = (one for name, one in found.of("ConfigMap").items() if name.startswith("prometheus-"))
    jobs = {one["job_name"]: one for one in yaml.safe_load(held["data"]["prometheus.yml"])["scrape_configs"]}
    assert set(jobs) == BACKENDS | {"prometheus"}
    for name in BACKENDS:
        (looked_up,) = jobs[name]["dns_sd_configs"]
        (service,) = looked_up["names"]
        assert found.of("Service")[service]["spec"]["clusterIP"] == "None"


def test_jobs_come_first_and_once(found: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release's jobs run in its image before its pods, under a name of the release's own: the next release runs them again."""
    jobs = found.of("Job")
    assert {name.rsplit("-", 1)[0] for name in jobs} == {"job-indexes", "job-initial-data"}
    order = [one["kind"] for one in found.objects]
    assert max(index for index, kind in enumerate(order) if kind == "Job") < order.index("Deployment")
    again = asked(phase3.program(clusters.spec("2.0.0")), monkeypatch).of("Job")
    assert not set(jobs) & set(again)


def test_the_record_brings_the_release_back(found: Objects) -> None:
    """What the cluster keeps of a release gives the same plan and images, and holds nothing secret."""
    kept = found.of("ConfigMap")["release"]["data"]
    plan, release = recorded(kept["current"], clusters.environment())
    assert (plan, release) == (clusters.spec().plan, clusters.spec().release)
    assert found.objects[-1]["metadata"]["name"] == "release"


def test_who_only_reads_loads_no_sdk() -> None:
    """The SDK of Kubernetes loads inside the program that needs it: commands of other phases, status and checks stay quick."""
    code = (
        "import sys, stacks.journey, stacks.cluster_standing; print([name for name in sys.modules if name.startswith('pulumi_kubernetes')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_provider_knows_its_cluster(found: Objects) -> None:
    """The provider names its context, applies on the server, and takes over a create that was cut off."""
    (provider,) = found.providers
    assert provider["context"] == "codementee"
    assert provider["enableServerSideApply"] == "true"
    assert provider["upsertExistingObjects"] == "true"
    assert provider["enablePatchForce"] == "true"


def test_the_test_clusters_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is bought the database is a pod, reached by backends and jobs only, with ephemeral storage where it is asked for."""
    where = clusters.environment(providers=Providers(database="container", edge="local"), cluster=Cluster(storage="ephemeral"))
    found = asked(phase3.program(clusters.spec(environment=where)), monkeypatch)
    assert found.of("StatefulSet")["mongo"]["spec"]["replicas"] == 1
    assert ("user", "mongo") in edges(found)
    assert all("volumeClaimTemplates" not in one["spec"] for one in found.of("StatefulSet").values())


def test_manifests_are_the_same_bytes(monkeypatch: pytest.MonkeyPatch, golden: Any) -> None:
    """Rendered manifests hold no Secret, say which are needed, list every file in order, and are as they were when last read."""
    spec = clusters.spec(access=Access(render_to="/nowhere"), secrets={}, key="")
    texts = manifests.files(spec, asked(phase3.program(spec), monkeypatch).objects)
    again = manifests.files(spec, list(reversed(asked(phase3.program(spec), monkeypatch).objects)))
    assert texts == again
    assert not any(name.startswith("secret-") for name in texts)
    assert "| payment-secrets | JWT_SECRET, MONGO_URL, RAZORPAY_KEY_ID" in texts["SECRETS.md"]
    assert yaml.safe_load(texts["kustomization.yaml"])["resources"] == [
        name for name in texts if name not in {"kustomization.yaml", "SECRETS.md"}
    ]
    for name, text in texts.items():
        golden(f"kubernetes/{name}", text)
