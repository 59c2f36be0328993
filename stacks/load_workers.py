"""Load from hosts of an environment: which may send it, and workers on them around a load test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from environments import home as homes
from environments.model import Environment
from errors import BadInput
from hosts import door
from images.resolve import resolve
from loadtests.plan import Plan, believes
from stacks.deployment import Facts
from templates import release

Report = Callable[[str], None]
IMAGE = "load-worker"
# sshd's default is ten sessions a connection; a worker holds one, and what watches over it needs others.
MOST_ON_A_HOST = 6


def seats(texts: Sequence[str]) -> tuple[str, ...]:
    """`HOST` or `HOST=COUNT` as typed, as one host a worker. Raises BadInput for anything else."""
    found: list[str] = []
    for text in texts:
        host, _, count = text.partition("=")
        number = int(count) if count.isdigit() else 0 if "=" in text else 1
        if not host or not 1 <= number + found.count(host) <= MOST_ON_A_HOST or not number:
            raise BadInput(
                f"--on {text!r} is no host, or not 1 to {MOST_ON_A_HOST} workers on it", hint="cmctl loadtest --on load-1 --on load-2=2"
            )
        found += [host] * number
    return tuple(found)


def check(found: Facts, hosts: Sequence[str], *, many_clients: bool) -> None:
    """Raises BadInput for hosts that cannot send the phase's load.

    `many_clients`: the load pretends to come from many addresses, which only a sender may that the environment trusts.
    """
    environment = found.environment
    unknown = [host for host in dict.fromkeys(hosts) if host not in environment.hosts]
    spare = _spare(found)
    instead = f"--on {spare[0]}" if spare else f"{_example(environment)} under hosts: in environments/{environment.name}.yaml"
    if unknown:
        raise BadInput(
            f"environment {environment.name} has no host {', '.join(unknown)}", why=f"it has {', '.join(environment.hosts)}", hint=instead
        )
    here = [host for host in dict.fromkeys(hosts) if environment.hosts[host].connection != "ssh"]
    if here:
        raise BadInput(
            f"{', '.join(here)} is this machine: --on is for hosts that are reached over SSH", hint="--processes 2 sends more from here"
        )
    _apart(found, hosts, instead)
    if many_clients and environment.kind != "cloud":
        _trusted(environment, hosts)


def _apart(found: Facts, hosts: Sequence[str], instead: str) -> None:
    carried = {host: parts for host in dict.fromkeys(hosts) if (parts := _parts(found)[host])}
    if carried:
        told = "; ".join(f"{host} carries {', '.join(parts)}" for host, parts in carried.items())
        raise BadInput(
            f"{told} of phase {found.phase.number} in {found.environment.name}",
            why="load from there would take the service's own CPU: the two would measure each other", hint=instead,
        )  # fmt: skip


def _parts(found: Facts) -> Mapping[str, list[str]]:
    """Host → the phase's containers on it, and those that it stands on."""
    layouts = [] if found.in_cluster else [found.layout(layer) for layer in found.layers]
    on = {host: [one.name for layout in layouts for one in layout.on(host)] for host in found.environment.hosts}
    return {host: list(dict.fromkeys(names)) for host, names in on.items()}


def _spare(found: Facts) -> list[str]:
    hosts = found.environment.hosts
    return [host for host, parts in _parts(found).items() if not parts and hosts[host].connection == "ssh"]


def _example(environment: Environment) -> str:
    return f"a machine of its own: load-{1 + len(environment.hosts)}: {{connection: ssh, address: …, roles: [load]}}"


def _trusted(environment: Environment, hosts: Sequence[str]) -> None:
    """Else a limit per client would hold all of a worker's users together, and answer instead of the service."""
    addresses = {host: [str(one) for one in (facts.address, facts.private) if one] for host, facts in environment.hosts.items()}
    strange = [host for host in dict.fromkeys(hosts) if not believes(environment, addresses[host])]
    if strange:
        missing = ", ".join(f"{environment.hosts[host].address}/32" for host in strange)
        raise BadInput(
            f"environment {environment.name} does not trust {', '.join(strange)} to say who its clients are",
            why="all of its users would be one client, whom the limits per client stop",
            hint=f"add {missing} to trusted_proxies, and deploy that",
        )


@contextmanager
def at_work(plan: Plan, found: Facts, hosts: Sequence[str], processes: int, report: Report) -> Iterator[Plan]:
    """The plan with a worker for each entry of `hosts`, who wait for their leader within the block, beside `processes` on this machine."""
    image = resolve([IMAGE], found.version, {}, report)[IMAGE].reference
    targets = {host: release.reached(found.environment, host, homes.home()) for host in dict.fromkeys(hosts)}
    report(f"starting {len(hosts)} load workers on {', '.join(targets)}")
    with door.at_work_now(targets, plan.run, image, hosts, report) as port:
        told = {
            "workers": processes + len(hosts),
            "processes": processes,
            "hosts": tuple(hosts),
            "crew_host": "127.0.0.1",
            "crew_port": port,
        }
        yield plan.model_copy(update=told)
