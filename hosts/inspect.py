"""Looking into the containers of a stack: their log lines in one order, and a command inside one of them. Changes nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from errors import BadInput
from hosts import containers, flags
from hosts.connection import Completed
from hosts.fleet import Host, connect, each
from layout.release import Target

STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+)Z (.*)", re.DOTALL)


@dataclass(frozen=True)
class Wanted:
    """Which containers: `name` is an instance (backend-1), a service (backend) or empty for all; `part` base, blue, green or live."""

    name: str = ""
    host: str = ""
    part: str = "live"

    def takes(self, stack: str, container: str, live: str) -> bool:
        """Whether a container of the stack is meant: by its own name, or as `<part>-<instance>`."""
        part, _, instance = container.removeprefix(f"{stack}-").partition("-")
        parts = {"live": {"base", live}, "all": {"base", "blue", "green"}}.get(self.part, {self.part})
        named = not self.name or self.name in {container, instance} or re.fullmatch(rf"{re.escape(self.name)}-\d+", instance)
        return part in parts and bool(named)


@dataclass(frozen=True)
class Line:
    """`at`: RFC 3339 in UTC with nanoseconds, the host's clock."""

    at: str
    host: str
    container: str
    text: str


async def chosen(stack: str, targets: Mapping[str, Target], wanted: Wanted) -> list[tuple[Host, str]]:
    """(host, container) pairs in order of their names. Raises BadInput, naming what runs, when there is none."""
    hosts = connect(stack, targets)
    if wanted.host and wanted.host not in hosts:
        raise BadInput(f"{stack} has no host {wanted.host}", why=f"it has {', '.join(hosts)}")
    live = {flags.slot(flags.traffic(one)) for one in (await each(hosts, flags.read)).values() if one} or {"blue"}
    found = await each(hosts, lambda host: containers.listed(host, stack))
    everything = sorted((one.name, name) for name, several in found.items() for one in several)
    some = [
        (hosts[name], one)
        for one, name in everything
        if wanted.host in {"", name} and any(wanted.takes(stack, one, slot) for slot in live)
    ]  # fmt: skip
    if not some:
        known = ", ".join(sorted({one.removeprefix(f"{stack}-") for one, _ in everything})) or "nothing"
        raise BadInput(f"no container {wanted.name or 'at all'} in {stack}", why=f"there is {known}", hint="cmctl status")
    return some


async def logs(pairs: Sequence[tuple[Host, str]], *, tail: int | None, since: str) -> list[Line]:
    """Log lines of all containers, oldest first. `since`: RFC 3339 or a time like 10m; empty for all."""
    lines: list[Line] = []
    for host, container in pairs:
        limits = [*(["--tail", str(tail)] if tail is not None else []), *(["--since", since] if since else [])]
        done = await host.connection.run(["docker", "logs", "--timestamps", *limits, container])
        lines += parse(host.name, container, [*done.stdout.splitlines(), *done.stderr.splitlines()])
    return sorted(lines, key=lambda line: line.at)


def parse(host: str, container: str, lines: Sequence[str]) -> list[Line]:
    """Lines of `docker logs --timestamps`; what has no time belongs to the line before it, and is kept."""
    found: list[Line] = []
    for line in lines:
        stamped = STAMP.fullmatch(line)
        at = f"{stamped[1]}Z" if stamped else (found[-1].at if found else "")
        found.append(Line(at, host, container, stamped[2] if stamped else line))
    return found


async def run(pair: tuple[Host, str], command: Sequence[str], timeout_s: float) -> Completed:
    host, container = pair
    return await containers.inside(host, container, command, timeout_s=timeout_s)
