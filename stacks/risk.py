"""What a plan can cost users, read from the files it changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from stacks.plan import Change

# Seconds without an answer while a container that is never in a slot is made anew; measured on one machine. A load balancer
# has a relief meanwhile, an edge where users come in by an address of its host.
INTERRUPTION_S = {"redis": 2, "mongo": 3, "edge": 1}
RELIEVED = "balancer"


def risks(changes: Iterable[Change]) -> list[str]:
    """One sentence for every part that users can feel; empty when no request can be hurt."""
    found = [sentence for change in changes if change.operation == "update" for sentence in _of(change)]
    return list(dict.fromkeys(found))


def _of(change: Change) -> list[str]:
    found = []
    if change.resource.kind.endswith(":StatefulSet") and any(field.keys[:2] == ("spec", "template") for field in change.fields):
        found.append(_one_by_one(change.resource.name))
    for field in change.fields:
        path = field.keys[-1] if field.keys else ""
        if path == "base/compose.yaml":
            found += [_recreated(name) for name in _different(field.old, field.new)]
        elif path.endswith("nginx.conf"):
            found.append(f"{path.split('/')[1]} reloads its configuration: an idle keep-alive connection may be reset")
        elif path.startswith("base/secrets/"):
            found.append(f"{path}: the containers that read it are made anew")
    return found


def _one_by_one(name: str) -> str:
    """What users feel of a set whose pods are made anew, each after the one before is ready."""
    if name.startswith("redis"):
        return (
            f"{name}: its pods are made anew one by one; the primary hands over first, so writes wait for about {INTERRUPTION_S['redis']} s"
        )
    return f"{name}: its pods are made anew one by one" + (f": about {INTERRUPTION_S['mongo']} s without it" if name == "mongo" else "")


def _recreated(name: str) -> str:
    if name == RELIEVED:
        return f"{name} is made anew while a relief answers, which users do not feel"
    seconds = next((value for prefix, value in INTERRUPTION_S.items() if name.startswith(prefix)), None)
    return f"{name} is made anew" + (f": about {seconds} s without it" if seconds else ", which users do not feel")


def _different(old: Any, new: Any) -> list[str]:
    before, after = _services(old), _services(new)
    return sorted(name for name in before if before[name] != after.get(name))


def _services(text: Any) -> Mapping[str, Any]:
    try:
        return dict(yaml.safe_load(text)["services"])
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return {}
