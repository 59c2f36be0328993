"""A real Kubernetes cluster on this machine, in namespaces of its own: `Cluster` is the door."""

from tools.cluster.cluster import Cluster

__all__ = ["Cluster"]
