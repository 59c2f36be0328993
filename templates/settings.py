"""The plain settings of a service's container, from its own and the phase's facts."""

from __future__ import annotations

from layout.model import Instance, Layout
from phases.model import Pool, Service


def of_instance(layout: Layout, one: Instance) -> dict[str, str]:
    """Environment variables without secrets; a secret NAME is named by NAME_FILE. A frontend has only its own, a backend the phase's too."""
    facts = layout.platform.services[one.service]
    values = facts.environment | (_backend(layout, one, facts) if facts.kind == "backend" else {})
    return values | {f"{name}_FILE": f"/run/secrets/{name}" for name in facts.secrets}


def _backend(layout: Layout, one: Instance, facts: Service) -> dict[str, str]:
    platform, phase = layout.platform, layout.phase
    values = {"INSTANCE_ID": f"{one.service}-{one.index}", "SLOT": one.slot, "WEB_CONCURRENCY": str(one.workers), "PORT": str(facts.port)}
    values |= {"SESSION_TTL_S": str(platform.session.ttl_s), "SESSION_SLIDING": str(platform.session.sliding).lower()}
    values |= {f"CACHE_TTL_{name.upper()}_S": str(seconds) for name, seconds in platform.cache_ttl_s.items()}
    for kind, pool in phase.database.pools.items():
        values |= _pool(kind, pool)
    return values


def _pool(kind: str, pool: Pool) -> dict[str, str]:
    prefix = f"MONGO_{kind.upper()}_POOL"
    return {
        f"{prefix}_MAX": str(pool.max),
        f"{prefix}_MIN": str(pool.min),
        f"{prefix}_IDLE_MS": str(pool.idle_ms),
        "MONGO_SELECT_MS": str(pool.select_ms),
    }
