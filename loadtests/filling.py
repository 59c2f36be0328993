"""Text with values in braces. `{name}` is a value, `{{name}}` the text `{name}`, and any other brace is a brace. Pure.

JSON and GraphQL are full of braces: only a bare name between them asks for a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import JsonValue

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
HOLE = re.compile(rf"\{{\{{({NAME})\}}\}}|\{{({NAME})\}}")
WHOLE = re.compile(rf"^\{{({NAME})\}}$")
# Everything that a path may hold as it is; only what is no ASCII has to be quoted.
ASCII = "".join(map(chr, range(0x21, 0x7F)))
NO_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
Values = Mapping[str, Any]


def names(template: JsonValue) -> set[str]:
    """The values that a text, or any text within JSON, asks for."""
    if isinstance(template, str):
        return {match[2] for match in HOLE.finditer(template) if match[2]}
    if isinstance(template, dict):
        return set().union(*(names(key) | names(value) for key, value in template.items()))
    return set().union(*map(names, template)) if isinstance(template, list) else set()


def plain(value: Any) -> str:
    """A value as text; what is none is written as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def text(template: str, values: Values, shown: Callable[[str], str] = str) -> str:
    """The text with its values, each as `shown` writes it. Raises KeyError for a value that is not there."""
    return HOLE.sub(lambda match: f"{{{match[1]}}}" if match[1] else shown(plain(values[match[2]])), template)


def content(template: JsonValue, values: Values) -> Any:
    """JSON with its values. A text that is one value and nothing else becomes that value: a number stays a number."""
    if isinstance(template, str):
        alone = WHOLE.match(template)
        return values[alone[1]] if alone else text(template, values)
    if isinstance(template, dict):
        return {text(key, values): content(value, values) for key, value in template.items()}
    return [content(one, values) for one in template] if isinstance(template, list) else template


def path(template: str, values: Values) -> str:
    """A path to ask for: values are quoted, so that none can add a segment, a query or a host.

    A template that is one value and nothing else is a path that was answered, and taken as it is where it is one.
    """
    alone = WHOLE.match(template)
    if not alone:
        return text(quote(template, ASCII), values, lambda value: quote(value, ""))
    found = plain(values[alone[1]]).partition("#")[0]
    return quote(found, ASCII) if found.startswith("/") and not found.startswith("//") else f"/{quote(found, '')}"


def header(template: str, values: Values) -> str:
    """A header's value: UTF-8 where it is no ASCII, and nothing that would end the line."""
    return NO_HEADER.sub("", text(template, values).encode().decode("latin-1"))


def form(template: Mapping[str, str], values: Values) -> bytes:
    """Fields as a browser sends a form."""
    return urlencode({text(key, values): text(value, values) for key, value in template.items()}).encode()
