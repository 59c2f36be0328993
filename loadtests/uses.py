"""What containers on this machine use of what they may: read from the engine's socket between two looks."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

SOCKET = "/var/run/docker.sock"
ASK_S = 5.0
STACK = "io.cmctl.stack"


@dataclass(frozen=True)
class Look:
    """Totals of one container: CPU and throttled time in seconds, and limits (0 for none)."""

    cpu_s: float
    limit_cpus: float
    memory_bytes: float
    limit_bytes: float


@dataclass(frozen=True)
class Window:
    """When the load of a probe that counts was on: seconds since the epoch, by this machine's clock."""

    probe: str
    began: float
    ended: float


MACHINE, OTHERS = "CPU of this machine", "CPU of this machine, by other programs"


class Watch:
    """Each call gives the shares of CPU and memory used since the one before, by the name of the resource; {} at first.

    Empty, too, where no engine answers on this machine's socket: then nothing is known about resources.
    """

    def __init__(self, platform: str, environment: str) -> None:
        self._prefix = f"{platform}-{environment}-"
        self._before: dict[str, Look] = {}
        self._own_s = 0.0
        self._at = time.monotonic()
        psutil.cpu_percent()

    def __call__(self) -> Mapping[str, float]:
        before, began, self._at = self._before, self._at, time.monotonic()
        own_before, self._own_s = self._own_s, _own_s()
        try:
            self._before = self._look()
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            self._before = {}
        seconds, machine = self._at - began, psutil.cpu_percent() / 100
        shares = compare(before, self._before, seconds)
        if not shares:
            return {}
        others = by_others(before, self._before, max(0.0, self._own_s - own_before), seconds, machine)
        return {**shares, MACHINE: round(machine, 3), OTHERS: others}

    def _look(self) -> dict[str, Look]:
        wanted = quote(json.dumps({"label": [STACK], "status": ["running"]}))
        names = {one["Names"][0].lstrip("/"): str(one["Id"]) for one in _ask(f"/containers/json?filters={wanted}")}
        ours = {name.removeprefix(self._prefix): key for name, key in names.items() if name.startswith(self._prefix)}
        # An engine on cgroup v1 takes a second for each container's figures, however it is asked.
        with ThreadPoolExecutor(max(1, len(ours))) as together:
            return dict(zip(ours, together.map(_look, ours.values()), strict=True))


def _look(key: str) -> Look:
    return look(_ask(f"/containers/{key}/stats?stream=false&one-shot=true"), _ask(f"/containers/{key}/json")["HostConfig"])


def look(stats: Mapping[str, Any], config: Mapping[str, Any]) -> Look:
    """One container's totals from the engine's answers."""
    period = config.get("CpuPeriod") or 100_000
    cpus = (config.get("NanoCpus") or 0) / 1e9 or (config.get("CpuQuota") or 0) / period
    memory = stats.get("memory_stats", {})
    pages = memory.get("stats", {})
    cached = pages.get("total_inactive_file", pages.get("inactive_file", 0))
    return Look(
        cpu_s=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9, limit_cpus=max(0.0, float(cpus)),
        memory_bytes=float(memory.get("usage", 0) - cached), limit_bytes=float(config.get("Memory") or 0),
    )  # fmt: skip


def compare(before: Mapping[str, Look], after: Mapping[str, Look], seconds: float) -> dict[str, float]:
    """Shares of limits; containers that came or went in between, and resources without a limit, are left out."""
    shares: dict[str, float] = {}
    for name, now in after.items():
        if name not in before or seconds <= 0:
            continue
        if now.limit_cpus:
            shares[f"CPU of {name}"] = round((now.cpu_s - before[name].cpu_s) / seconds / now.limit_cpus, 3)
        if now.limit_bytes:
            shares[f"memory of {name}"] = round(now.memory_bytes / now.limit_bytes, 3)
    return shares


def by_others(
    before: Mapping[str, Look], after: Mapping[str, Look], own_s: float, seconds: float, machine: float, cores: int | None = None
) -> float:
    """The share of the machine's CPU that neither the watched containers nor this test (`own_s` seconds) used, of `machine` in all."""
    ours_s = own_s + sum(now.cpu_s - before[name].cpu_s for name, now in after.items() if name in before)
    return round(max(0.0, machine - ours_s / seconds / (cores or os.cpu_count() or 1)), 3)


def _own_s() -> float:
    """CPU seconds of this process and the generators it started."""
    found = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found += times.user + times.system
    return found


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ASK_S)
        self.sock.connect(os.environ.get("DOCKER_HOST", f"unix://{SOCKET}").removeprefix("unix://"))


def _ask(path: str) -> Any:
    connection = _Connection("docker")
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def local(platform: str, environment: str) -> Watch | None:
    """A watch, where there is an engine on this machine."""
    path = os.environ.get("DOCKER_HOST", f"unix://{SOCKET}").removeprefix("unix://")
    return Watch(platform, environment) if Path(path).exists() else None
