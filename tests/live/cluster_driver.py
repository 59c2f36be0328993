"""cmctl as a person runs it against a lab cluster: an environment of its own that names the cluster's context."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.live.driver import Driver
from tools.cluster.documents import GATEWAY_CLASS
from tools.cluster.place import CONTEXT


@dataclass
class ClusterDriver(Driver):
    """`kubeconfig`: the cluster's. Phase 3 there: database in a pod, nothing bought, storage that ends with its pod."""

    kubeconfig: str = ""
    context: str = CONTEXT

    def facts(self) -> dict[str, Any]:
        cluster = {"kubeconfig": self.kubeconfig, "storage": "ephemeral", "gateway_class": GATEWAY_CLASS}
        return {**super().facts(), "kind": "lab", "kube_context": self.context, "cluster": cluster}
