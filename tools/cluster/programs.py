"""The programs of a lab cluster and what they are started with. Pure: a place in, argument lists out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.cluster.place import API_PORT, METRICS_PORT, NODE_PORT, Place

ETCD = "http://127.0.0.1:2379"
SCHEDULER_PORT, MANAGER_PORT = 10259, 10257


@dataclass(frozen=True)
class Program:
    """One program: its arguments, and the URL that answers 200 when it is ready ("" = asked otherwise)."""

    name: str
    arguments: tuple[str, ...]
    ready: str = ""


@dataclass(frozen=True)
class Timing:
    """How quickly the cluster's controllers look, in seconds. The defaults are Kubernetes' own."""

    hpa_sync_s: int = 15
    metrics_s: int = 15


def etcd(place: Place) -> Program:
    peer, health = "http://127.0.0.1:2380", f"http://{place.address}:2381"
    arguments = (
        f"--data-dir={place.run / 'etcd'}",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--listen-metrics-urls={health}",
        # A lab's data is worth nothing after a power cut.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )
    return Program("etcd", arguments, f"{health}/health")


def api_server(place: Place) -> Program:
    keys = place.keys
    arguments = (
        f"--etcd-servers={ETCD}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--advertise-address={place.address}",
        f"--service-cluster-ip-range={place.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--anonymous-auth=false",
        f"--client-ca-file={keys / 'authority.crt'}",
        *_serving(keys),
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys / 'service-accounts.key'}",
        f"--service-account-signing-key-file={keys / 'service-accounts.key'}",
        f"--kubelet-client-certificate={keys / 'kubelet-client.crt'}",
        f"--kubelet-client-key={keys / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={keys / 'front-authority.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={keys / 'front-client.crt'}",
        f"--proxy-client-key-file={keys / 'front-client.key'}",
        "--allow-privileged=true",
    )
    return Program("kube-apiserver", arguments)


def controller_manager(place: Place, timing: Timing) -> Program:
    keys = place.keys
    arguments = (
        *_kubeconfigs(place.run / "manager.kubeconfig"),
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={keys / 'service-accounts.key'}",
        f"--root-ca-file={keys / 'authority.crt'}",
        f"--cluster-signing-cert-file={keys / 'authority.crt'}",
        f"--cluster-signing-key-file={keys / 'authority.key'}",
        # Its own limit of 20 requests/s makes an empty cluster's start four seconds longer.
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--leader-elect=false",
        "--bind-address=0.0.0.0",
        f"--secure-port={MANAGER_PORT}",
        f"--horizontal-pod-autoscaler-sync-period={timing.hpa_sync_s}s",
    )
    return Program("kube-controller-manager", arguments, f"https://{place.address}:{MANAGER_PORT}/healthz")


def scheduler(place: Place) -> Program:
    own = ("--leader-elect=false", "--bind-address=0.0.0.0", f"--secure-port={SCHEDULER_PORT}")
    return Program(
        "kube-scheduler", (*_kubeconfigs(place.run / "scheduler.kubeconfig"), *own), f"https://{place.address}:{SCHEDULER_PORT}/readyz"
    )


def metrics_server(place: Place, timing: Timing) -> Program:
    """`--kubelet-request-timeout` has to be shorter than the resolution, which cannot be below 10 s."""
    arguments = (
        *_kubeconfigs(place.run / "admin.kubeconfig"),
        "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port",
        # The real node's kubelet signs its own certificate; the connection stays inside the namespace.
        "--kubelet-insecure-tls",
        f"--metric-resolution={timing.metrics_s}s",
        "--kubelet-request-timeout=5s",
        "--bind-address=0.0.0.0",
        f"--secure-port={METRICS_PORT}",
        *_serving(place.keys),
    )
    return Program("metrics-server", arguments)


def simulator(place: Place, stages: Path, port: int = NODE_PORT + 100) -> Program:
    """kwok: the kubelets of the simulated nodes, for nodes that say they are simulated and for no other."""
    arguments = (
        f"--kubeconfig={place.run / 'admin.kubeconfig'}",
        f"--config={stages}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        f"--tls-cert-file={place.keys / 'serving.crt'}",
        f"--tls-private-key-file={place.keys / 'serving.key'}",
        f"--node-ip={place.address}",
        "--node-name=localhost",
        f"--node-port={port}",
        f"--server-address=0.0.0.0:{port}",
        "--node-lease-duration-seconds=40",
    )
    return Program("kwok", arguments, f"http://{place.address}:{port}/healthz")


def _kubeconfigs(path: Path) -> tuple[str, ...]:
    return tuple(f"--{kind}={path}" for kind in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"))


def _serving(keys: Path) -> tuple[str, str]:
    return (f"--tls-cert-file={keys / 'serving.crt'}", f"--tls-private-key-file={keys / 'serving.key'}")
