"""Containers that nobody placed, and placed ones that run another image: found by what the engine says, sent away by the lease's owner.

Containers that stood on a machine before cmctl came are its neighbours: they are written down once and left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

from hosts import lease as leases
from hosts import state as states
from hosts.connection import Connection
from hosts.fleet import Host, connect, each
from hosts.local import no_engine
from layout.release import ReleaseSpec

NEIGHBOURS = "/etc/cmctl/neighbours"
FOREIGN = "foreign: nobody placed it"
# All containers of a stack with the image they were made from, by name and by id
LISTED = """
ids=$(docker ps -aq --no-trunc --filter "label=io.cmctl.stack=$1") || exit 1
[ -z "$ids" ] || docker inspect --format '{{json .Name}} {{json .Config.Image}} {{json .Image}} {{json .Config.Labels}}' $ids
"""
# Running ones without our label, and who was there before us
OTHERS = f"""
[ ! -f {NEIGHBOURS} ] || sed 's/^/neighbour /' {NEIGHBOURS}
command -v docker > /dev/null || exit 0
docker ps --no-trunc --format '{{{{.Label "io.cmctl.stack"}}}} {{{{.Names}}}} {{{{.Image}}}}' | sed -n 's/^ /runs /p'
"""
STOP = 'for name; do docker update --restart=no "$name" > /dev/null; docker stop "$name" > /dev/null; done'
REMOVE = 'for name; do docker rm -f "$name" > /dev/null; done'


async def impostors(spec: ReleaseSpec) -> dict[str, dict[str, str]]:
    """Host → container of this stack → what is wrong with it; hosts where another release, or none, has settled are not judged."""
    found = await each(connect(spec.stack, spec.hosts), lambda host: _impostors(host, spec))
    return {name: odd for name, odd in found.items() if odd}


async def _impostors(host: Host, spec: ReleaseSpec) -> dict[str, str]:
    state = await states.load(host)
    # Only the release that has settled says what belongs here: to a newer one all that serves now would look foreign.
    if state is None or state.release != spec.release_id():
        return {}
    done = await host.connection.run(["sh", "-c", LISTED, "listed", spec.stack])
    if done.code:
        raise no_engine(host.connection, done.stderr.strip())
    judged = {"base", state.live} if spec.slotted else {"base"}
    rows = [_row(line) for line in done.stdout.splitlines() if line.strip()]
    ids = await _ids(host, {image for image in placed(spec, host.name).values() if image not in {given for _, given, _, _ in rows}})
    return judge(rows, placed(spec, host.name), judged, ids)


def judge(rows: list[tuple[str, str, str, str]], placed: Mapping[str, str], parts: set[str], ids: Mapping[str, str]) -> dict[str, str]:
    """`rows`: (name, image as given, image's id, part). A slot that is not live may still hold the release before."""
    found = {}
    for name, given, own, part in rows:
        if name not in placed:
            found[name] = FOREIGN
        elif part in parts and placed[name] not in {given, own} and ids.get(placed[name]) != own:
            found[name] = f"runs {given}, not {placed[name]}"
    return found


def _row(line: str) -> tuple[str, str, str, str]:
    decoder, values, at = json.JSONDecoder(), [], 0
    for _ in range(4):
        value, at = decoder.raw_decode(line, at)
        values.append(value)
        at += 1
    name, given, own, labels = values
    return name.removeprefix("/"), given, own, labels.get("io.cmctl.part", "")


async def _ids(host: Host, references: set[str]) -> dict[str, str]:
    """Reference → id, for references that a container may be known by otherwise."""
    found = {}
    for reference in sorted(references):
        done = await host.connection.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
        if done.code == 0:
            found[reference] = done.stdout.strip()
    return found


def placed(spec: ReleaseSpec, host: str) -> dict[str, str]:
    """Container → image of all parts of a release on a host, read from its compose files."""
    texts = [text for path, text in spec.bundles[host].files.items() if path.endswith("compose.yaml")]
    services = [one for text in texts for one in (yaml.safe_load(text).get("services") or {}).values()]
    return {one["container_name"]: one["image"] for one in services if "container_name" in one and "image" in one}


async def mend(spec: ReleaseSpec) -> None:
    """Remove what `impostors` finds; the transaction that follows sees what is missing and places it. Raises Locked."""
    found = await impostors(spec)
    if not found:
        return
    hosts = {name: host for name, host in connect(spec.stack, spec.hosts).items() if name in found}
    async with leases.held(hosts, f"mending {spec.stack}") as lease:
        await each(hosts, lambda host: lease.run(host, "sh", "-c", REMOVE, "remove", *found[host.name], what="removing containers"))


async def strangers(host: Connection) -> dict[str, str]:
    """Running containers that are neither cmctl's nor neighbours: name → what is wrong."""
    done = await host.run(["sh", "-c", OTHERS])
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    neighbours = {words[1] for words in lines if words[0] == "neighbour" and len(words) > 1}
    return {
        words[1]: f"foreign: runs {words[2]}" for words in lines if words[0] == "runs" and len(words) > 2 and words[1] not in neighbours
    }


async def send_away(host: Connection, names: list[str]) -> None:
    """Stop strangers and keep them stopped. What they hold is not ours: nothing of it is removed."""
    await host.run(["sh", "-c", STOP, "stop", *names], timeout_s=120)
