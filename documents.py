"""YAML documents of people, read strictly: unknown keys, wrong types and doubled keys name file, line and key.

A number may be written plain or as `{value: 300, source: "…", note: "…"}`; `source:` in a mapping speaks for
every number below it that names no source of its own. `read` unwraps the values and keeps the sources apart.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from errors import BadInput

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]

# The C parser reads the same language six times as fast; PyYAML has it wherever libyaml is.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the same bytes for what we write: tests/templates compares them
_SCALARS = yaml.SafeLoader("")
PROVENANCE = {"source", "note"}
WRAPPED = {"value", *PROVENANCE}
# Far above any file of people; libyaml's composer and ours recurse, and a deeper text would end the process.
DEEPEST = 40
LONGEST = 80
# YAML 1.1 gives `=` and `<<` types of their own; here they are text.
PUNCTUATION = {"tag:yaml.org,2002:value", "tag:yaml.org,2002:merge"}
# To YAML 1.1 0600 is 384 and 1:30 is 90.
SURPRISING = re.compile(r"[-+]?(0[0-9_]+|[0-9_]+(:[0-9.]+)+)")
RULE = "rule"
PLAIN = {
    "model_type": "should be a section of keys",
    "dict_type": "should be a section of keys",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "string_type": "should be text, in quotes where it looks like something else",
}


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
    """The path as people write it; what no terminal should print is escaped."""
    return ".".join(part if part.isprintable() else repr(part) for part in map(str, location))


def _scalar(node: yaml.Node) -> Any:
    if node.tag in PUNCTUATION:
        return node.value
    value = _SCALARS.construct_object(node)
    _SCALARS.constructed_objects.clear()
    return value


@dataclass
class _Reader:
    path: Path
    lines: dict[Location, int] = field(default_factory=dict)
    sources: dict[Location, Source | None] = field(default_factory=dict)

    provenance: bool = True
    verbatim: tuple[str, ...] = ()

    def refuse(self, node: yaml.Node, text: str, *, why: str = "", hint: str = "") -> BadInput:
        return BadInput(f"{self.path}:{node.start_mark.line + 1}: {text}", why=why, hint=hint)

    def build(self, node: yaml.Node, at: Location, source: Source | None) -> Any:
        self.lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, at, source)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*at, index), source) for index, child in enumerate(node.value)]
        value = self.scalar(node, at)
        if isinstance(value, int | float) and not isinstance(value, bool) and not self.as_written(at):
            self.sources[at] = source
        return value

    def as_written(self, at: Location) -> bool:
        return bool(at) and at[0] in self.verbatim

    def scalar(self, node: yaml.Node, at: Location) -> Any:
        try:
            value = _scalar(node)
        except ValueError as error:  # 2026-13-01 looks like a date, 0b_ like a number
            raise self.refuse(node, f"{dotted(at)}: cannot be read", why=str(error), hint="put it in quotes if it is text") from error
        if self.provenance and isinstance(value, int | float) and SURPRISING.fullmatch(node.value):
            raise self.refuse(node, f"{dotted(at)}: YAML reads {node.value} as {value}", hint=f"write {value}, or quotes if it is text")
        return value

    def mapping(self, node: yaml.MappingNode, at: Location, source: Source | None) -> Any:
        children = self.children(node, at)
        if not self.provenance or self.as_written(at):
            return {key: self.build(child, (*at, key), source) for key, child in children.items()}
        own = self.own_source(children, at, source)
        if "value" in children:
            self.only_wrapped(children, at)
            return self.build(children["value"], at, own)
        return {key: self.build(child, (*at, key), own) for key, child in children.items() if key not in PROVENANCE}

    def only_wrapped(self, children: Mapping[str, yaml.Node], at: Location) -> None:
        for key, child in children.items():
            if key not in WRAPPED:
                raise self.refuse(
                    child, f"unknown key {dotted((*at, key))}{did_you_mean(key, sorted(WRAPPED))}", hint="beside value: source, note"
                )

    def own_source(self, children: Mapping[str, yaml.Node], at: Location, above: Source | None) -> Source | None:
        """The source named here, else the one above; a note alone keeps the source above."""
        given = {key: self.sentence(children[key], (*at, key)) for key in sorted(PROVENANCE & children.keys())}
        if not given:
            return above
        text = given.get("source", above.text if above else "")
        return Source(text, given.get("note", "")) if text else None

    def sentence(self, node: yaml.Node, at: Location) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self.refuse(node, f"{dotted(at)} must be a sentence")
        return str(node.value)

    def children(self, node: yaml.MappingNode, at: Location) -> dict[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.refuse(key_node, "a key must be one word")
            key = str(key_node.value)
            if key in found:
                raise self.refuse(key_node, f"{dotted((*at, key))} is given twice", hint="keep one of the two lines")
            found[key] = child
            self.lines[(*at, key)] = key_node.start_mark.line + 1
        return found


def parse(text: str, path: Path, *, provenance: bool = True, verbatim: tuple[str, ...] = ()) -> Document:
    """The document in `text`; `path` is only for messages. Without `provenance`, and below the first keys of `verbatim`, `source:` is a
    key like any other.

    Raises BadInput for text that is not YAML, is empty, gives a key twice, or uses what these files never need: an alias
    (aliases can hide a bomb), a tag (tags ask for other types), more than 40 levels.
    """
    try:
        _refuse_tricks(text, path)
        node = yaml.compose(text, Loader=LOADER)
    except (yaml.YAMLError, UnicodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise BadInput(f"{path}:{line}: not valid YAML", why=str(reason)) from error
    if node is None:
        raise BadInput(f"{path}:1: the file is empty")
    reader = _Reader(path, provenance=provenance, verbatim=verbatim)
    return Document(path, reader.build(node, (), None), reader.lines, reader.sources)


def _refuse_tricks(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        where = f"{path}:{event.start_mark.line + 1 if event.start_mark else 1}"
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise BadInput(f"{where}: more than {DEEPEST} levels deep", hint="close the brackets")
        if isinstance(event, yaml.AliasEvent):
            raise BadInput(f"{where}: aliases (*{event.anchor}) are not read", hint="write the value out")
        tag = getattr(event, "tag", None)
        if tag:
            raise BadInput(f"{where}: tags ({tag}) are not read", hint="write the value without it")


def read(path: Path, *, provenance: bool = True, verbatim: tuple[str, ...] = ()) -> Document:
    """The document in the file at `path`. Raises BadInput when it is missing or malformed."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read", why=str(error)) from error
    return parse(text, path, provenance=provenance, verbatim=verbatim)


def broken(text: str, *at: str | int) -> PydanticCustomError:
    """What a validator raises for a rule over several keys: `text`, told at the key `at` below the value it validates."""
    return PydanticCustomError(RULE, "{text}", {"text": text, "at": at})


def fit(document: Document, model: type[Model]) -> Model:
    """`document` as a `model`. Raises BadInput that lists every problem with file, line and key."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        problems = [_problem(document, model, detail) for detail in error.errors(include_url=False)]
        raise BadInput("\n".join(problems), hint="correct the lines named above") from error


def _problem(document: Document, model: type[BaseModel], detail: Any) -> str:
    location: Location = tuple(part for part in detail["loc"] if part != "[key]")
    location += tuple(detail.get("ctx", {}).get("at", ()))
    where = f"{document.path}:{document.line(location)}"
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key {dotted(location)}{did_you_mean(str(location[-1]), _known(model, location[:-1]))}"
    if detail["type"] == "missing":
        return f"{where}: {dotted(location)} is missing"
    return f"{where}: {f'{dotted(location)}: ' if location else ''}{_reason(detail)}"


def _reason(detail: Any) -> str:
    """The model's sentence, and what was given; a rule over several keys gives its own sentence."""
    text = PLAIN.get(detail["type"]) or str(detail["msg"]).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    given = repr(detail["input"])
    own = detail["type"] in {"value_error", RULE}
    return text if own else f"{text}, got {given if len(given) <= LONGEST else given[:LONGEST] + ' …'}"


def did_you_mean(key: str, known: Sequence[str]) -> str:
    """` (did you mean …?)` for a key that is nearly one of the known ones, else the list of them; empty when none is known."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(sorted(known))})" if known else ""


def _known(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that may stand at `location`, found by walking the model's annotations."""
    here: Any = model
    for part in location:
        here = _step(here, part)
    here = _without_none(here)
    return list(_fields(here)) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Key as people write it → annotation."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _step(here: Any, part: str | int) -> Any:
    """The annotation one key (or index) further down; None where there is none."""
    here = _without_none(here)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return _without_none(_fields(here).get(str(part)))
    arguments = [argument for argument in get_args(here) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _without_none(annotation: Any) -> Any:
    """`M` for `M | None` and for `Annotated[M, …]`; else the annotation itself."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        others = [argument for argument in get_args(annotation) if argument is not NoneType]
        return _without_none(others[0]) if others else None
    return annotation
