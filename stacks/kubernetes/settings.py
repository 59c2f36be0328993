"""The plain settings of a pod; a secret NAME is named by NAME_FILE."""

from __future__ import annotations

from layout.kubernetes import Workload
from phases.model import Job, Service
from stacks.kubernetes.secrets import FOLDER
from stacks.kubernetes.spec import ClusterSpec


def values(spec: ClusterSpec, workload: Workload, track: str) -> dict[str, str]:
    """A frontend has only its service's own, a backend the phase's too."""
    service = spec.plan.platform.services[workload.service]
    if workload.kind != "backend":
        return _own(service)
    found = _shared(spec, service)
    found |= {"WEB_CONCURRENCY": str(workload.workers), "PORT": str(workload.port), "SLOT": track}
    for called in (called for caller, called in spec.plan.calls if caller == workload.service):
        found[f"{called.upper().replace('-', '_')}_URL"] = f"http://{called}.{spec.namespace}.svc:{spec.plan.workload(called).port}"
    traces = spec.plan.environment.cluster.traces
    if traces:
        found |= {"OTEL_EXPORTER_OTLP_ENDPOINT": traces, "OTEL_SERVICE_NAME": workload.service}
    return found


def of_job(spec: ClusterSpec, job: Job) -> dict[str, str]:
    return _shared(spec, spec.plan.platform.services[job.service])


def literal(text: str) -> str:
    """Kubernetes reads `$(NAME)` as a variable of its own, and `$$` as a dollar."""
    return text.replace("$", "$$")


def _own(service: Service) -> dict[str, str]:
    given = {name: literal(value) for name, value in service.environment.items()}
    return given | {f"{name}_FILE": f"{FOLDER}/{name}" for name in service.secrets}


def _shared(spec: ClusterSpec, service: Service) -> dict[str, str]:
    platform, phase = spec.plan.platform, spec.plan.phase
    found = {"SESSION_TTL_S": str(platform.session.ttl_s), "SESSION_SLIDING": str(platform.session.sliding).lower()}
    found |= {f"CACHE_TTL_{name.upper()}_S": str(seconds) for name, seconds in platform.cache_ttl_s.items()}
    for kind, pool in phase.database.pools.items():
        prefix = f"MONGO_{kind.upper()}_POOL"
        found |= {f"{prefix}_MAX": str(pool.max), f"{prefix}_MIN": str(pool.min), f"{prefix}_IDLE_MS": str(pool.idle_ms)}
        found["MONGO_SELECT_MS"] = str(pool.select_ms)
    return _own(service) | found
