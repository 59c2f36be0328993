"""layout → the release that hosts run: bundles, readiness checks, jobs, probes, gate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from environments.certificates import Certificate
from environments.model import Environment
from environments.model import Host as HostFacts
from environments.ssh import Jump
from layout.model import SLOTS, Fixed, Instance, Layout
from layout.release import Check, Command, GateLimits, Login, Probe, Ready, ReleaseSpec, Target
from templates import base, names
from templates.nginx import OLDEST, PROBE_PORT, Version
from templates.relief import reliefs
from templates.render import bundles


def spec(
    layout: Layout, version: str, images: Mapping[str, str], secrets: Mapping[str, str], certificate: Certificate, home: Path,
    nginx_version: Version = OLDEST,
) -> ReleaseSpec:  # fmt: skip
    """The release of one layer. `home` is where this machine's own host folder lies, `nginx_version` the one in the image."""
    balancers = layout.all("balancer")
    used = {one.image for one in layout.fixed} | {layout.platform.services[one.service].image for one in layout.instances}
    return ReleaseSpec(
        stack=layout.stack,
        version=version,
        hosts={host: target(layout, host, home) for host in layout.hosts},
        bundles=bundles(layout, images, secrets, certificate, nginx_version),
        images={name: images[name] for name in sorted(used)},
        network={"name": names.network(layout.platform, layout.environment), "subnet": str(layout.environment.network)},
        balancers=tuple(one.host for one in balancers),
        flags=(f"phase{layout.phase.number}",) if layout.layer == "edge" else (),
        ready=_ready(layout),
        checks={slot: _checks(layout, slot, balancers) for slot in SLOTS} if balancers else {},
        commands=_commands(layout),
        probes=tuple(probe for balancer in balancers for probe in _probes(layout, balancer)),
        gate=GateLimits(**layout.phase.gate.model_dump(), waits=(layout.platform.long_poll.path,) if layout.platform.long_poll else ()),
        reliefs=reliefs(layout),
    )


def target(layout: Layout, host: str, home: Path) -> Target:
    """How a host of the layout is reached, and cmctl's folder on it."""
    return reached(layout.environment, host, home)


def reached(environment: Environment, host: str, home: Path) -> Target:
    """How a host of the environment is reached, also one that no phase uses, and cmctl's folder on it."""
    facts = environment.hosts[host]
    root = facts.root or (str(home / "hosts" / host) if facts.connection == "local" else "/var/lib/cmctl")
    door = environment.door(host)
    return Target(
        connection=facts.connection, root=root, jump=Login(**_login(door)) if door else None, **_login(facts),
    )  # fmt: skip


def _login(facts: HostFacts | Jump) -> dict[str, Any]:
    given = facts.model_dump(include={"user", "port", "identity", "host_key", "known_hosts"}, exclude_none=True)
    return {"address": str(facts.address), **given}


def _checks(layout: Layout, slot: str, askers: tuple[Fixed, ...]) -> tuple[Check, ...]:
    """Every load balancer asks every instance, each from its own place."""
    return tuple(
        Check(
            host=one.host, container=names.container(layout, one), asker_host=asker.host, asker=names.container(layout, asker),
            url=f"http://{one.seen_from(asker.host)}{layout.platform.services[one.service].ready}",
        )
        for one in layout.instances
        if one.slot == slot
        for asker in askers
    )  # fmt: skip


def _ready(layout: Layout) -> tuple[Ready, ...]:
    return tuple(
        Ready(host=one.host, container=names.container(layout, one), command=base.ready_command(one), reload=base.RELOAD.get(one.image, ()))
        for one in layout.fixed
    )


def _commands(layout: Layout) -> tuple[Command, ...]:
    return tuple(
        Command(name=job.name, host=one.host, instance=one.name, command=job.command, when=job.when, timeout_s=job.timeout_s)
        for job in layout.platform.jobs
        if (one := _first(layout, job.service)) is not None
    )


def _first(layout: Layout, service: str) -> Instance | None:
    return next(iter(layout.of(service, "blue")), None)


def _probes(layout: Layout, balancer: Fixed) -> list[Probe]:
    name = names.domains(layout.platform, layout.environment, "web")[0]
    return [
        Probe(host=balancer.host, balancer=names.container(layout, balancer), url=f"http://127.0.0.1:{PROBE_PORT}{path}", name=name)
        for path in layout.platform.probes
    ]
