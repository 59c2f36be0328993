"""The difference of two values as paths the engine understands: `bundles["app-1"].files["base/nginx/nginx.conf"]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

Kind = Literal["add", "delete", "update"]

# Keys with a meaning of their own; every other key of a mapping is somebody's name and stands in brackets.
FIELDS = {"files"}


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Kind]:
    """Path → kind of every leaf that differs; what is new or gone as a whole is one path."""
    return dict(_mapping(old, new, ""))


def _mapping(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[tuple[str, Kind]]:
    for key in sorted({*old, *new}):
        yield from _compare(old.get(key), new.get(key), _below(path, key))


def _compare(old: Any, new: Any, path: str) -> Iterator[tuple[str, Kind]]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compare(_at(old, index), _at(new, index), f"{path}[{index}]")
    else:
        yield path, "add" if old is None else "delete" if new is None else "update"


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def _below(path: str, key: str) -> str:
    if not path:
        return key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f"{path}.{key}" if key in FIELDS else f'{path}["{quoted}"]'
