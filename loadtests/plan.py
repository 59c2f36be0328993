"""What the generator is told: target, journeys, probes and bounds. One JSON file, read by the child process."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from environments.model import Environment
from errors import BadInput
from loadtests import journeys as catalogue
from phases.model import Journey, LongPoll, Phase, Platform, Slo
from phases.steps import Request

SCHEMA = "cmctl/load-plan/1"
# RFC 2544 sets 198.18.0.0/15 apart for load tests: 131,072 addresses that belong to nobody.
ADDRESS_POOL = 131_072
# The account that the stand-in app's initial data makes; environments of others give their own.
STAND_IN_ADMIN = {"admin_email": "admin@codementee.io", "admin_password": "stand-in-admin"}
PROBE_LIMIT_S = 3600.0


class Fixed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(Fixed):
    """`url` names the site; `address` and `port` are where to connect instead of what the name resolves to; `authority` is PEM."""

    url: Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:\d{1,5})?$")]
    address: str | None = None
    port: int | None = None
    authority: str = ""

    @model_validator(mode="after")
    def port_is_one(self) -> Target:
        if urlsplit(self.url).port == 0:
            raise ValueError("0 is no port")
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def tls(self) -> bool:
        return self.url.startswith("https:")

    @property
    def named_port(self) -> int:
        return urlsplit(self.url).port or (443 if self.tls else 80)


class Probe(Fixed):
    """One stretch of load. `open`: Poisson arrivals at `rate_per_s`. `closed`: `users` that never think, for the capacity itself.

    With `patience_s` the probe is given up when as many requests wait as arrive in that time; after that, and after a closed
    probe, the service gets time to recover (at most `recovery_s`).
    """

    name: str
    kind: Literal["open", "closed"] = "open"
    rate_per_s: Annotated[float, Field(ge=0, le=100_000)] = 0.0
    users: Annotated[int, Field(ge=0, le=10_000)] = 0
    warmup_s: Annotated[float, Field(ge=0, le=300)] = 5.0
    seconds: Annotated[float, Field(gt=0, le=PROBE_LIMIT_S)]
    patience_s: Annotated[float, Field(gt=0, le=60)] | None = None
    recovery_s: Annotated[float, Field(ge=0, le=300)] = 0.0

    @model_validator(mode="after")
    def has_load(self) -> Probe:
        if (self.rate_per_s if self.kind == "open" else self.users) <= 0:
            raise ValueError("an open probe needs rate_per_s, a closed one users")
        return self


class Plan(Fixed):
    """Everything the child process needs. Times in seconds, limits in ms; `limits_ms[0]` is the SLO's.

    With `workers` the child leads so many, who come to `crew_host` and `crew_port` (`processes` of them are started beside
    it, others sit on `hosts`); without, it sends the load itself. `leads_alone`: who leads is one client, whatever his workers are.
    """

    format: Literal["cmctl/load-plan/1"] = "cmctl/load-plan/1"
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    platform: str
    phase: int
    environment: str
    production: bool
    i_own_this: bool = False
    version: str = ""
    target: Target
    journeys: dict[str, Journey]
    steps: dict[str, Request] = {}
    slo: Slo
    slos: dict[int, Slo] = {}
    limits_ms: Annotated[tuple[float, ...], Field(min_length=1)]
    variables: dict[str, str] = {}
    client_addresses: Annotated[int, Field(ge=0, le=ADDRESS_POOL)] = 0
    accounts: Annotated[int, Field(ge=0, le=1000)] = 20
    part: Annotated[int, Field(ge=0)] = 0
    parts: Annotated[int, Field(ge=1, le=64)] = 1
    workers: Annotated[int, Field(ge=0, le=64)] = 0
    processes: Annotated[int, Field(ge=0, le=64)] = 0
    hosts: tuple[str, ...] = ()
    leads_alone: bool = False
    crew_host: str = "127.0.0.1"
    crew_port: Annotated[int, Field(ge=0, le=65535)] = 0
    probes: tuple[Probe, ...]
    follow: bool = False
    max_requests: Annotated[int, Field(gt=0, le=5_000_000)] = 1_000_000
    # select() of the HTTP client ends at 1,024 file numbers.
    max_in_flight: Annotated[int, Field(gt=0, le=900)] = 800
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    seed: int = 1
    long_poll: LongPoll | None = None

    @model_validator(mode="after")
    def journeys_are_there(self) -> Plan:
        if not self.journeys:
            raise ValueError("there are no journeys to play")
        return self


def declared_hosts(platform: Platform, environment: Environment) -> tuple[str, ...]:
    """The names under which an environment serves a platform, its own listening address among them."""
    prefixes = (*platform.domains.web, *platform.domains.api, *platform.domains.cdn)
    names = [environment.domain if prefix == "@" else f"{prefix}.{environment.domain}" for prefix in prefixes]
    return (*names, str(environment.listen.address))


def plan_for(
    platform: Platform,
    phase: Phase,
    environment: Environment,
    probes: tuple[Probe, ...],
    *,
    authority: str = "",
    url: str | None = None,
    variables: Mapping[str, str] | None = None,
    version: str = "",
    i_own_this: bool = False,
    others: Sequence[Phase] = (),
    seed: int | None = None,
    sent_from: Sequence[Sequence[str]] = (),
) -> Plan:
    """The plan that plays `platform`'s journeys against `environment`; `others` are phases whose limits are looked for beside,
    `sent_from` the addresses of each machine that sends.

    Raises BadInput for a host that the environment does not declare, for production without `i_own_this`, and for
    journeys with unknown steps or without the values they need.
    """
    target = _target(platform, environment, url, authority)
    if environment.kind == "cloud" and not i_own_this:
        raise BadInput(
            f"{environment.name} is not a test environment: load on it can hurt real users", hint="add --i-own-this if you may do that"
        )
    given = {**({} if environment.kind == "cloud" else STAND_IN_ADMIN), **(variables or {})}
    if not platform.journeys:
        raise BadInput(f"{platform.name} names no journeys", hint="add journeys: to its platform.yaml")
    unknown = catalogue.unknown(platform.journeys, platform.steps)
    if unknown:
        raise BadInput(
            "journeys name steps that there are not",
            why="\n".join(unknown),
            hint="name one of steps: or a known one, or write it out: GET /path",
        )
    lacking = catalogue.missing_variables(platform.journeys.values(), given, platform.steps)
    if lacking:
        raise BadInput(
            f"the journeys need {', '.join(lacking)}", hint="give each as --set name=value, or take the journey out of platform.yaml"
        )
    never = catalogue.never_found(platform.journeys, given, platform.steps)
    if never:
        raise BadInput(
            "journeys have steps that cannot be played", why="\n".join(never), hint="put that step before it, or --set name=value"
        )
    return Plan(
        run=secrets.token_hex(4), platform=platform.name, phase=phase.number, environment=environment.name,
        production=environment.kind == "cloud", i_own_this=i_own_this, version=version, target=target, journeys=platform.journeys, steps=platform.steps,
        slo=phase.slo, slos={one.number: one.slo for one in (phase, *others)}, limits_ms=_limits(phase, others), variables=given,
        client_addresses=_client_addresses(environment, sent_from), probes=probes,
        accounts=_accounts(platform, given),
        seed=secrets.randbelow(2**31) if seed is None else seed, long_poll=platform.long_poll,
    )  # fmt: skip


def _accounts(platform: Platform, given: Mapping[str, str]) -> int:
    """How many are made for returning users; none where all of them use the one that was given."""
    return 20 if catalogue.needs_accounts(platform.journeys.values(), platform.steps) and not {"email", "password"} <= given.keys() else 0


def _client_addresses(environment: Environment, sent_from: Sequence[Sequence[str]]) -> int:
    """Many where every machine that sends is believed when it says for whom it asks; 0 where one is a client like any other."""
    if environment.kind != "cloud":
        return ADDRESS_POOL if environment.trusted_proxies else 0
    return ADDRESS_POOL if sent_from and all(believes(environment, own) for own in sent_from) else 0


def believes(environment: Environment, own: Sequence[str]) -> bool:
    """Whether a machine with these addresses may say for whom it asks."""
    return any(ip_address(one) in network for one in own for network in environment.trusted_proxies)


def _limits(phase: Phase, others: Sequence[Phase]) -> tuple[float, ...]:
    """The phase's own latency limit first, then those of the others, each once."""
    return tuple(dict.fromkeys(float(one.slo.p95_ms) for one in (phase, *others)))


def _target(platform: Platform, environment: Environment, url: str | None, authority: str) -> Target:
    port = "" if environment.listen.https == 443 else f":{environment.listen.https}"
    try:
        target = Target(url=(url or f"https://{environment.domain}{port}").rstrip("/"), authority=authority)
    except ValidationError as error:
        raise BadInput(
            f"{url!r} is no target", why="a target is a scheme and a host: https://example.org or https://localhost:8443"
        ) from error
    known = declared_hosts(platform, environment)
    if target.host not in known:
        raise BadInput(
            f"environment {environment.name} does not declare the host {target.host!r}", why=f"it declares {', '.join(known)}",
            hint="load goes only to hosts that an environment's file declares",
        )  # fmt: skip
    if environment.kind == "cloud":
        return target
    return target.model_copy(update={"address": str(environment.listen.address), "port": target.named_port})


def with_workers(plan: Plan, processes: int, remote: int, bind: str) -> Plan:
    """The plan for several senders: `processes` on this machine and `remote` ones that come to `bind`, HOST:PORT.

    Raises BadInput for a place that is none, and for remote workers without one.
    """
    if processes <= 1 and not remote:
        return plan
    host, _, port = bind.rpartition(":")
    if remote and not (host and port.isdigit() and 0 < int(port) < 65536):
        raise BadInput(f"{bind!r} is no place that remote workers could come to", hint="--bind HOST:PORT, an address of this machine")
    local = {"workers": processes + remote, "processes": processes}
    return plan.model_copy(update={**local, "crew_host": host, "crew_port": int(port)} if remote else local)


def parse(text: str) -> Plan:
    """A plan from JSON. Raises BadInput that names every key that is wrong."""
    try:
        return Plan.model_validate_json(text)
    except ValidationError as error:
        problems = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors(include_url=False)]
        raise BadInput("the load plan is not usable", why="\n".join(problems)) from error
