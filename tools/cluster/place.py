"""Where a lab cluster stands: its namespace, addresses and folder. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from environments.home import home
from errors import BadInput

CONTEXT = "cmctl-lab"
API_PORT = 6443
METRICS_PORT = 10251
NODE_PORT = 10250
NUMBERS = 32


@dataclass(frozen=True)
class Place:
    """One cluster's own networks: 10.90.n.0/24 joins it to this machine, 10.91.n.0/24 are its pods, 10.92.n.0/24 its Services.

    `number` 0 is the one a person uses; others let a second one run beside it. Everything of it lies below `folder`.
    """

    folder: Path
    number: int = 0

    @property
    def name(self) -> str:
        return f"cmctl-cluster-{self.number}" if self.number else "cmctl-cluster"

    @property
    def link(self) -> str:
        """The network interface on this machine's side; at most 15 characters."""
        return f"cmctl-k8s{self.number}"

    @property
    def bridge(self) -> str:
        return "cni-pods"

    @property
    def machine_address(self) -> str:
        return f"10.90.{self.number}.1"

    @property
    def address(self) -> str:
        """The control plane's address, and the real node's."""
        return f"10.90.{self.number}.2"

    @property
    def pods(self) -> str:
        return f"10.91.{self.number}.0/24"

    @property
    def services(self) -> str:
        return f"10.92.{self.number}.0/24"

    @property
    def first_service(self) -> str:
        """The address that Kubernetes gives the Service `kubernetes`."""
        return f"10.92.{self.number}.1"

    @property
    def dns_service(self) -> str:
        return f"10.92.{self.number}.10"

    @property
    def server(self) -> str:
        return f"https://{self.address}:{API_PORT}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """Files that mean something only while the cluster runs."""
        return self.folder / "run"

    @property
    def record(self) -> Path:
        return self.run / "cluster.json"


def place(number: int | None = None) -> Place:
    """The cluster of this user: <home>/cluster. $CMCTL_CLUSTER_NUMBER (0 … 31) chooses another set of addresses."""
    chosen = number if number is not None else _number(os.environ.get("CMCTL_CLUSTER_NUMBER") or "0")
    if not 0 <= chosen < NUMBERS:
        raise BadInput(f"CMCTL_CLUSTER_NUMBER is {chosen}", why=f"there are addresses for 0 … {NUMBERS - 1}")
    return Place(home() / ("cluster" if chosen == 0 else f"cluster-{chosen}"), chosen)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadInput(f"CMCTL_CLUSTER_NUMBER is {text!r}", why="it is no number")
    return int(text)
