"""A lab cluster's life: up, status, down. The control plane is the real one, from published modules."""

from __future__ import annotations

import shutil
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from errors import CmctlError, Unreachable
from tools.builder import Report
from tools.cluster import documents, family, keys, node, programs, record, runtime, space
from tools.cluster.api import Api, condition, wait
from tools.cluster.documents import Size
from tools.cluster.place import Place, place
from tools.cluster.programs import Program, Timing
from tools.cluster.record import Record

READY_S = 90
LOG_LINES = 12


def silent(_: str) -> None:
    """A report that nobody reads."""


@dataclass
class Cluster:
    """A cluster on this machine, as a context manager or by `up` and `down`. `seconds` are the measured steps of the last `up`.

    `nodes` simulated nodes of `size`; `real` adds a node that runs containers and offers `cpus` CPUs (0: what the machine has).
    """

    place: Place = field(default_factory=place)
    timing: Timing = field(default_factory=Timing)
    nodes: int = 3
    size: Size = field(default_factory=Size)
    real: bool = False
    cpus: int = 0
    report: Report = silent
    seconds: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    @property
    def api(self) -> Api:
        return Api.of(self.place)

    @property
    def kubeconfig(self) -> Path:
        return self.place.kubeconfig

    def up(self) -> None:
        """An empty cluster that is ready: control plane, Gateway API definitions, metrics API, simulated nodes.

        Raises Unreachable without Linux, root or Go, Locked when one runs, CmctlError when a program does not get ready; then nothing is left.
        """
        space.need()
        found = family.programs(self.report)
        if self.real:
            node.need(self.report)
        begun = time.monotonic()
        with self._step("namespaces"):
            shutil.rmtree(self.place.run, ignore_errors=True)
            holder, first = space.create(self.place, self.cpus)
        running = Record(holder, first)
        try:
            self._fill(found, running)
        except BaseException:
            space.end(self.place, holder, first)
            raise
        self.seconds["ready"] = time.monotonic() - begun

    def _fill(self, found: family.Programs, running: Record) -> None:
        self.place.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._step("keys"):
            keys.write(self.place)
            record.save(self.place, running)
        with self._step("control plane"):
            self._control_plane(found, running)
        with self._step("gateway definitions"):
            self._definitions(found.gateway)
        with self._step("simulated nodes"):
            self._simulate(found, running)
        with self._step("metrics api"):
            self._metrics(found, running)
        if self.real:
            with self._step("real node"):
                self._real_node(found, running)
        with self._step("gateway class"):
            self._gateway_class()

    def _control_plane(self, found: family.Programs, running: Record) -> None:
        self.start(found, running, programs.etcd(self.place))
        self.start(found, running, programs.api_server(self.place))
        self.until(running, "kube-apiserver", lambda: self.api.text("GET", "/readyz") == "ok", "the API server is ready")
        self.start(found, running, programs.controller_manager(self.place, self.timing))
        self.start(found, running, programs.scheduler(self.place))
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self.until(running, "kube-controller-manager", lambda: self.api.find(account) is not None, "controllers make service accounts")

    def _definitions(self, path: Path) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        wanted = [one for one in yaml.load_all(path.read_text(encoding="utf-8"), loader) if one]
        wanted = [one for one in wanted if one["kind"] == "CustomResourceDefinition"]
        base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        for document in wanted:
            self.api.call("POST", base, document)
        names = {document["metadata"]["name"] for document in wanted}
        wait(
            lambda: all(condition(one, "Established") == "True" for one in self.api.items(base) if one["metadata"]["name"] in names),
            READY_S,
            "the Gateway API's definitions are established",
        )

    def _gateway_class(self) -> None:
        """Last, because a definition is served some seconds after it is established."""
        path, wanted = f"/apis/{documents.GATEWAY_API}/gatewayclasses", documents.gateway_class()
        wait(lambda: bool(self.api.call("POST", path, wanted)), READY_S, "the lab has its GatewayClass")

    def _simulate(self, found: family.Programs, running: Record) -> None:
        self.start(found, running, programs.simulator(self.place, found.stages))
        for index in range(self.nodes):
            self.api.call("POST", "/api/v1/nodes", documents.simulated_node(index, self.size))
        self.until(running, "kwok", lambda: len(self.ready_nodes()) >= self.nodes, f"{self.nodes} simulated nodes are ready")

    def _metrics(self, found: family.Programs, running: Record) -> None:
        self.start(found, running, programs.metrics_server(self.place, self.timing))
        for document in documents.metrics_api((self.place.keys / "authority.crt").read_text(encoding="utf-8")):
            self.api.apply(document)
        path = f"/apis/apiregistration.k8s.io/v1/apiservices/{documents.METRICS_API}"
        self.until(running, "metrics-server", lambda: condition(self.api.get(path), "Available") == "True", "the metrics API is available")

    def _real_node(self, found: family.Programs, running: Record) -> None:
        node.configure(self.place)
        self.launch(running, "containerd", ["containerd", f"--config={self.place.run / 'containerd.toml'}"])
        node.until_answers(running.first)
        node.import_sandbox(self.place, running.first, self.report)
        self.start(found, running, runtime.kubelet(self.place))
        self.until(running, "kubelet", lambda: keys.NODE in self.ready_nodes(), "the real node is ready")
        self.start(found, running, runtime.proxy(self.place))
        self.start(found, running, runtime.name_server(self.place))
        for document in runtime.name_service(self.place):
            self.api.apply(document)

    def real_node(self) -> Record:
        """The record of this place's cluster with a real node. Raises Unreachable when none runs or its nodes are simulated."""
        found = self.running()
        if "kubelet" not in found.programs:
            raise Unreachable(
                "this lab cluster has no real node", why="simulated pods need no images", hint="cmctl cluster up --real --cpus 16"
            )
        return found

    def load_images(self, references: Mapping[str, str]) -> None:
        """Bring images into the real node: the name pods use → the name this machine's container engine has it by."""
        node.import_images(self.place, self.real_node().first, references)

    def ready_nodes(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.api.items("/api/v1/nodes") if condition(one, "Ready") == "True"]

    def start(self, found: family.Programs, running: Record, program: Program) -> None:
        """Start a program of the cluster, write it down, and wait for its own health where it has a page for it."""
        argv = [str(found.binary), program.name, *program.arguments]
        self.launch(running, program.name, argv)
        if program.ready:
            self.until(running, program.name, lambda: _answers(program.ready), f"{program.name} is ready")

    def launch(self, running: Record, name: str, argv: list[str]) -> None:
        with (self.place.logs / f"{name}.log").open("wb") as log:
            running.programs[name] = space.spawn(running.first, argv, log)
        record.save(self.place, running)

    def until(self, running: Record, name: str, question: Callable[[], bool], what: str) -> None:
        """As `wait`, but a program that ended is not waited for: its last lines are the reason."""

        def asked() -> bool:
            if not running.programs[name].alive:
                raise CmctlError(f"{name} ended by itself", why=self.tail(name), read=str(self.place.logs / f"{name}.log"))
            return question()

        wait(asked, READY_S, what)

    def tail(self, name: str) -> str:
        lines = (self.place.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])

    def down(self) -> None:
        """End the cluster and remove everything of it but its logs. A cluster that does not run is fine."""
        running = record.load(self.place)
        space.end(self.place, running.holder if running else None, running.first if running else None)
        wait(lambda: not running or not any(one.alive for one in running.programs.values()), READY_S, "the cluster's programs have ended")
        for path in (self.place.run, self.place.keys):
            shutil.rmtree(path, ignore_errors=True)
        self.place.kubeconfig.unlink(missing_ok=True)

    def running(self) -> Record:
        """The record of this place's cluster. Raises Unreachable when none runs."""
        found = record.load(self.place)
        if found is None or not found.alive:
            raise Unreachable("no lab cluster runs", hint="cmctl cluster up")
        return found

    def status(self) -> dict[str, Any]:
        """Programs and whether they run, nodes, version, and how many objects are in it that a person made."""
        running = self.running()
        nodes = [
            {
                "name": one["metadata"]["name"],
                "ready": condition(one, "Ready"),
                "simulated": documents.SIMULATED in one["metadata"].get("annotations", {}),
            }
            for one in self.api.items("/api/v1/nodes")
        ]
        return {
            "server": self.place.server,
            "kubeconfig": str(self.place.kubeconfig),
            "version": self.api.get("/version")["gitVersion"],
            "programs": {name: one.alive for name, one in running.programs.items()},
            "nodes": nodes,
        }

    def kubectl(self, *arguments: str) -> str:
        """What the cluster's own kubectl prints. Raises CmctlError with its words when it fails."""
        binary = str(family.programs(self.report).binary)
        running = self.running()
        return space.run(running.first, [binary, "kubectl", f"--kubeconfig={self.place.run / 'admin.kubeconfig'}", *arguments])

    def _step(self, name: str) -> _Step:
        return _Step(self, name)


@dataclass
class _Step:
    """Times one step of `up`, and says when it is done."""

    cluster: Cluster
    name: str
    begun: float = 0

    def __enter__(self) -> None:
        self.begun = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            took = time.monotonic() - self.begun
            self.cluster.seconds[self.name] = took
            self.cluster.report(f"{self.name}: {took:.1f} s")


def _answers(url: str) -> bool:
    """Whether a health page says 200. It is asked for health, not for who it is."""
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=5, context=trusting) as answer:  # noqa: S310 - the lab's own address
            return bool(answer.status == 200)
    except OSError:
        return False
