"""The way of a request to a service: names under the environment's domain, routes, limits per client, timeouts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from documents import broken

# nginx keeps TLS sessions under this name, where it keeps limits under theirs.
BALANCERS_OWN = "tls"


def _free(name: str) -> str:
    if name == BALANCERS_OWN:
        raise ValueError(f"{name} is a name of the load balancer's own")
    return name


Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
LimitName = Annotated[Slug, AfterValidator(_free)]
Positive = Annotated[int, Field(gt=0, le=10**9, strict=True)]
Label = Annotated[str, Field(pattern=r"^(@|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*)$")]
UrlPath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]*$")]


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Timeouts(Facts):
    connect_s: Positive
    send_s: Positive
    read_s: Positive


class RateLimit(Facts):
    """Requests per second for one client address; `burst` requests may come at once."""

    rate_per_s: Positive
    burst: Positive


class Route(Facts):
    """Where requests for `path` (a prefix; the longest wins) on a kind of domain go.

    `idempotent` routes may be retried on another instance whatever the method; others only for GET and HEAD.
    """

    domain: Literal["web", "api", "cdn"]
    path: UrlPath
    service: Slug
    limit: Slug | None = None
    timeouts: Timeouts
    body_mb: Positive = 1
    idempotent: bool = False
    websocket: bool = False
    immutable: bool = False


class Domains(Facts):
    """Names under the environment's domain; `@` is the domain itself."""

    web: Annotated[tuple[Label, ...], Field(min_length=1)]
    api: tuple[Label, ...] = ()
    cdn: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def each_leads_to_one(self) -> Domains:
        """A load balancer takes the routes of the first kind that names it, and leaves the others out."""
        seen: dict[str, str] = {}
        for kind in ("web", "api", "cdn"):
            for index, label in enumerate(getattr(self, kind)):
                if label in seen:
                    raise broken(f"{label} is there already, under {seen[label]}: give its routes that domain", kind, index)
                seen[label] = kind
        return self
