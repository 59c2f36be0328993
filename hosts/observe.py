"""What really runs: releases, slots, containers, flags, files. Reads only."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from errors import Unreachable
from hosts import bundles, containers, flags
from hosts import lease as leases
from hosts import state as states
from hosts.containers import Container
from hosts.fleet import Host, connect, each, together
from hosts.owner import Holder
from hosts.run import expected
from hosts.state import Journal, State
from layout.release import ReleaseSpec, Target

# $1 stack folder, $2 release: base files as they are mounted, slot files as they were started
ARCHIVE = 'cd "$1" && tar -c -f - $([ -d base ] && echo base) 2>/dev/null'
SLOT_ARCHIVE = 'cd "$1/releases/$2" 2>/dev/null && tar -c -f - $(ls -d blue green secrets 2>/dev/null) 2>/dev/null'


# One host beside its release: what is there, how it differs, and why it could not be asked.
Beside = tuple["Observed | None", list[str], Unreachable | None]


@dataclass(frozen=True)
class Observed:
    """One host. `state` is None where the stack has never settled; `files` are the bundle's files as they stand there."""

    host: str
    state: State | None
    journal: Journal | None
    flags: tuple[str, ...]
    containers: tuple[Container, ...]
    releases: tuple[str, ...]
    holder: Holder | None

    @property
    def live(self) -> str:
        return flags.slot(self.flags)


@dataclass(frozen=True)
class Compared:
    """A layer's hosts, and how they differ from a settled release, as sentences: another release, open operations, containers, files.

    `away` tells the machines that did not answer, so that only who needs them fails: a first deploy starts an engine that stands still.
    """

    hosts: dict[str, Observed]
    differences: tuple[str, ...]
    away: Unreachable | None = None

    def whole(self) -> Compared:
        """This, where all machines have answered. Raises Unreachable where not."""
        if self.away:
            raise self.away
        return self


async def observe(stack: str, targets: dict[str, Target]) -> dict[str, Observed]:
    """Host → what is there. Raises Unreachable when a host or its engine does not answer."""
    return await each(connect(stack, targets), lambda host: _observe(host, stack))


async def _observe(host: Host, stack: str) -> Observed:
    return Observed(
        host=host.name,
        state=await states.load(host),
        journal=await states.journal(host),
        flags=await flags.read(host),
        containers=tuple(await containers.listed(host, stack)),
        releases=tuple(await bundles.kept(host)),
        holder=await leases.holder(host),
    )


async def files(stack: str, targets: dict[str, Target]) -> dict[str, dict[str, str]]:
    """Host → path → text of the bundle's files as they stand on the host now (plain and secret)."""
    return await each(connect(stack, targets), _files)


async def _files(host: Host) -> dict[str, str]:
    state = await states.load(host)
    if state is None:
        return {}
    found = await _tar(host, ["sh", "-c", ARCHIVE, "archive", host.paths.folder])
    release = state.slots.get(state.live, state.release)
    return found | await _tar(host, ["sh", "-c", SLOT_ARCHIVE, "archive", host.paths.folder, release])


async def _tar(host: Host, argv: list[str]) -> dict[str, str]:
    # Base64 keeps the archive whole on a connection that carries text.
    done = await host.connection.run(["sh", "-c", '"$@" | base64 -w0', "text", *argv])
    if not done.stdout:
        return {}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(done.stdout))) as tar:
        entries = [(entry.name, tar.extractfile(entry)) for entry in tar.getmembers() if entry.isfile()]
        return {name: content.read().decode(errors="replace") for name, content in entries if content is not None}


async def compare(specs: Mapping[str, ReleaseSpec]) -> dict[str, Compared]:
    """Layer → its hosts beside its release. All layers at once, so a machine that plays in several is reached once."""
    places = {f"{layer} {name}": host for layer, spec in specs.items() for name, host in connect(spec.stack, spec.hosts).items()}
    by_stack = {spec.stack: spec for spec in specs.values()}
    found = await each(places, lambda host: _compare(host, by_stack[host.paths.stack]))
    return {layer: _compared({name: found[f"{layer} {name}"] for name in sorted(spec.hosts)}) for layer, spec in specs.items()}


def _compared(found: Mapping[str, Beside]) -> Compared:
    away = [error for _, _, error in found.values() if error]
    lines = tuple(line for _, several, _ in found.values() for line in several)
    return Compared({name: seen for name, (seen, _, _) in found.items() if seen}, lines, together(away) if away else None)


async def _compare(host: Host, spec: ReleaseSpec) -> Beside:
    try:
        one = await _observe(host, spec.stack)
        if one.state is None or one.state.release != spec.release_id() or one.journal is not None:
            return one, [f"{host.name}: another release, or an operation that did not end"], None
        edited = [f"{host.name}: {path} was edited" for path in await bundles.differing(host, spec, one.state.live)]
    except Unreachable as error:
        return None, [], error
    return one, missing(one, expected(spec, host.name, one.state)) + edited, None


def missing(observed: Observed, expected: set[str]) -> list[str]:
    """Expected containers that do not run, and containers of the stack nobody expects, as sentences."""
    running = {one.name for one in observed.containers if one.state == "running"}
    gone = [f"{observed.host}: {name} does not run" for name in sorted(expected - running)]
    sick = [
        f"{observed.host}: {one.name} is unhealthy" for one in observed.containers if "unhealthy" in one.status and one.name in expected
    ]
    return gone + sick
