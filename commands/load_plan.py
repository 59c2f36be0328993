"""What a load test plays: the plan from the platform's, the phase's and the environment's files, and what runs there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import psutil

from commands import options, ui
from environments.certificates import certificate
from environments.home import home
from environments.load import load as load_environment
from environments.model import Environment
from errors import BadInput, Unreachable
from loadtests.plan import Plan, Probe, believes, plan_for, with_workers
from phases.load import load
from phases.model import Phase, Platform
from stacks import load_workers
from stacks.deployment import Facts, Wish, facts
from stacks.standing import standing
from templates import names

# One for the phase, one for what loads it.
LOCAL_CPUS = 2


@dataclass(frozen=True)
class Senders:
    """Who sends: processes on this machine, workers elsewhere that come to `bind`, and one on a host for each entry of `on`."""

    processes: int = 1
    remote: int = 0
    bind: str = ""
    on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What to load: `values` are what journeys need from outside; `prometheus` is asked what is in use meanwhile."""

    platform: str
    phase: int
    environment: str
    url: str | None = None
    values: Mapping[str, str] | None = None
    i_own_this: bool = False
    senders: Senders = Senders()
    prometheus: str | None = None

    @property
    def where(self) -> str:
        """The options that name what is loaded, for a command to type next."""
        return options.where(self.platform, self.phase, self.environment)


def senders(processes: int | None, workers: int, bind: str, on: Sequence[str]) -> Senders:
    """Options as typed. With hosts that send, this machine does only when it is told to. Raises BadInput for what does not go together."""
    if on and (workers or bind):
        raise BadInput(
            "--on starts its own workers, --workers and --bind wait for those that a person starts",
            hint=f"cmctl loadtest --on {' --on '.join(on)}",
        )
    return Senders((0 if on else 1) if processes is None else processes, workers, bind, load_workers.seats(on))


def live_phase(platform: str, environment: str) -> int:
    """The phase that users are sent to. Raises BadInput where that cannot be told."""
    with suppress(Unreachable):
        seen = standing(platform, environment)
        if seen.live is not None:
            return seen.live
    raise BadInput(
        f"which phase? none is known to be live in {environment}", hint=f"cmctl loadtest {options.where(platform, 2, environment)}"
    )


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises BadInput for one without a name or a value."""
    wrong = [text for text in texts if not all(text.partition("="))]
    if wrong:
        raise BadInput(f"--set {wrong[0]!r} is not name=value")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def phase(asked: Asked) -> Phase:
    return load(asked.platform).phase(asked.phase)


def elsewhere(asked: Asked, base: str) -> Asked:
    """The same phase at a URL of the same environment, or in another environment of that name."""
    there = replace(asked, senders=replace(asked.senders, on=()))
    return replace(there, url=base) if "://" in base else replace(there, environment=base, url=None)


@contextmanager
def sent(asked: Asked, plan: Plan) -> Iterator[Plan]:
    """The plan as it is sent: with workers on hosts, where they were asked for, at work within the block."""
    if not asked.senders.on:
        yield plan
        return
    with load_workers.at_work(plan, _facts(asked), asked.senders.on, asked.senders.processes, ui.say) as crewed:
        yield crewed


def _facts(asked: Asked) -> Facts:
    return facts(Wish(asked.platform, asked.phase, asked.environment))


def probes_plan(asked: Asked, *probes: Probe) -> Plan:
    """A plan that plays these probes against the phase's own SLO."""
    return _plan(asked, probes)


def search_plan(asked: Asked) -> Plan:
    """A plan without probes, for a search, with the limits of the platform's other phases beside the own one's."""
    phases = load(asked.platform).phases
    return _plan(asked, (), [one for number, one in sorted(phases.items()) if number not in (0, asked.phase)])


def one_machine(environment: Environment) -> bool:
    """Whether the phase runs on the machine that loads it."""
    return environment.kind in ("local", "lab")


def enough_cpus(asked: Asked, environment: Environment, cpus: int) -> None:
    """Raises BadInput where the senders would have no CPU of their own."""
    if one_machine(environment) and cpus < LOCAL_CPUS:
        raise BadInput(
            f"this machine has {cpus} CPU: the phase and its load would measure each other",
            hint="load it from another machine, or on two CPUs",
        )
    if asked.senders.processes > cpus:
        raise BadInput(
            f"{asked.senders.processes} processes on {cpus} CPUs would wait for each other",
            hint=f"--processes {cpus}, or --on other hosts",
        )


def cpus_here() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _sent_from(asked: Asked, environment: Environment) -> list[list[str]]:
    """The addresses of each machine that sends; a host that there is not is refused later, by name."""
    hosts = [[str(environment.hosts[name].address)] for name in asked.senders.on if name in environment.hosts]
    return [*([addresses_here()] if asked.senders.processes else []), *hosts]


def addresses_here() -> list[str]:
    """The IPv4 addresses of this machine. One that a router puts in their place is not among them: it is then one client."""
    return [one.address for card in psutil.net_if_addrs().values() for one in card if one.family == socket.AF_INET]


def _plan(asked: Asked, probes: tuple[Probe, ...], others: Sequence[Phase] = ()) -> Plan:
    loaded, environment = load(asked.platform), load_environment(asked.environment)
    enough_cpus(asked, environment, cpus_here())
    plan = plan_for(
        loaded.platform, loaded.phase(asked.phase), environment, probes, authority=authority(loaded.platform, environment), url=asked.url,
        variables=asked.values or None, version=loaded.platform.version, i_own_this=asked.i_own_this, others=others, sent_from=_sent_from(asked, environment),
    )  # fmt: skip
    if asked.senders.on:
        load_workers.check(_facts(asked), asked.senders.on, many_clients=plan.client_addresses > 0)
        plan = plan.model_copy(update={"leads_alone": not believes(environment, addresses_here())})
    else:
        plan = with_workers(plan, asked.senders.processes, asked.senders.remote, asked.senders.bind)
    return plan.model_copy(update={"version": version_there(asked) or plan.version})


def authority(platform: Platform, environment: Environment) -> str:
    """The PEM text of the authority that an environment's own certificates come from; empty where the world's are used."""
    if environment.tls.origin != "generated":
        return ""
    return certificate(environment, names.all_domains(platform, environment), home()).authority


def version_there(asked: Asked) -> str:
    """The version that the phase runs; empty where its hosts cannot be asked (the load itself then shows whether they serve).

    Raises BadInput when users are sent to another phase: its figures would be kept under the wrong name.
    """
    with suppress(Unreachable):
        seen = standing(asked.platform, asked.environment)
        if seen.live is not None and seen.live != asked.phase:
            raise BadInput(
                f"phase {seen.live} is live in {asked.environment}, not phase {asked.phase}",
                hint=f"cmctl loadtest {options.where(asked.platform, seen.live, asked.environment)}, or cmctl deploy {asked.where} first",
            )
        states = (one.state for one in seen.layers.get(f"phase{asked.phase}", {}).values())
        return next((state.version for state in states if state), "")
    return ""
