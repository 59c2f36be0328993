"""The types of an environment: where a phase runs."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Port = Annotated[int, Field(gt=0, lt=65536)]


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Host(Facts):
    """One machine. `address` is what others reach it by; `roles` are the phases' role names it may play, in every phase.

    `root` is cmctl's own folder on it; without one, a folder under cmctl's home for this machine, /var/lib/cmctl for others.
    """

    connection: Literal["local", "ssh"]
    address: IPv4Address
    roles: tuple[Slug, ...]
    root: str | None = None
    user: str = "deploy"
    port: Port = 22
    host_key: str | None = None

    @model_validator(mode="after")
    def key_is_pinned(self) -> Host:
        if self.connection == "ssh" and not self.host_key:
            raise ValueError("an ssh host needs host_key, the line that ssh-keyscan prints for it")
        return self


class Listen(Facts):
    """The addresses and ports that are open to others than the platform itself; everything else stays closed."""

    address: IPv4Address
    http: Port
    https: Port
    prometheus: Port | None = None


class Providers(Facts):
    """Who plays the cloud: `container` and `local` run here, `atlas` and `cloudflare` are bought."""

    database: Literal["container", "atlas"]
    edge: Literal["local", "cloudflare"]


class State(Facts):
    """Pulumi's state: a backend URL; without one, a folder under cmctl's own. `solo: true` accepts that one person deploys."""

    backend: str | None = None
    solo: bool = False


class Secrets(Facts):
    """`generated` makes missing ones up and keeps them 0600 (local only); `env` and `file` read what the operator gives."""

    origin: Literal["generated", "env", "file"] = Field(alias="from")
    path: str | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Tls(Facts):
    """`generated`: an own authority for this machine only; `files`: paths of a certificate chain and its key."""

    origin: Literal["generated", "files"] = Field(alias="from")
    certificate: str | None = None
    key: str | None = None

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Atlas(Facts):
    """Where the database cluster lives. The API keys are in the environment (MONGODB_ATLAS_PUBLIC_API_KEY, …_PRIVATE_API_KEY)."""

    project_id: Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]
    region: Annotated[str, Field(pattern=r"^[A-Z0-9_]+$")]
    provider: Literal["AWS", "GCP", "AZURE"] = "AWS"


class Cloudflare(Facts):
    """The zone that holds the domain. The token is in the environment (CLOUDFLARE_API_TOKEN)."""

    zone_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Environment(Facts):
    """Where a phase runs. `network` is the private network of the containers on one host."""

    name: Slug
    title: str
    kind: Literal["local", "lab", "cloud"]
    domain: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    listen: Listen
    network: IPv4Network
    hosts: dict[Slug, Host]
    providers: Providers
    state: State = State()
    secrets: Secrets
    tls: Tls
    trusted_proxies: tuple[IPv4Network, ...] = ()
    kube_context: str | None = None
    atlas: Atlas | None = None
    cloudflare: Cloudflare | None = None
