"""What the lab puts into its cluster before anybody deploys: the metrics API and simulated nodes. Pure: documents out."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from tools.cluster.place import METRICS_PORT

GATEWAY_API, GATEWAY_CLASS = "gateway.networking.k8s.io/v1", "cmctl-lab"
METRICS_API = "v1beta1.metrics.k8s.io"
SIMULATED = "kwok.x-k8s.io/node"
ZONES = 3
Document = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """What a simulated node offers."""

    cpu: str = "4"
    memory: str = "16Gi"
    pods: int = 110

    def quantities(self) -> dict[str, str]:
        return {"cpu": self.cpu, "memory": self.memory, "pods": str(self.pods), "ephemeral-storage": "100Gi"}


def metrics_api(authority_pem: str) -> list[Document]:
    """The Service and the APIService that send metrics.k8s.io to metrics-server, which runs beside the API server."""
    metadata = {"name": "metrics-server", "namespace": "kube-system"}
    service = {"type": "ExternalName", "externalName": "localhost", "ports": [{"name": "https", "port": METRICS_PORT}]}
    spec = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "caBundle": base64.b64encode(authority_pem.encode()).decode(),
        "service": {**metadata, "port": METRICS_PORT},
    }
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": METRICS_API}, "spec": spec},
    ]


def gateway_class() -> Document:
    """The class that the lab's Gateways name. No controller answers for it: a Gateway is accepted, and gets no address."""
    return {
        "apiVersion": GATEWAY_API,
        "kind": "GatewayClass",
        "metadata": {"name": GATEWAY_CLASS},
        "spec": {"controllerName": "cmctl.invalid/none"},
    }


def simulated_node(index: int, size: Size) -> Document:
    """A node that kwok answers for, in one of three zones."""
    name = f"simulated-{index}"
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/zone": f"zone-{index % ZONES}",
        "type": "kwok",
    }
    annotations = {
        SIMULATED: "fake",
        "node.alpha.kubernetes.io/ttl": "0",
        "metrics.k8s.io/resource-metrics-path": f"/metrics/nodes/{name}/metrics/resource",
    }
    pods = f"10.93.{index}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "spec": {"podCIDR": pods, "podCIDRs": [pods]},
        "status": {"capacity": size.quantities(), "allocatable": size.quantities()},
    }
