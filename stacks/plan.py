"""What a preview answers: every resource that would change, field by field, with secrets hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.automation.events import EngineEvent, StepEventMetadata

from stacks.events import Resource

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "[secret]"  # noqa: S105 - what is shown in a secret's place
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\.?([^.\[\]]+)')


@dataclass(frozen=True)
class Field:
    """One difference inside a resource. `kind`: add, delete or update; `old` and `new` are None where there is no value, and
    `[secret]` where the value is secret. `drift` marks what differs from what was left, not from what was asked.
    """

    path: str
    kind: str
    old: Any
    new: Any
    drift: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The path's parts: `bundles["app-1"].files["a/b"]` is bundles, app-1, files, a/b."""
        return keys(self.path)

    @property
    def secret(self) -> bool:
        return SECRET in (self.old, self.new)


@dataclass(frozen=True)
class Change:
    """What would happen to one resource: create, update, replace, delete …"""

    resource: Resource
    operation: str
    fields: tuple[Field, ...] = ()
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """`counts`: operation → number of resources, from the engine's own summary. `seconds`: how long the preview took."""

    stack: str
    changes: tuple[Change, ...]
    counts: Mapping[str, int]
    seconds: float

    @property
    def empty(self) -> bool:
        return not self.changes


def keys(path: str) -> tuple[str, ...]:
    return tuple(re.sub(r"\\(.)", r"\1", quoted) if quoted else index or name for quoted, index, name in SEGMENT.findall(path))


def change(event: EngineEvent, *, refreshed: bool = False) -> Change | None:
    """The change that one event of a preview (or, with `refreshed`, of a refresh) tells; None for everything else."""
    told = event.res_outputs_event if refreshed else event.resource_pre_event
    if told is None or told.metadata.op.value in {"same", "refresh", "read"} or told.metadata.type.startswith("pulumi:"):
        return None
    metadata = told.metadata
    inputs = _visible(metadata.new.inputs) if metadata.new and metadata.new.inputs else None
    return Change(Resource(metadata.urn), metadata.op.value, _fields(metadata), inputs)


def _fields(metadata: StepEventMetadata) -> tuple[Field, ...]:
    found = []
    for path, difference in (metadata.detailed_diff or {}).items():
        kind = difference.diff_kind.value.removesuffix("-replace")
        source = "inputs" if difference.input_diff else "outputs"
        old, new = (_value(getattr(state, source) if state else None, keys(path)) for state in (metadata.old, metadata.new))
        found.append(Field(path, kind, old, new, drift=not difference.input_diff))
    return tuple(sorted(found, key=lambda one: one.path))


def _value(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if _is_secret(values):
            return SECRET
        if isinstance(values, Mapping):
            values = values.get(key)
        elif isinstance(values, list) and key.isdigit() and int(key) < len(values):
            values = values[int(key)]
        else:
            return None
    return _visible(values)


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and SIGNATURE in value


def _visible(value: Any) -> Any:
    """`value` without the engine's own markers: secrets as [secret], unknowns as None."""
    if _is_secret(value):
        return SECRET
    if isinstance(value, Mapping):
        return {key: _visible(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_visible(one) for one in value]
    return None if value == UNKNOWN else value
