"""A small release for tests: two hosts, a load balancer's file, a secret each."""

from __future__ import annotations

from layout.release import Bundle, GateLimits, ReleaseSpec, Target

CANARY = "canary-7c1f-must-not-leak"
STACK = "shop-test-phase2"


def target(host: str) -> Target:
    return Target(connection="local", address="127.0.0.1", root=f"/nowhere/{host}")


def bundle(host: str, line: str) -> Bundle:
    files = {"base/compose.yaml": "services: {}\n", "base/nginx/nginx.conf": f"# {host}\n{line}\n", "blue/compose.yaml": "services: {}\n"}
    return Bundle(files=files, secret_files={"secrets/JWT_SECRET": CANARY})


def spec(
    version: str = "1.0", line: str = "worker_processes auto;", stack: str = STACK, hosts: tuple[str, ...] = ("app-1", "app-2")
) -> ReleaseSpec:
    return ReleaseSpec(
        stack=stack, version=version, hosts={host: target(host) for host in hosts},
        bundles={host: bundle(host, line if host == hosts[0] else "worker_processes auto;") for host in hosts},
        images={"nginx": "sha256:0a1b"}, network={"name": "cmctl-shop-test", "subnet": "10.99.0.0/24"},
        gate=GateLimits(window_s=1, min_requests=1, error_ratio=0.01, p95_ms=80, ready_s=5, keep_warm_s=0),
    )  # fmt: skip
