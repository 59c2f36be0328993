"""The way to an API server: contexts by name only, calls repeated where that is safe, one list of what a cluster lacks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from environments.model import Cluster
from errors import BadInput, Unreachable
from layout.kubernetes import plan
from stacks.kubernetes import api as api_module
from stacks.kubernetes import checks, kubeconfig
from stacks.kubernetes.api import Api, Refused
from stacks.kubernetes.kubeconfig import Connection
from tests.stacks.clusters import LOADED, environment

CONFIG = {
    "apiVersion": "v1", "kind": "Config", "current-context": "somebody-elses",
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "canary-token"}}],
    "contexts": [
        {"name": "codementee", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
        {"name": "broken", "context": {"cluster": "none", "user": "u"}},
        {"name": "somebody-elses", "context": {"cluster": "c", "user": "u"}},
    ],
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config"
    path.write_text(json.dumps(CONFIG))
    return str(path)


def test_a_context_is_taken_by_name(config: str) -> None:
    """Server, namespace and credentials are those of the named context, and repr shows no credential."""
    found = kubeconfig.connect("codementee", config)
    assert (found.server, found.namespace) == ("http://127.0.0.1:1", "team")
    assert found.headers == {"Authorization": "Bearer canary-token"}
    assert "canary-token" not in repr(found)


@pytest.mark.parametrize(
    ("context", "said"), [("codemente", "did you mean codementee"), ("broken", "names cluster 'none'"), ("", "there is no context")]
)
def test_an_unknown_context_is_refused(context: str, said: str, config: str) -> None:
    """Another name, even a near one, is refused with the names that exist; the current context is never taken instead."""
    with pytest.raises(BadInput) as caught:
        kubeconfig.connect(context, config)
    assert said.split(maxsplit=1)[0] in str(caught.value)


@pytest.mark.parametrize("text", ["{", "- a\n- b", "clusters: 3", "contexts: [{}]"])
def test_a_broken_kubeconfig_is_named_and_not_quoted(text: str, tmp_path: Path) -> None:
    """What is no kubeconfig is named; nothing of its content is shown."""
    path = tmp_path / "config"
    path.write_text(text + " # canary-secret")
    with pytest.raises(BadInput) as caught:
        kubeconfig.connect("codementee", str(path))
    assert "canary-secret" not in str(caught.value)


def test_no_file_says_where_it_looked(tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(BadInput, match="there is no kubeconfig at"):
        kubeconfig.connect("codementee", str(tmp_path / "nowhere"))


def test_an_unchecked_certificate_is_refused(tmp_path: Path) -> None:
    """insecure-skip-tls-verify is refused: anybody between could read and change everything."""
    path = tmp_path / "config"
    cluster = {"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}
    path.write_text(json.dumps({**CONFIG, "clusters": [{"name": "c", "cluster": cluster}]}))
    with pytest.raises(BadInput, match="switches off the check"):
        kubeconfig.connect("codementee", str(path))


class Server:
    """An API server in miniature: path → answers in turn, the last one for ever; `asked` are the calls."""

    def __init__(self, answers: dict[str, list[tuple[int, Any]]]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.doors: list[Api] = []
        self.answers = answers
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

            def log_message(self, *_: Any) -> None:
                """Quiet."""

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.partition("?")[0]
                outer.asked.append((self.command, path))
                turns = outer.answers.get(path, [(404, {"reason": "NotFound", "message": f"{path} not found"})])
                code, document = turns.pop(0) if len(turns) > 1 else turns[0]
                if callable(document):
                    document = document(json.loads(body or b"{}"))
                data = json.dumps(document).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base class's names

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def api(self, attempts: int = 4) -> Api:
        self.doors.append(Api(Connection(f"http://127.0.0.1:{self._server.server_address[1]}", "default", {}), attempts=attempts))
        return self.doors[-1]

    def close(self) -> None:
        for door in self.doors:
            door.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Server]]:
    monkeypatch.setattr(api_module, "FIRST_PAUSE_S", 0.001)
    made: list[Server] = []
    yield made
    for one in made:
        one.close()


@pytest.mark.parametrize("code", [429, 500, 503, 504])
def test_not_now_is_asked_again(code: int, servers: list[Server]) -> None:
    """An answer that says "not now" is repeated until there is another; the thing is done once."""
    servers.append(Server({"/x": [(code, {"message": "later"}), (code, {"message": "later"}), (200, {"done": True})]}))
    assert servers[0].api().call("PATCH", "/x", {}) == {"done": True}
    assert len(servers[0].asked) == 3


@pytest.mark.parametrize("code", [400, 403, 409, 422])
def test_a_no_is_not_repeated(code: int, servers: list[Server]) -> None:
    """A refusal is told at once, with the server's words."""
    servers.append(Server({"/x": [(code, {"reason": "No", "message": "because"})]}))
    with pytest.raises(Refused, match="because"):
        servers[0].api().call("PATCH", "/x", {})
    assert len(servers[0].asked) == 1


def test_repeating_has_an_end(servers: list[Server]) -> None:
    """A server that never recovers is told with its last words after a bounded number of calls."""
    servers.append(Server({"/x": [(503, {"message": "still away"})]}))
    with pytest.raises(Refused, match="still away"):
        servers[0].api(attempts=3).call("GET", "/x")
    assert len(servers[0].asked) == 3


def test_nobody_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is not there is exit 7, with its address."""
    monkeypatch.setattr(api_module, "FIRST_PAUSE_S", 0.001)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not answer"):
        Api(Connection("http://127.0.0.1:1", "default", {}), attempts=2).get("/version")


def listed(*kinds: str) -> list[tuple[int, Any]]:
    return [(200, {"resources": [{"kind": kind, "name": f"{kind.lower()}s", "namespaced": True} for kind in kinds]})]


UID = "01234567-89ab-cdef-0123-456789abcdef"


def whole() -> dict[str, list[tuple[int, Any]]]:
    """A cluster that has everything."""
    return {
        "/version": [(200, {"major": "1", "minor": "34+"})],
        "/api/v1/namespaces/kube-system": [(200, {"metadata": {"uid": UID}})],
        "/apis/gateway.networking.k8s.io/v1": listed("Gateway", "HTTPRoute", "GatewayClass"),
        "/apis/gateway.networking.k8s.io/v1/gatewayclasses/traefik": [(200, {})],
        "/apis/traefik.io/v1alpha1": listed("Middleware"),
        "/apis/metrics.k8s.io/v1beta1": listed("NodeMetrics"),
        "/apis/storage.k8s.io/v1/storageclasses": [(200, {"items": [{"metadata": {"name": "standard"}}]})],
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": [(200, {"status": {"allowed": True}})],
    }


def checked(server: Server, **cluster: Any) -> None:
    where = environment(kind="cloud", cluster=Cluster(**{"identity": UID, "controller": "traefik", "storage_class": "standard", **cluster}))
    checks.check(plan(LOADED.platform, LOADED.phase(3), where), server.api())


def test_a_whole_cluster_passes(servers: list[Server]) -> None:
    """A cluster that has everything is accepted, and only asked, never changed."""
    servers.append(Server(whole()))
    checked(servers[0])
    assert {method for method, path in servers[0].asked if "accessreviews" not in path} == {"GET"}


NO = [(404, {"reason": "NotFound", "message": "not found"})]
FORBIDDEN = [(403, {"reason": "Forbidden", "message": "no rights"})]
LACKING = [
    ({"/version": [(200, {"major": "1", "minor": "29"})]}, {}, "too old: Kubernetes 1.29, 1.31 at least"),
    ({"/api/v1/namespaces/kube-system": [(200, {"metadata": {"uid": UID.replace("0", "9")}})]}, {}, "leads to another cluster"),
    ({}, {"identity": None}, "does not say which cluster it is"),
    ({"/apis/gateway.networking.k8s.io/v1": NO}, {}, "the Gateway API is not installed: no Gateway, HTTPRoute, GatewayClass"),
    ({"/apis/gateway.networking.k8s.io/v1/gatewayclasses/traefik": NO}, {}, "there is no GatewayClass traefik"),
    ({"/apis/gateway.networking.k8s.io/v1/gatewayclasses/traefik": FORBIDDEN}, {}, "GatewayClass traefik cannot be read: no rights"),
    ({"/apis/traefik.io/v1alpha1": NO}, {}, "there is no Middleware"),
    ({"/apis/metrics.k8s.io/v1beta1": [(503, {"message": "no backend"})]}, {}, "there is no metrics API"),
    ({}, {"storage_class": "fast"}, "there is no StorageClass fast"),
    ({}, {"storage_class": None}, "there is no default StorageClass"),
    ({}, {"routing": "ingress", "gateway_class": "haproxy"}, "there is no IngressClass haproxy"),
]


@pytest.mark.parametrize(("answers", "cluster", "said"), LACKING)
def test_what_a_cluster_lacks_is_told(answers: dict[str, Any], cluster: dict[str, Any], said: str, servers: list[Server]) -> None:
    """Each thing that is missing is told with the command that shows it, before anything is applied; exit 2."""
    servers.append(Server({**whole(), **answers}))
    with pytest.raises(BadInput) as caught:
        checked(servers[0], **cluster)
    assert said in caught.value.what
    assert "kubectl --context codementee" in caught.value.hint
    assert "nothing was applied" in caught.value.why


def test_missing_rights_are_listed(servers: list[Server]) -> None:
    """Every right that is missing is named with its verbs, all in one list with the rest."""

    def may(asked: dict[str, Any]) -> dict[str, Any]:
        attributes = asked["spec"]["resourceAttributes"]
        return {"status": {"allowed": attributes["resource"] != "secrets" and attributes["verb"] != "delete"}}

    answers = {**whole(), "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": [(200, may)], "/apis/metrics.k8s.io/v1beta1": NO}
    servers.append(Server(answers))
    with pytest.raises(BadInput) as caught:
        checked(servers[0])
    said = caught.value.what.splitlines()
    assert "missing permission: create, patch, delete, get secrets" in said
    assert "missing permission: delete deployments.apps" in said
    assert any(line.startswith("there is no metrics API") for line in said)


def test_a_door_that_does_not_let_us_in(servers: list[Server]) -> None:
    """Credentials that are refused are exit 7, with the command that shows who we are."""
    servers.append(Server({"/version": [(401, {"reason": "Unauthorized", "message": "Unauthorized"})]}))
    with pytest.raises(Unreachable, match="Unauthorized") as caught:
        checked(servers[0])
    assert "auth whoami" in caught.value.hint
