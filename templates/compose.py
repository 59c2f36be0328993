"""Compose files as plain values, dumped to YAML: nothing of a person's passes through text substitution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from documents import DUMPER
from layout.model import Fixed, Instance, Layout
from templates import names, settings

APP_USER, REDIS_USER, NOBODY = "10001:10001", "999:1000", "65534:65534"
SMALL_TMP = ["/tmp:size=64m,mode=1777"]  # noqa: S108 - the path in the container
Service = dict[str, Any]


def document(layout: Layout, part: str, services: Mapping[str, Service], volumes: tuple[str, ...] = ()) -> str:
    """One compose file. `services` may be empty; then the part does not exist on this host."""
    network = names.network(layout.platform, layout.environment)
    secrets = sorted({one["source"] for service in services.values() for one in service.get("secrets", [])})
    folder = "./secrets" if part == "base" else "../secrets"
    compose: dict[str, Any] = {
        "name": names.project(layout, part),
        "services": dict(services),
        "networks": {"platform": {"external": True, "name": network}},
    }
    if secrets:
        compose["secrets"] = {name: {"file": f"{folder}/{name}"} for name in secrets}
    if volumes:
        compose["volumes"] = {name: {"name": f"{layout.stack}-{name}", "labels": {"io.cmctl.stack": layout.stack}} for name in volumes}
    return yaml.dump(compose, Dumper=DUMPER, sort_keys=False, width=140)


def hardened(layout: Layout, one: Fixed | Instance, images: Mapping[str, str], user: str) -> Service:
    """What every container has: no root, nothing writable but /tmp, no capabilities, limits, bounded logs, a fixed address."""
    part = one.slot if isinstance(one, Instance) else "base"
    image = one.image if isinstance(one, Fixed) else layout.platform.services[one.service].image
    service: Service = {
        "image": images[image],
        "container_name": names.container(layout, one),
        "pull_policy": "never",
        "user": user,
        "read_only": True,
        "tmpfs": list(SMALL_TMP),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "init": True,
        "mem_limit": f"{one.memory_mb}m",
        "memswap_limit": f"{one.memory_mb}m",
        "cpus": one.cpus,
        "pids_limit": 256,
        "restart": "unless-stopped",
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
        "labels": {"io.cmctl.stack": layout.stack, "io.cmctl.part": part},
        "networks": {"platform": {"ipv4_address": one.address}},
    }
    return service | _ports(one)


def _ports(one: Fixed | Instance) -> Service:
    return {"ports": [f"{opened.address}:{opened.port}:{opened.inside}" for opened in one.published]} if one.published else {}


def health(*command: str, start_s: int = 20) -> Service:
    return {"healthcheck": {"test": ["CMD", *command], "interval": "10s", "timeout": "5s", "retries": 3, "start_period": f"{start_s}s"}}


def fetch(url: str, start_s: int = 20) -> Service:
    return health("wget", "-q", "-t", "1", "-T", "4", "-O", "/dev/null", url, start_s=start_s)


def mounts(files: Mapping[str, str]) -> Service:
    """Read-only mounts: file in the bundle → path in the container."""
    return {"volumes": [{"type": "bind", "source": source, "target": target, "read_only": True} for source, target in files.items()]}


def secret(*wanted: str) -> Service:
    return {"secrets": [{"source": name, "target": name} for name in wanted]}


def slot(layout: Layout, host: str, part: str, images: Mapping[str, str]) -> str:
    """The compose file of one slot on one host; empty text when nothing of the slot runs there."""
    services = {one.name: _instance(layout, one, images) for one in layout.instances if one.host == host and one.slot == part}
    return document(layout, part, services) if services else ""


def _instance(layout: Layout, one: Instance, images: Mapping[str, str]) -> Service:
    facts = layout.platform.services[one.service]
    service = hardened(layout, one, images, APP_USER)
    service["stop_grace_period"] = f"{facts.stop_grace_s}s"
    # Compose reads `$NAME` in a value as a variable of its own; `$$` is a dollar.
    service["environment"] = {name: value.replace("$", "$$") for name, value in settings.of_instance(layout, one).items()}
    service |= fetch(f"http://127.0.0.1:{facts.port}{facts.live}")
    return service | (secret(*facts.secrets) if facts.secrets else {})
