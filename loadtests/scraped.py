"""What a Prometheus kept says is used up: expressions for shares of resources in use while a probe ran. Pure: it asks nobody itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

# Two scrapes at the usual interval, and a little: fewer samples make no rate. A shorter probe is looked at with what came before it.
SCRAPE_S = 15.0
SCRAPES = 2.2
INTERVAL = 'max(prometheus_target_interval_length_seconds{quantile="0.9"})'
Row = tuple[Mapping[str, str], float]
Ask = Callable[[str], Iterable[Row]]


@dataclass(frozen=True)
class Question:
    """A share in use, 0 to 1, of `resource`, whose {} is the first of `labels` that a series has. `expression` has a WINDOW in it."""

    resource: str
    labels: tuple[str, ...]
    expression: str


# One core is all that a process of Python or Redis can use, whatever the machine has; those of Go use several, and are not asked for.
QUESTIONS = (
    Question(
        "CPU of host {}", ("host", "instance"),
        "1 - sum by (host, instance) (rate(node_cpu_seconds_total{mode=~'idle|iowait|steal'}[WINDOW]))"
        " / count by (host, instance) (rate(node_cpu_seconds_total{mode='idle'}[WINDOW]))",
    ),
    Question(
        "memory of host {}", ("host", "instance"),
        "1 - min by (host, instance) (min_over_time(node_memory_MemAvailable_bytes[WINDOW]))"
        " / max by (host, instance) (max_over_time(node_memory_MemTotal_bytes[WINDOW]))",
    ),
    Question(
        "one core by process {}", ("instance_id", "instance"),
        "max by (instance_id, instance) (rate(process_cpu_seconds_total[WINDOW]) unless on (job, instance) go_info)",
    ),
    Question(
        "one core by {}", ("store", "instance"),
        "max by (store, instance) (rate(redis_cpu_user_seconds_total[WINDOW]) + rate(redis_cpu_sys_seconds_total[WINDOW]))",
    ),
    Question(
        "memory of {}", ("store", "instance"),
        # A cache that makes room by itself is full when it is well.
        "max by (store, instance) (max_over_time(redis_memory_used_bytes[WINDOW]) / (max_over_time(redis_memory_max_bytes[WINDOW]) > 0))"
        " unless on (store, instance) last_over_time(redis_instance_info{maxmemory_policy=~'allkeys-.*'}[WINDOW])",
    ),
    Question(
        "clients of {}", ("store", "instance"),
        "max by (store, instance) (max_over_time(redis_connected_clients[WINDOW]) / (max_over_time(redis_config_maxclients[WINDOW]) > 0))",
    ),
    *(
        Question(
            f"{pool} pool of {{}}", ("instance_id", "instance"),
            f"max by (instance_id, instance) (max_over_time(mongodb_pool_checked_out_connections{{pool='{pool}'}}[WINDOW])"
            f" / (max_over_time(mongodb_pool_max_connections{{pool='{pool}'}}[WINDOW]) > 0))",
        )
        for pool in ("write", "read")
    ),
    Question(
        "CPU of container {}", ("pod", "name", "container"),
        "max by (pod, name, container) (rate(container_cpu_usage_seconds_total{container!='POD'}[WINDOW]) / ignoring (cpu)"
        " (container_spec_cpu_quota{container!='POD'} / container_spec_cpu_period{container!='POD'} > 0))",
    ),
    Question(
        "CPU of pod {}", ("pod",),
        "max by (pod) (sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{container!='',container!='POD'}[WINDOW]))"
        " / on (namespace, pod, container) max by (namespace, pod, container) (kube_pod_container_resource_limits{resource='cpu'} > 0))",
    ),
)  # fmt: skip


def looked_back_s(seconds: float, scrape_s: float) -> int:
    """The length of the window for a probe of so many seconds."""
    return math.ceil(max(seconds, SCRAPES * scrape_s))


def shares(ask: Ask, seconds: int) -> dict[str, float]:
    """Share in use by resource over `seconds`; the highest where several series have one name. What has no figure is left out."""
    found: dict[str, float] = {}
    for question in QUESTIONS:
        for labels, value in ask(question.expression.replace("WINDOW", f"{seconds}s")):
            who = next((labels[label] for label in question.labels if labels.get(label)), "")
            if who and math.isfinite(value):
                name = question.resource.format(who)
                # A rate is drawn out to its window's ends, a little beyond what there is.
                found[name] = max(found.get(name, 0.0), round(min(1.0, max(0.0, value)), 3))
    return found
