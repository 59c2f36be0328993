"""Redis' configuration from a phase's figures."""

from __future__ import annotations

from phases.model import Redis
from templates import engine


def conf(redis: Redis) -> str:
    return engine.text(
        "redis.conf.j2", maxmemory_mb=redis.maxmemory_mb, policy=redis.policy, append_only="yes" if redis.append_only else "no"
    )
