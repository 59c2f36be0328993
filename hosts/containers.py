"""Containers of a stack through the engine's command line: argument lists built here, run on the host."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hosts import detached
from hosts.connection import Completed, output
from hosts.fleet import Host
from hosts.lease import Lease
from hosts.local import no_engine

UP_S = 180
DOWN_S = 90


@dataclass(frozen=True)
class Container:
    """One container as the engine reports it: `state` running, exited, restarting …; `part` base, blue or green."""

    name: str
    image: str
    state: str
    status: str
    part: str


def up_argv(host: Host, project: str, file: str) -> list[str]:
    return [*host.compose, "-p", project, "-f", file, "up", "-d", "--no-build", "--pull", "never", "--remove-orphans", "--quiet-pull"]


def down_argv(project: str, *, volumes: bool = False) -> list[str]:
    """Remove a project by its label, whether its file is still there or not."""
    script = """
docker ps -aq --filter "label=com.docker.compose.project=$1" | xargs -r docker stop > /dev/null
docker ps -aq --filter "label=com.docker.compose.project=$1" | xargs -r docker rm -f > /dev/null
[ "$2" = volumes ] && docker volume ls -q --filter "label=io.cmctl.stack=${1%-*}" | xargs -r docker volume rm > /dev/null
exit 0
"""
    return ["sh", "-c", script, "down", project, "volumes" if volumes else ""]


async def up(host: Host, lease: Lease, project: str, file: str) -> None:
    await detached.run(host, lease, f"{project}-up", up_argv(host, project, file), UP_S)


async def down(host: Host, lease: Lease, project: str, *, volumes: bool = False) -> None:
    await detached.run(host, lease, f"{project}-down", down_argv(project, volumes=volumes), DOWN_S)


async def listed(host: Host, stack: str) -> list[Container]:
    """All containers that carry the stack's label, running or not. A machine that has no engine yet has none."""
    asked = ["sh", "-c", 'command -v docker > /dev/null || exit 0; exec "$@"', "listed"]
    argv = [*asked, "docker", "ps", "-a", "--no-trunc", "--filter", f"label=io.cmctl.stack={stack}", "--format", "{{json .}}"]
    done = await host.connection.run(argv)
    if done.code:
        raise no_engine(host.connection, done.stderr.strip())
    return [_container(json.loads(line)) for line in done.stdout.splitlines() if line.strip()]


def _container(row: dict[str, str]) -> Container:
    labels = dict(pair.split("=", 1) for pair in row["Labels"].split(",") if "=" in pair)
    return Container(row["Names"], row["Image"], row["State"], row["Status"], labels.get("io.cmctl.part", ""))


async def last_lines(host: Host, container: str, lines: int = 15) -> str:
    """The container's state and its last log lines, for a person."""
    state = await host.connection.run(
        ["docker", "inspect", "--format", "{{.State.Status}}, exit {{.State.ExitCode}}, restarts {{.RestartCount}}", container]
    )
    log = await host.connection.run(["docker", "logs", "--tail", str(lines), container])
    text = "\n".join((log.stdout + log.stderr).strip().splitlines()[-lines:])
    return f"{container}: {state.stdout.strip() or 'not there'}\n{text}"


async def inside(host: Host, container: str, command: Sequence[str], timeout_s: float = 30) -> Completed:
    """How a command inside a container ended."""
    return await host.connection.run(["docker", "exec", container, *command], timeout_s=timeout_s)


async def ensure_network(host: Host, name: str, subnet: str) -> None:
    """The platform's network on this host, with its declared subnet."""
    script = (
        'docker network inspect "$1" > /dev/null 2>&1 || docker network create --subnet "$2" --label io.cmctl.network=1 "$1" > /dev/null'
    )
    await output(host.connection, ["sh", "-c", script, "network", name, subnet], what=f"network {name} {subnet}")
