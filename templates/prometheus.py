"""Prometheus' configuration: which targets of a phase are scraped. Rules and dashboards come from monitoring/."""

from __future__ import annotations

from typing import Any

import yaml

from layout.model import Layout

EXPORTERS = {"node-exporter": "node", "prometheus": "prometheus"}


def conf(layout: Layout) -> str:
    """prometheus.yml with app, node, redis and Prometheus' own targets. Both slots are listed; the idle one may be down."""
    interval = f"{layout.phase.monitoring.scrape_s}s" if layout.phase.monitoring else "15s"
    document: dict[str, Any] = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval, "external_labels": {"stack": layout.stack}},
        "scrape_configs": [*_apps(layout), *_exporters(layout), *_redis(layout)],
    }
    return yaml.safe_dump(document, sort_keys=False, width=140)


def _apps(layout: Layout) -> list[dict[str, Any]]:
    jobs = []
    for service, facts in layout.platform.services.items():
        instances = [one for one in layout.instances if one.service == service]
        if facts.metrics and instances:
            targets = [
                {"targets": [f"{one.address}:{one.port}"], "labels": {"slot": one.slot, "instance_id": one.name}} for one in instances
            ]
            jobs.append({"job_name": service, "metrics_path": facts.metrics, "static_configs": targets})
    return jobs


def _exporters(layout: Layout) -> list[dict[str, Any]]:
    return [
        {"job_name": EXPORTERS[one.name], "static_configs": [{"targets": [f"{one.address}:{one.port}"], "labels": {"host": one.host}}]}
        for one in layout.fixed
        if one.name in EXPORTERS
    ]


def _redis(layout: Layout) -> list[dict[str, Any]]:
    exporter = [one for one in layout.fixed if one.name == "redis-exporter"]
    if not exporter:
        return []
    targets = [
        {"targets": [f"redis://{one.address}:{one.port}"], "labels": {"store": one.name}} for one in layout.fixed if one.image == "redis"
    ]
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": f"{exporter[0].address}:{exporter[0].port}"},
    ]
    return [{"job_name": "redis", "metrics_path": "/scrape", "static_configs": targets, "relabel_configs": relabel}]
