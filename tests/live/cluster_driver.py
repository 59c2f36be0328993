"""cmctl as a person runs it against a lab cluster: an environment of its own that names the cluster's context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.live.driver import Driver
from tools.cluster import Cluster
from tools.cluster.place import CONTEXT

GATEWAY_CLASS = {
    "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "lab"},
    "spec": {"controllerName": "cmctl.test/nobody"},
}  # fmt: skip


@dataclass
class ClusterDriver(Driver):
    """`kubeconfig`: the cluster's. Phase 3 there: database in a pod, nothing bought, storage that ends with its pod."""

    kubeconfig: str = ""
    context: str = CONTEXT

    def facts(self) -> dict[str, Any]:
        cluster = {"kubeconfig": self.kubeconfig, "storage": "ephemeral", "gateway_class": "lab"}
        return {**super().facts(), "kind": "lab", "kube_context": self.context, "cluster": cluster}


def prepared(cluster: Cluster) -> None:
    """What phase 3 wants of a cluster and a lab cluster has not by itself."""
    cluster.api.apply(GATEWAY_CLASS)
