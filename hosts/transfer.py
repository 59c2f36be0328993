"""Images reach hosts: from their registry where it gives them, else from this machine's engine, missing layers only (ADR 0011)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass

from errors import CmctlError, Unreachable
from hosts.connection import Connection, output
from hosts.fleet import Host, each
from hosts.local import LocalConnection, no_engine
from hosts.ssh import SshConnection
from hosts.ssh_errors import Lost
from hosts.ssh_link import ATTEMPTS
from hosts.transfer_registry import Registry, Taken, server
from hosts.transfer_store import Manifest, Store

Report = Callable[[str], None]
LIMIT_S = 1800.0
SAY_S = 2.0
KEPT = "cmctl/sent"
LOOPBACK = "127.0.0.1"
NAMES = "{{.Id}} {{json .RepoTags}} {{json .RepoDigests}}"


@dataclass(frozen=True)
class Sent:
    """What went to one host: bytes and layers over its connection, and how long it took in seconds."""

    bytes: int
    layers: int
    seconds: float


async def images(
    hosts: Mapping[str, Host], wanted: Mapping[str, Iterable[str]], report: Report, limit_s: float = LIMIT_S
) -> dict[str, Sent]:
    """Bring images of this machine's engine to the hosts' engines; afterwards each has them under the same ids.

    `wanted`: host → image ids. What a host has is not sent. Raises CmctlError or Unreachable, for all hosts at once;
    what has arrived stays, and is not sent again.
    """
    gaps = await each(hosts, lambda host: _missing(host.connection, sorted(set(wanted[host.name]))))
    away = {name: host for name, host in hosts.items() if gaps[name]}
    none = dict.fromkeys(hosts, Sent(0, 0, 0.0))
    if not away:
        return none
    try:
        async with asyncio.timeout(limit_s):
            return none | await _bring_all(away, gaps, report)
    except TimeoutError as error:
        raise Unreachable(
            f"the images did not arrive on {', '.join(away)} within {limit_s:.0f} s",
            hint="run the same command again: what has arrived stays",
        ) from error


async def _missing(connection: Connection, wanted: list[str]) -> list[str]:
    if not wanted:
        return []
    done = await connection.run(["docker", "image", "inspect", "--format", "{{.Id}}", *wanted])
    if done.code and "No such image" not in done.stderr:
        raise no_engine(connection, done.stderr.strip())
    present = set(done.stdout.split())
    return [image for image in wanted if image not in present]


async def _bring_all(hosts: Mapping[str, Host], gaps: Mapping[str, list[str]], report: Report) -> dict[str, Sent]:
    begun = time.monotonic()
    here = LocalConnection("this machine")
    names = await _names(here, sorted({image for name in hosts for image in gaps[name]}))
    left = await each(hosts, lambda host: _from_registries(host, {image: names[image] for image in gaps[host.name]}, report))
    registry = Registry(Store())
    manifests = await _collect(registry, here, {image: names[image] for images in left.values() for image in images}, report)
    taken = await each(hosts, lambda host: _send(host, registry, {image: manifests[image] for image in left[host.name]}, report))
    registry.store.forget_old()
    layers = frozenset[str]().union(*(manifest.layers() for manifest in registry.store.manifests.values()))
    return {name: Sent(one.bytes, len(one.parts & layers), one.ended - begun) for name, one in taken.items()}


@dataclass(frozen=True)
class Names:
    """What an image is called here: its tags, and the registries that it came from, as repository@digest."""

    tags: tuple[str, ...]
    sources: tuple[str, ...]


async def _names(here: Connection, wanted: list[str]) -> dict[str, Names]:
    done = await here.run(["docker", "image", "inspect", "--format", NAMES, *wanted])
    found = {}
    for line in filter(str.strip, done.stdout.splitlines()):
        image, _, lists = line.partition(" ")
        tags, end = json.JSONDecoder().raw_decode(lists)
        sources = json.loads(lists[end:])
        found[image] = Names(tuple(tags or ()), tuple(one for one in sources or () if not one.startswith(f"{LOOPBACK}:")))
    lost = [image for image in wanted if image not in found]
    if lost:
        why = done.stderr.strip() or "the hosts need it, and only this machine could give it"
        raise CmctlError(f"image {', '.join(lost)} is not there, and not on this machine", why=why, hint="cmctl images")
    return found


async def _from_registries(host: Host, wanted: Mapping[str, Names], report: Report) -> list[str]:
    """Let the host pull what came from a registry; the first refusal ends it. Returns what is still missing."""
    left = list(wanted)
    for image, names in wanted.items():
        if not names.sources:
            continue
        done = await host.connection.run(["docker", "pull", "--quiet", names.sources[0]], timeout_s=LIMIT_S)
        if done.code:
            report(f"{host.name}: no registry gives {names.sources[0].partition('@')[0]} there; it is sent from here")
            break
        left = [one for one in left if one != image] if not await _missing(host.connection, [image]) else left
    return left


async def _collect(registry: Registry, here: Connection, wanted: Mapping[str, Names], report: Report) -> dict[str, Manifest]:
    """Have this machine's engine push the images into the registry; parts that it holds are not packed again."""
    if not wanted:
        return {}
    listening = await asyncio.start_server(server(registry, Taken(), push=True), LOOPBACK, 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        for number, (image, names) in enumerate(wanted.items(), 1):
            report(f"packing image {number} of {len(wanted)}")
            await _push(registry, here, port, image, names)
    return {image: registry.store.manifests[_tag(image)] for image in wanted}


def _tag(image: str) -> str:
    return image.removeprefix("sha256:")[:32]


async def _push(registry: Registry, here: Connection, port: int, image: str, names: Names) -> None:
    name = f"{LOOPBACK}:{port}/{registry.name}:{_tag(image)}"
    if not names.tags:  # else it would go with the name that it is pushed under
        await output(here, ["docker", "tag", image, f"{KEPT}:{_tag(image)}"])
    await output(here, ["docker", "tag", image, name])
    try:
        done = await here.run(["docker", "push", "--quiet", name], timeout_s=LIMIT_S)
        if done.code:
            hint = "the engine must run on this machine: docker context show, echo $DOCKER_HOST; or bring the images by a registry"
            raise CmctlError(f"this machine's engine could not hand over image {image[:19]}", why=done.stderr.strip(), hint=hint)
    finally:
        await here.run(["docker", "rmi", name])


async def _send(host: Host, registry: Registry, wanted: Mapping[str, Manifest], report: Report) -> Taken:
    taken = Taken()
    if wanted and not isinstance(host.connection, SshConnection):
        raise CmctlError(f"{host.name}: images are not there: {', '.join(wanted)}", hint="cmctl images")
    if isinstance(host.connection, SshConnection) and wanted:
        async with _telling(host, taken, report):
            await _again(host.connection, registry, wanted, taken, report)
    taken.ended = time.monotonic()
    return taken


async def _again(connection: SshConnection, registry: Registry, wanted: Mapping[str, Manifest], taken: Taken, report: Report) -> None:
    """Pull all, at most three times: a link that breaks in between costs what was under way."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with connection.offered(server(registry, taken, push=False)) as port:
                for image, manifest in wanted.items():
                    await _pull(connection, f"{LOOPBACK}:{port}/{registry.name}", manifest.digest, image)
        except (Lost, PullFailed) as error:
            if attempt == ATTEMPTS:
                raise
            report(f"{error.what}; once more")
        else:
            return


class PullFailed(CmctlError):
    """A host's engine did not get an image."""


async def _pull(connection: Connection, repository: str, digest: str, image: str) -> None:
    # The engine joins pulls of one part: one that a lost connection left behind would hold this one to a port that is gone.
    await connection.run(["pkill", "-f", rf"docker pull --quiet 127\.0\.0\.1:[0-9]+/[0-9a-f]+@{digest}"])
    source, kept = f"{repository}@{digest}", f"{KEPT}:{_tag(image)}"
    done = await connection.run(["docker", "pull", "--quiet", source], timeout_s=LIMIT_S)
    if done.code:
        raise PullFailed(f"{connection.name}: its engine did not get image {image[:19]}", why=done.stderr.strip(), hint="df -h, there")
    await output(connection, ["docker", "tag", source, kept])
    await connection.run(["docker", "rmi", source])
    found = await output(connection, ["docker", "image", "inspect", "--format", "{{.Id}}", kept])
    if found.strip() != image:
        raise CmctlError(
            f"{connection.name}: image {image} is {found.strip()} there",
            why="its engine keeps images in another kind of store than this machine's",
        )


@contextlib.asynccontextmanager
async def _telling(host: Host, taken: Taken, report: Report) -> AsyncIterator[None]:
    """Say now and then how much has gone to a host."""

    async def tell() -> None:
        said = 0
        while True:
            await asyncio.sleep(SAY_S)
            if taken.bytes > said:
                said = taken.bytes
                report(f"{host.name}: {said / 1e6:.0f} MB of images sent")

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
