"""Redis with failover: per store a set of pods, in each a Redis and a sentinel; a majority of sentinels names the primary."""

from __future__ import annotations

from pathlib import Path

from pulumi_kubernetes.core.v1 import ExecActionArgs, LifecycleArgs, LifecycleHandlerArgs

from layout.kubernetes import REDIS_PORT, REDIS_UID, SENTINEL_CPU_M, SENTINEL_MEMORY_MB, SENTINEL_PORT, RedisStore
from stacks.kubernetes import network, pods, secrets
from stacks.kubernetes.scope import Scope
from stacks.kubernetes.spec import REDIS_PASSWORD
from stacks.kubernetes.stateful import DATA, Set, stateful
from stacks.kubernetes.workloads import config

SCRIPTS = Path(__file__).parent / "files"
FILES = "/etc/redis-files"
GRACE_S = 40
# How long a primary is silent before sentinels ask each other whether it is gone.
DOWN_AFTER_MS, FAILOVER_MS = 3000, 10_000


def stores(scope: Scope) -> None:
    if scope.spec.plan.stores:
        marks = secrets.redis_password(scope)
        for store in scope.spec.plan.stores:
            _store(scope, store, marks)


def _store(scope: Scope, store: RedisStore, marks: dict[str, str]) -> None:
    network.of_store(scope, store.name)
    files = config(scope, store.name, _files(store))
    mounts = {"files": FILES, "secrets": secrets.FOLDER}
    environment, image = scope.spec.plan.environment, scope.spec.release.images["redis"]
    peers = " ".join(store.hosts(scope.spec.namespace))
    variables = {"STORE": store.name, "PEERS": peers, "SUFFIX": f".{store.name}.{scope.spec.namespace}.svc"}

    def script(name: str) -> list[str]:
        return ["sh", f"{FILES}/{name}"]

    leave = LifecycleArgs(pre_stop=LifecycleHandlerArgs(exec_=ExecActionArgs(command=script("leave.sh"))))
    redis = pods.container(
        environment, "redis", image, REDIS_UID, pods.resources(store.cpu_m, store.memory_mb, 2 * store.cpu_m), command=script("redis.sh"),
        variables=variables, ports={"redis": REDIS_PORT}, mounts=mounts, writable={DATA: "/data"},
        probes=pods.exec_probes(script("live.sh"), script("ready.sh"), 60), lifecycle=leave,
    )  # fmt: skip
    watcher = ["sh", f"{FILES}/live.sh", str(SENTINEL_PORT)]
    sentinel = pods.container(
        environment, "sentinel", image, REDIS_UID, pods.resources(SENTINEL_CPU_M, SENTINEL_MEMORY_MB, 100), command=script("sentinel.sh"),
        variables=variables, ports={"sentinel": SENTINEL_PORT}, mounts=mounts, probes=pods.exec_probes(watcher, script("watching.sh"), 60),
    )  # fmt: skip
    one = Set(
        store.name, store.replicas, REDIS_UID, (redis, sentinel), {"redis": REDIS_PORT, "sentinel": SENTINEL_PORT}, store.storage_gb,
        GRACE_S, files, (secrets.volume("redis", [REDIS_PASSWORD]),), marks,
    )  # fmt: skip
    stateful(scope, one)


def _files(store: RedisStore) -> dict[str, str]:
    scripts = {path.name: path.read_text(encoding="utf-8") for path in sorted(SCRIPTS.glob("*.sh"))}
    redis = {
        "port": REDIS_PORT, "dir": "/data", "protected-mode": "no", "maxmemory": f"{store.maxmemory_mb}mb", "maxmemory-policy": store.policy,
        "appendonly": "yes" if store.append_only else "no", "appendfsync": "everysec", "auto-aof-rewrite-min-size": "64mb", "save": '""',
        "tcp-keepalive": 60, "maxclients": 4096, "repl-diskless-sync": "yes", "repl-diskless-sync-delay": 0, "replica-announce-port": REDIS_PORT,
        # A primary that lost its replicas stops taking writes: otherwise both sides of a cut network would.
        "min-replicas-to-write": 0 if store.policy != "noeviction" else 1, "min-replicas-max-lag": 10,
    }  # fmt: skip
    sentinel = {
        "port": SENTINEL_PORT, "dir": "/tmp", "protected-mode": "no",  # noqa: S108 - the path in the container
        "sentinel resolve-hostnames": "yes", "sentinel announce-hostnames": "yes",
    }  # fmt: skip
    after = [
        f"sentinel down-after-milliseconds {store.name} {DOWN_AFTER_MS}",
        f"sentinel failover-timeout {store.name} {FAILOVER_MS}",
        f"sentinel parallel-syncs {store.name} 1",
    ]
    return {
        **scripts,
        "redis.conf": _lines(redis),
        "sentinel.conf": _lines(sentinel),
        "watch.conf": "\n".join(after) + "\n",
        "quorum": str(store.quorum),
    }


def _lines(settings: dict[str, object]) -> str:
    return "".join(f"{name} {value}\n" for name, value in settings.items())
