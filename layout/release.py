"""A release as a value: everything the hosts need to run one version of one layer, and nothing of Pulumi or templates.

A bundle's files lie under `base/` (load balancer, Redis, Prometheus …: never in a slot), `blue/` and `green/`
(the same services for either slot); secret files under `base/secrets/` and, for the slots, `secrets/`. Each of the
three folders has a `compose.yaml` where that part exists. The hash of all of it is the release's id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

# The secret file with the certificate's chain and its key: one file, so that a renewal replaces both in one rename.
CERTIFICATE = "base/secrets/tls/pair.pem"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Bundle(Part):
    """All rendered files of one host: relative path → text."""

    files: dict[str, str]
    secret_files: dict[str, str] = {}


class Login(Part):
    """One machine to log in to. Paths stand as the environment's file has them: `~` and cmctl's home are each person's own."""

    address: str
    user: str = ""
    port: int = 22
    identity: str = ""
    host_key: str = ""
    known_hosts: str = ""


class Target(Login):
    """How a host is reached, and the folder that is cmctl's own on it. `jump` is the machine it is reached through."""

    connection: Literal["local", "ssh"]
    root: str
    jump: Login | None = None


class Check(Part):
    """One instance's readiness: `url` answers below 400 when asked from inside the container `asker` on `asker_host`.

    `container` on `host` is the one whose last log lines explain a failure.
    """

    host: str
    container: str
    asker_host: str
    asker: str
    url: str


class Ready(Part):
    """A container that is never in a slot is ready when `command`, run inside it, ends with 0. `reload` makes it read its files anew."""

    host: str
    container: str
    command: tuple[str, ...]
    reload: tuple[str, ...] = ()


class Command(Part):
    """A one-off command in the new version: run inside `instance` of the new slot, which has no user traffic yet, on `host`."""

    name: str
    host: str
    instance: str
    command: tuple[str, ...]
    when: Literal["before-switch", "after-switch"]
    timeout_s: int


class Probe(Part):
    """A request through the load balancer `balancer` on `host`, which a healthy release answers below 500."""

    host: str
    balancer: str
    url: str
    name: str


class Entrance(Part):
    """A port that a load balancer has on its host: requests to `address`:`port` reach port `inside` of its container."""

    address: str
    port: int
    inside: int


class Relief(Part):
    """What stands in for a host's load balancer or edge while that is made anew (`base/relief.yaml`): its container and its address.

    `stands_for`: the balancer's own container. `entrances`: its ports on the host; none where only the edge beside it calls it.
    `drain_s`: after so long a busy keep-alive connection has been ended politely. `edge`: the stack of the edge that calls it.
    """

    container: str
    stands_for: str
    address: str
    entrances: tuple[Entrance, ...]
    drain_s: int
    edge: str = ""


class GateLimits(Part):
    """What the gate of a release asks for. `canary`: shares in per cent that the new version gets first, each for `canary_s`.

    `waits`: paths whose requests wait on purpose, so that their time says nothing.
    """

    window_s: int
    min_requests: int
    error_ratio: float
    p95_ms: int
    ready_s: int
    keep_warm_s: int
    canary: tuple[int, ...] = ()
    canary_s: int = 5
    waits: tuple[str, ...] = ()


class ReleaseSpec(Part):
    """One version of one layer on all its hosts.

    `images`: catalogue name → reference the engine understands (repository@digest, or the id of a local image).
    `balancers`: hosts whose `live/` folder holds the flag. Layers without slots (data, edge) have none.
    `flags`: for a layer without slots, files that stand in `live/`, e.g. {"phase2": ""} at the local edge.
    `reliefs`: host → what keeps its entrance open while its load balancer is made anew; none where the entrance is not public.
    `network`: name and subnet of the containers' network on each host.
    """

    stack: str
    version: str
    hosts: dict[str, Target]
    bundles: dict[str, Bundle]
    images: dict[str, str]
    network: dict[str, str]
    balancers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    ready: tuple[Ready, ...] = ()
    checks: dict[Literal["blue", "green"], tuple[Check, ...]] = {}
    commands: tuple[Command, ...] = ()
    probes: tuple[Probe, ...] = ()
    gate: GateLimits
    reliefs: dict[str, Relief] = {}

    @property
    def slotted(self) -> bool:
        return bool(self.balancers)

    def release_id(self) -> str:
        """`<version>-<12 hex>`; the hex digits are the hash of all inputs but how hosts are reached and worked on, and the certificate.

        Same input, same id. A certificate is renewed while a release stands: it makes no other version of it.
        """
        lasting = {host: {"secret_files": {CERTIFICATE}} for host in self.bundles}
        content = self.model_dump(mode="json", exclude={"hosts": True, "gate": True, "reliefs": True, "bundles": lasting})
        return f"{self.version}-{hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]}"

    def certified(self, pairs: Mapping[str, str]) -> ReleaseSpec:
        """The same release with other certificates: host → PEM text of chain and key, for hosts that have one."""
        bundles = {
            host: bundle.model_copy(update={"secret_files": bundle.secret_files | {CERTIFICATE: pairs[host]}})
            if host in pairs and CERTIFICATE in bundle.secret_files else bundle
            for host, bundle in self.bundles.items()
        }  # fmt: skip
        return self.model_copy(update={"bundles": bundles})

    def part_id(self, part: Literal["base", "slot"]) -> str:
        """The hash of only the base or only the slot files, so that an unchanged part is left alone."""
        prefixes = ("base/",) if part == "base" else ("blue/", "green/", "secrets/")
        files = {
            host: {
                path: text
                for path, text in (*bundle.files.items(), *bundle.secret_files.items())
                if path.startswith(prefixes) and path != CERTIFICATE
            }
            for host, bundle in self.bundles.items()
        }
        return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:12]
