"""Prometheus' configuration: which targets of a phase are scraped. Rules and dashboards come from monitoring/."""

from __future__ import annotations

from typing import Any

import yaml

from documents import DUMPER
from layout.model import Layout

EXPORTERS = {"node-exporter": "node", "prometheus": "prometheus"}
REDIS = "redis"


def conf(layout: Layout) -> str:
    """prometheus.yml with app, node, redis and Prometheus' own targets. Both slots are listed; the idle one may be down.

    Targets on other hosts are asked at their hosts' ports.
    """
    (here,) = (one.host for one in layout.all("prometheus"))
    interval = f"{layout.phase.monitoring.scrape_s}s" if layout.phase.monitoring else "15s"
    document: dict[str, Any] = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval, "external_labels": {"stack": layout.stack}},
        "scrape_configs": [*_apps(layout, here), *_exporters(layout, here), *_redis(layout, here)],
    }
    return yaml.dump(document, Dumper=DUMPER, sort_keys=False, width=140)


def _apps(layout: Layout, here: str) -> list[dict[str, Any]]:
    jobs = []
    for service, facts in layout.platform.services.items():
        instances = [one for one in layout.instances if one.service == service]
        if facts.metrics and instances:
            targets = [{"targets": [one.seen_from(here)], "labels": {"slot": one.slot, "instance_id": one.name}} for one in instances]
            # A service may be called node; Prometheus does not start with two jobs of one name.
            name = f"{service}-service" if service in {*EXPORTERS.values(), REDIS} else service
            jobs.append({"job_name": name, "metrics_path": facts.metrics, "static_configs": targets})
    return jobs


def _exporters(layout: Layout, here: str) -> list[dict[str, Any]]:
    jobs: dict[str, list[dict[str, Any]]] = {}
    for one in layout.fixed:
        if one.name in EXPORTERS:
            jobs.setdefault(EXPORTERS[one.name], []).append({"targets": [one.seen_from(here)], "labels": {"host": one.host}})
    return [{"job_name": name, "static_configs": targets} for name, targets in jobs.items()]


def _redis(layout: Layout, here: str) -> list[dict[str, Any]]:
    exporter = layout.all("redis-exporter")
    if not exporter:
        return []
    targets = [
        {"targets": [f"redis://{one.seen_from(here)}"], "labels": {"store": one.name}} for one in layout.fixed if one.image == "redis"
    ]
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": exporter[0].seen_from(here)},
    ]
    return [{"job_name": REDIS, "metrics_path": "/scrape", "static_configs": targets, "relabel_configs": relabel}]
