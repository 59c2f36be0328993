"""The difference of two values as paths the engine understands: `bundles["app-1"].files["base/nginx/nginx.conf"]`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

Kind = Literal["add", "delete", "update"]

# Fields of a schema are written with a dot; keys that are somebody's names (hosts, files) stand in brackets.
FIELD = re.compile(r"[A-Za-z_]\w*")
FILES = re.compile("files")


def difference(old: Mapping[str, Any], new: Mapping[str, Any], *, fields: re.Pattern[str] = FIELD) -> dict[str, Kind]:
    """Path → kind of every leaf that differs; what is new or gone as a whole is one path. None is no value.

    `fields`: keys that are no names.
    """
    return dict(_mapping(old, new, "", fields))


def _mapping(old: Mapping[str, Any], new: Mapping[str, Any], path: str, fields: re.Pattern[str]) -> Iterator[tuple[str, Kind]]:
    for key in sorted({*old, *new}):
        yield from _compare(old.get(key), new.get(key), _below(path, key, fields), fields)


def _compare(old: Any, new: Any, path: str, fields: re.Pattern[str]) -> Iterator[tuple[str, Kind]]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(old, new, path, fields)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compare(_at(old, index), _at(new, index), f"{path}[{index}]", fields)
    else:
        yield path, "add" if old is None else "delete" if new is None else "update"


def _at(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def _below(path: str, key: str, fields: re.Pattern[str]) -> str:
    if not path:
        return key
    quoted = key.replace("\\", "\\\\").replace('"', '\\"')
    return f"{path}.{key}" if fields.fullmatch(key) else f'{path}["{quoted}"]'
