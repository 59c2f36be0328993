"""Hosts for fast tests: this machine's shell and files in a folder of the test's own; no container engine is asked."""

from __future__ import annotations

from pathlib import Path

from hosts.fleet import Host
from hosts.local import LocalConnection
from hosts.paths import Paths
from layout.release import Bundle, GateLimits, ReleaseSpec, Target

GATE = GateLimits(window_s=5, min_requests=20, error_ratio=0.01, p95_ms=200, ready_s=10, keep_warm_s=60)


def host(folder: Path, name: str = "one") -> Host:
    return Host(name, LocalConnection(name), Paths(str(folder / name), "stack"), ("docker-compose",))


def spec(files: dict[str, str] | None = None, secret_files: dict[str, str] | None = None, version: str = "1.0.0") -> ReleaseSpec:
    bundle = Bundle(
        files=files or {"base/compose.yaml": "services: {}\n", "base/nginx/nginx.conf": "a"},
        secret_files=secret_files or {"base/secrets/key": "hidden"},
    )
    return ReleaseSpec(
        stack="stack", version=version, hosts={"one": Target(connection="local", address="127.0.0.1", root="/x")}, bundles={"one": bundle},
        images={}, network={"name": "n", "subnet": "10.0.0.0/24"}, gate=GATE,
    )  # fmt: skip
