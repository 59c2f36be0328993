"""The types of an environment: where a phase runs."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from documents import broken
from environments.cloud import CloudMachine
from environments.ssh import Jump, Login, Port, check_reached

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Title = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Folder = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}$")]
FilePath = Annotated[str, Field(min_length=1)]
DomainName = Annotated[str, Field(max_length=200, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$")]
Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+(/\S*)?$")]
BackendUrl = Annotated[str, Field(pattern=r"^(file|s3|gs|azblob|https?)://.")]


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Host(Login):
    """One machine. `address` is what others reach it by; `roles` are the phases' role names it may play, in every phase.

    `private` is its address in a network that only the environment's hosts share: what they call each other by, if there is one.

    `root` is cmctl's own folder on it; without one, a folder under cmctl's home for this machine, /var/lib/cmctl for others.
    `jump` names another ssh host, or an entry of `jumps`, that it is reached through.
    """

    connection: Literal["local", "ssh"]
    address: IPv4Address
    private: IPv4Address | None = None
    roles: Annotated[tuple[Slug, ...], Field(min_length=1)]
    root: Folder | None = None
    jump: Slug | None = None

    @model_validator(mode="after")
    def key_is_pinned(self) -> Host:
        check_reached("an ssh host", self.connection, self, self.address, self.jump)
        return self


class Listen(Facts):
    """The addresses and ports that are open to others than the platform itself; everything else stays closed."""

    address: IPv4Address
    http: Port
    https: Port
    prometheus: Port | None = None

    @model_validator(mode="after")
    def each_its_own(self) -> Listen:
        if self.https == self.http:
            raise broken(f"{self.https} is http's port", "https")
        if self.prometheus in {self.http, self.https}:
            raise broken(f"{self.prometheus} is taken by http or https", "prometheus")
        return self


class Providers(Facts):
    """Who plays the cloud: `container` and `local` run here, `atlas` and `cloudflare` are bought."""

    database: Literal["container", "atlas"]
    edge: Literal["local", "cloudflare"]


class State(Facts):
    """Pulumi's state: a backend URL; without one, a folder under cmctl's own. `solo: true` accepts that one person deploys."""

    backend: BackendUrl | None = None
    solo: bool = False

    @property
    def on_one_machine(self) -> bool:
        return self.backend is None or self.backend.startswith("file://")


class Secrets(Facts):
    """`generated` makes missing ones up and keeps them 0600 (local only); `env` and `file` read what the operator gives."""

    origin: Literal["generated", "env", "file"] = Field(alias="from")
    path: FilePath | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def path_goes_with_file(self) -> Secrets:
        if self.origin == "file" and not self.path:
            raise broken("from: file needs path")
        if self.origin != "file" and self.path:
            raise broken(f"goes with from: file, not with {self.origin}", "path")
        return self


class Tls(Facts):
    """Where the certificate comes from.

    `generated`: an own authority for this machine only. `files`: paths of a certificate chain and its key. `acme`: an
    authority that asks the load balancers for proof (`directory`, by default Let's Encrypt's); `email` is told of trouble,
    `trust` is a file of the authorities that the directory's own certificate comes from, where they are no public ones.
    """

    origin: Literal["generated", "files", "acme"] = Field(alias="from")
    certificate: FilePath | None = None
    key: FilePath | None = None
    directory: Annotated[str, Field(pattern=r"^https://[^\s]+$")] | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] | None = None
    trust: FilePath | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    @model_validator(mode="after")
    def paths_go_with_files(self) -> Tls:
        if self.origin == "files" and not (self.certificate and self.key):
            raise broken("from: files needs certificate and key")
        if self.origin != "files" and (self.certificate or self.key):
            raise broken(f"goes with from: files, not with {self.origin}", "certificate" if self.certificate else "key")
        stray = [name for name in ("directory", "email", "trust") if getattr(self, name)]
        if self.origin != "acme" and stray:
            raise broken(f"goes with from: acme, not with {self.origin}", stray[0])
        return self


class Atlas(Facts):
    """Where the database cluster lives. The API keys are in the environment (MONGODB_ATLAS_PUBLIC_API_KEY, …_PRIVATE_API_KEY)."""

    project_id: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    region: Annotated[str, Field(pattern=r"^[A-Z0-9_]+$")]
    provider: Literal["AWS", "GCP", "AZURE"] = "AWS"


class Cloudflare(Facts):
    """The zone that holds the domain. The token is in the environment (CLOUDFLARE_API_TOKEN)."""

    zone_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Cluster(Facts):
    """The Kubernetes cluster of phase 3, beside `kube_context`.

    `identity`: the uid of its namespace kube-system, which no other cluster has. `kubeconfig`: a file (a relative path lies
    under cmctl's home); without one, what kubectl reads. `controller`: whose rate limits the gateway understands; `routing`:
    ingress where a cluster has no Gateway API. `addresses`: the gateway's public ones, for the edge's names. `registry`: where
    the platform's own images are pushed; without one they are on the nodes already. `storage`: volume claims of
    `storage_class`, or ephemeral, for test clusters. `traces`: an OTLP/HTTP receiver.
    """

    identity: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] | None = None
    kubeconfig: FilePath | None = None
    gateway_class: Slug = "traefik"
    gateway_namespace: Slug = "traefik"
    controller: Literal["traefik", "other"] = "other"
    routing: Literal["gateway", "ingress"] = "gateway"
    addresses: tuple[IPv4Address, ...] = ()
    registry: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$")] | None = None
    storage_class: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")] | None = None
    storage: Literal["claims", "ephemeral"] = "claims"
    traces: Annotated[str, Field(pattern=r"^https?://[^\s/]+$")] | None = None


class Environment(Facts):
    """Where a phase runs. `network` is the private network of the containers on one host, with room for 256 addresses.

    `prometheus_url` is where commands ask for live figures; without one only a local environment's own Prometheus is asked.
    """

    name: Slug
    title: Title
    kind: Literal["local", "lab", "cloud"]
    domain: DomainName
    listen: Listen
    network: IPv4Network
    hosts: Annotated[dict[Slug, Host], Field(min_length=1)]
    jumps: dict[Slug, Jump] = {}
    machines: dict[Slug, CloudMachine] = {}
    providers: Providers
    state: State = State()
    secrets: Secrets
    tls: Tls
    trusted_proxies: tuple[IPv4Network, ...] = ()
    prometheus_url: Url | None = None
    kube_context: Annotated[str, Field(min_length=1)] | None = None
    cluster: Cluster = Cluster()
    atlas: Atlas | None = None
    cloudflare: Cloudflare | None = None

    @model_validator(mode="after")
    def state_is_the_teams(self) -> Environment:
        """Two laptops with a state each would hold two truths about one fleet."""
        if self.kind == "cloud" and self.state.on_one_machine and not self.state.solo:
            where = self.state.backend or "a folder of cmctl's own"
            raise broken(
                f"{where} is on one machine only, and a second person's deploy would hold another truth: "
                "give a backend that all share (s3://, gs://, azblob://, https://), or say solo: true if one person deploys",
                "state", *(("backend",) if self.state.backend else ()),
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def network_is_free(self) -> Environment:
        network = self.network
        if network.prefixlen > 24 or not network.is_private or network.is_loopback:
            raise broken(f"{network} is no private network of 256 addresses or more", "network")
        taken = {"listen.address": self.listen.address} | {f"hosts.{name}.address": host.address for name, host in self.hosts.items()}
        taken |= {f"hosts.{name}.private": host.private for name, host in self.hosts.items() if host.private}
        for where, address in taken.items():
            if address in network:
                raise broken(f"{network} holds {where} {address}, which is no container's", "network")
        return self

    @model_validator(mode="after")
    def hosts_are_different(self) -> Environment:
        """All doubled addresses are told at the first of them."""
        places = Counter((host.address, host.port) for host in self.hosts.values() if host.connection == "ssh")
        inside = Counter(host.private for host in self.hosts.values() if host.private)
        found: dict[str, tuple[str, str]] = {}
        for name, host in self.hosts.items():
            if places[host.address, host.port] > 1:
                found.setdefault(f"{host.address} port {host.port} is given to more than one host", (name, "address"))
            if host.private and inside[host.private] > 1:
                found.setdefault(f"{host.private} is given to more than one host", (name, "private"))
            if host.private and any(other.address == host.private for one, other in self.hosts.items() if one != name):
                found.setdefault(f"{host.private} is another host's address", (name, "private"))
        if found:
            raise broken("; ".join(found), "hosts", *next(iter(found.values())))
        return self

    @model_validator(mode="after")
    def jumps_are_there(self) -> Environment:
        doors = {**self.jumps, **{name: host for name, host in self.hosts.items() if host.connection == "ssh"}}
        for name in self.jumps:
            if name in self.hosts:
                raise broken("is a host's name too", "jumps", name)
            self.jumps[name].check_pinned("a jump host", str(self.jumps[name].address))
        for name, host in self.hosts.items():
            if host.jump and (host.jump not in doors or host.jump == name):
                raise broken(f"{host.jump} is no other ssh host and no entry of jumps", "hosts", name, "jump")
            if host.jump and host.jump in self.hosts and self.hosts[host.jump].jump:
                raise broken(f"{host.jump} is itself reached through another: one jump is the most", "hosts", name, "jump")
        return self

    def door(self, host: str) -> Host | Jump | None:
        """What a host is reached through, if anything."""
        jump = self.hosts[host].jump
        return None if jump is None else self.jumps.get(jump) or self.hosts[jump]

    @model_validator(mode="after")
    def not_everybody_is_trusted(self) -> Environment:
        for index, network in enumerate(self.trusted_proxies):
            if network.prefixlen == 0:
                raise broken("lets anybody say what his address is: limits per client would hold nobody", "trusted_proxies", index)
        return self
