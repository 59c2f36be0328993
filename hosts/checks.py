"""What is looked at before anything is changed; every finding of every host at once."""

from __future__ import annotations

import json

import yaml

from errors import CmctlError
from hosts.fleet import Host, each
from hosts.local import no_engine
from layout.release import ReleaseSpec

RESERVE_MB = 512
PORT = """
ss -Hltnp "sport = :$2" 2>/dev/null | awk -v a="$1:$2" -v any="0.0.0.0:$2" -v star="*:$2" '$4 == a || $4 == any || $4 == star {print $6; found = 1} END {exit !found}'
"""


async def check(hosts: dict[str, Host], spec: ReleaseSpec) -> None:
    """Raises BadInput, CmctlError or Unreachable that lists everything in the way."""
    await each(hosts, _engine)
    findings = [finding for found in (await each(hosts, lambda host: _host(host, spec))).values() for finding in found]
    if findings:
        raise CmctlError("\n".join(findings), why="nothing was changed", hint="mend what is named above, then run the same command")


async def _engine(host: Host) -> None:
    done = await host.connection.run(["docker", "version", "--format", "{{.Server.Version}}"], timeout_s=15)
    if done.code:
        raise no_engine(host.connection, done.stderr.strip())


async def _host(host: Host, spec: ReleaseSpec) -> list[str]:
    return [*await _disk(host, spec), *await _ports(host, spec)]


async def _disk(host: Host, spec: ReleaseSpec) -> list[str]:
    await host.connection.run(["mkdir", "-p", host.paths.folder])
    done = await host.connection.run(["df", "-Pm", host.paths.folder])
    lines = done.stdout.splitlines()
    if done.code or len(lines) < 2:
        return [f"{host.name}: {host.paths.folder} cannot be written: {done.stderr.strip()}"]
    free = int(lines[1].split()[3])
    bundle = spec.bundles[host.name]
    needed = RESERVE_MB + 2 * sum(len(text) for text in (*bundle.files.values(), *bundle.secret_files.values())) // 2**20
    return (
        []
        if free >= needed
        else [f"{host.name}: {free} MiB free below {host.paths.folder}, {needed} MiB are needed (runbooks/disk-full.md)"]
    )


async def _ports(host: Host, spec: ReleaseSpec) -> list[str]:
    """A port that the base part publishes is free, or held by a container of this stack."""
    ours = await host.connection.run(["docker", "ps", "--filter", f"label=io.cmctl.stack={spec.stack}", "--format", "{{.Ports}}"])
    findings = []
    for address, port in published(spec, host.name):
        if f"{address}:{port}->" in ours.stdout:
            continue
        done = await host.connection.run(["sh", "-c", PORT, "port", address, str(port)])
        if done.code == 0:
            findings.append(f"{host.name}: {address}:{port} is in use by {done.stdout.strip() or 'another program'}")
    return findings


def published(spec: ReleaseSpec, host: str) -> list[tuple[str, int]]:
    """(address, port) pairs that the base part opens on a host, read from its compose file."""
    text = spec.bundles[host].files.get("base/compose.yaml")
    if not text:
        return []
    services = yaml.safe_load(text)["services"].values()
    pairs = [str(entry).rsplit(":", 2) for service in services for entry in service.get("ports", [])]
    return [(address, int(port)) for address, port, _ in pairs]


async def address_facts(host: Host) -> dict[str, str]:
    """What a Host resource reads: engine version, memory, CPUs, operating system."""
    done = await host.connection.run(["docker", "info", "--format", "{{json .}}"], timeout_s=15)
    try:
        info = json.loads(done.stdout)
    except ValueError as error:
        raise no_engine(host.connection, done.stderr.strip()) from error
    if not info.get("ServerVersion"):
        raise no_engine(host.connection, "; ".join(info.get("ServerErrors") or []))
    return {
        "engine": info["ServerVersion"],
        "os": info["OperatingSystem"],
        "memory_mb": str(info["MemTotal"] // 2**20),
        "cpus": str(info["NCPU"]),
    }
