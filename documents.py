"""YAML documents of people, read strictly: unknown keys, wrong types and doubled keys name file, line and key.

A number may be written plain or as `{value: 300, source: "…", note: "…"}`; `source:` in a mapping speaks for
every number below it that names no source of its own. `read` unwraps the values and keeps the sources apart.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from errors import BadInput

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

# The C parser reads the same language six times as fast; PyYAML has it wherever libyaml is.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = yaml.SafeLoader("")
PROVENANCE = {"source", "note"}
WRAPPED = {"value", *PROVENANCE}


@dataclass(frozen=True)
class Source:
    """Where a number comes from. `note` says why this value was taken where sources disagree."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, the line of every path, the source of every number (None where none is named)."""

    path: Path
    data: Any
    lines: Mapping[Location, int]
    sources: Mapping[Location, Source | None]

    def line(self, location: Location) -> int:
        """The line of `location`, or of its nearest parent that has one."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)

    def unsourced(self) -> list[str]:
        """Dotted paths of numbers that name no source, with their lines: `slo.p95_ms (line 12)`."""
        return [f"{dotted(at)} (line {self.line(at)})" for at, source in self.sources.items() if source is None]


def dotted(location: Location) -> str:
    return ".".join(str(part) for part in location)


def _scalar(node: yaml.Node) -> Any:
    value = _SCALARS.construct_object(node)
    _SCALARS.constructed_objects.clear()
    return value


@dataclass
class _Reader:
    path: Path
    lines: dict[Location, int] = field(default_factory=dict)
    sources: dict[Location, Source | None] = field(default_factory=dict)

    provenance: bool = True

    def build(self, node: yaml.Node, at: Location, source: Source | None) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at, source)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*at, index), source) for index, child in enumerate(node.value)]
        value = _scalar(node)
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.sources[at] = source
        return value

    def mapping(self, node: yaml.MappingNode, at: Location, source: Source | None) -> Any:
        children = self.children(node, at)
        if not self.provenance:
            return {key: self.build(child, (*at, key), source) for key, child in children.items()}
        own = self.own_source(children) or source
        if "value" in children and children.keys() <= WRAPPED:
            return self.build(children["value"], at, own)
        return {key: self.build(child, (*at, key), own) for key, child in children.items() if key not in PROVENANCE}

    def own_source(self, children: Mapping[str, yaml.Node]) -> Source | None:
        text = children.get("source")
        note = children.get("note")
        if not isinstance(text, yaml.ScalarNode):
            return None
        return Source(str(text.value), str(note.value) if isinstance(note, yaml.ScalarNode) else "")

    def children(self, node: yaml.MappingNode, at: Location) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for key_node, child in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in found:
                raise BadInput(f"{self.path}:{line}: {dotted((*at, key))} is given twice", hint="keep one of the two lines")
            found[key] = child
            self.lines[(*at, key)] = line
        return found


def parse(text: str, path: Path, *, provenance: bool = True) -> Document:
    """The document in `text`; `path` is only for messages. Without `provenance`, `source:` is a key like any other.

    Raises BadInput for text that is not YAML, is empty, gives a key twice or uses an alias (aliases can hide a bomb).
    """
    try:
        _refuse_aliases(text, path)
        node = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise BadInput(f"{path}:{line}: not valid YAML", why=str(getattr(error, "problem", error))) from error
    if node is None:
        raise BadInput(f"{path}:1: the file is empty")
    reader = _Reader(path, provenance=provenance)
    return Document(path, reader.build(node, (), None), reader.lines, reader.sources)


def _refuse_aliases(text: str, path: Path) -> None:
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise BadInput(f"{path}:{line}: aliases (*{event.anchor}) are not read", hint="write the value out")


def read(path: Path, *, provenance: bool = True) -> Document:
    """The document in the file at `path`. Raises BadInput when it is missing or malformed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read", why=str(error)) from error
    return parse(text, path, provenance=provenance)


def fit(document: Document, model: type[Model]) -> Model:
    """`document` as a `model`. Raises BadInput that lists every problem with file, line and key."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(document, model, detail) for detail in error.errors(include_url=False)]
        raise BadInput("\n".join(problems), hint="correct the lines named above") from error


def _problem(document: Document, model: type[BaseModel], detail: Any) -> str:
    location: Location = tuple(detail["loc"])
    where = f"{document.path}:{document.line(location)}"
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key {dotted(location)}{_did_you_mean(str(location[-1]), _known(model, location[:-1]))}"
    if detail["type"] == "missing":
        return f"{where}: {dotted(location)} is missing"
    return f"{where}: {dotted(location)}: {_reason(detail)}, got {detail['input']!r}"


def _reason(detail: Any) -> str:
    text = str(detail["msg"]).removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _did_you_mean(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(sorted(known))})" if known else ""


def _known(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that may stand at `location`, found by walking the model's annotations."""
    here: Any = model
    for part in location:
        here = _step(here, part)
    return list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _step(here: Any, part: str | int) -> Any:
    if isinstance(here, type) and issubclass(here, BaseModel):
        info = here.model_fields.get(str(part))
        return _inner(info.annotation) if info else None
    return _inner(here)


def _inner(annotation: Any) -> Any:
    """The model inside `dict[str, M]`, `tuple[M, ...]` or `M | None`; else the annotation itself."""
    for argument in getattr(annotation, "__args__", ()):
        found = _inner(argument)
        if isinstance(found, type) and issubclass(found, BaseModel):
            return found
    return annotation
