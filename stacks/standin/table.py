"""What a stand-in knows of a package's resources: fields and their types, what replaces, what the cloud computes. Read from YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from stacks.provider.values import UNKNOWN

FOLDER = Path(__file__).parent
SCALAR = re.compile(r"(?P<type>string|integer|number|boolean|any)(?P<required>!?)(?: = (?P<values>\S+))?")
TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}


class Rule(BaseModel):
    """Where all of `when` hold, every field of `then` has the value, or one of the values, given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: dict[str, Any]
    then: dict[str, Any]


class Kind(BaseModel):
    """One resource type.

    `replace`: a change makes a new one; `fixed`: a change is refused; `secret`: the cloud keeps only a hash; `named`: gets a
    name of its own when none is given; `guard`: while true the cloud refuses to delete; `unique`: no two with these.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: dict[str, Any]
    id: str
    replace: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    named: str | None = None
    guard: str | None = None
    defaults: dict[str, Any] = {}
    computed: dict[str, Any] = {}
    rules: tuple[Rule, ...] = ()


class Table(BaseModel):
    """A package's resource types: token → what is known of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    package: str
    resources: dict[str, Kind]


def packages() -> list[str]:
    """The packages that a stand-in exists for."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(package: str) -> Table:
    text = (FOLDER / f"{package}.yaml").read_text(encoding="utf-8")
    return Table.model_validate(yaml.safe_load(text))


def problems(kind: Kind, inputs: Mapping[str, Any]) -> dict[str, str]:
    """Path → what is wrong with it: unknown, missing, of another type, not allowed."""
    found = dict(_object(kind.fields, inputs, ""))
    if kind.one_of and sum(name in inputs for name in kind.one_of) != 1:
        found[kind.one_of[0]] = f"exactly one of {', '.join(kind.one_of)} is given"
    for rule in kind.rules:
        if all(inputs.get(name) == value for name, value in rule.when.items()):
            found |= {
                name: f"is {_listed(wanted)} where {_said(rule.when)}"
                for name, wanted in rule.then.items()
                if not _is(inputs.get(name), wanted)
            }
    return found


def _is(value: Any, wanted: Any) -> bool:
    return value == UNKNOWN or (value in wanted if isinstance(wanted, list) else value == wanted)


def _listed(wanted: Any) -> str:
    return " or ".join(str(one) for one in wanted) if isinstance(wanted, list) else str(wanted)


def _said(when: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} is {value}" for name, value in when.items())


def _object(fields: Mapping[str, Any], values: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """An empty `fields` allows any keys."""
    known = {name.rstrip("!"): (declared, name.endswith("!")) for name, declared in fields.items()}
    for name, (declared, required) in known.items():
        if name not in values and (required or _required(declared)):
            yield f"{path}{name}", "is missing"
    for name, value in values.items():
        if name.startswith("__"):
            continue
        if fields and name not in known:
            yield f"{path}{name}", f"is no field (known: {', '.join(sorted(known))})"
        elif fields:
            yield from _value(known[name][0], value, f"{path}{name}")


def _required(declared: Any) -> bool:
    return isinstance(declared, str) and "!" in declared


def _value(declared: Any, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if value == UNKNOWN:
        return
    if isinstance(declared, list):
        if not isinstance(value, list):
            yield path, "is a list"
            return
        for index, one in enumerate(value):
            yield from _value(declared[0], one, f"{path}[{index}]")
    elif isinstance(declared, dict):
        if not isinstance(value, Mapping):
            yield path, "is a mapping"
            return
        yield from _object(declared, value, f"{path}.")
    else:
        yield from _scalar(str(declared), value, path)


def _scalar(declared: str, value: Any, path: str) -> Iterator[tuple[str, str]]:
    parsed = SCALAR.fullmatch(declared)
    if parsed is None:
        raise ValueError(f"{path}: {declared!r} is no type")
    kind, values = parsed["type"], parsed["values"]
    if kind != "any" and (not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield path, f"is a {kind}, not {value!r}"
    elif values and value not in values.split("|"):
        yield path, f"is one of {values.replace('|', ', ')}, not {value!r}"
