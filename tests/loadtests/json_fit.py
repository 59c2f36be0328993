"""Whether a document fits a JSON Schema: the few words of the standard that the product's schemas use, an unknown word is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
SAID = {"$schema", "$id", "$defs", "title", "description", "default"}
BOUNDS = {"exclusiveMinimum", "exclusiveMaximum", "minimum", "maximum", "minItems", "maxItems", "pattern"}


def misfits(value: Any, schema: Mapping[str, Any], whole: Mapping[str, Any], at: str = "") -> Iterator[str]:
    """Where and how `value` does not fit; nothing when it does. `whole` holds the definitions."""
    unknown = schema.keys() - SAID - BOUNDS - {
        "$ref", "anyOf", "type", "const", "enum", "properties", "required", "additionalProperties", "items", "prefixItems"
    }  # fmt: skip
    assert not unknown, f"{at}: the schema says {unknown}"
    if "$ref" in schema:
        yield from misfits(value, whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, at)
    if "anyOf" in schema and not any(not list(misfits(value, one, whole, at)) for one in schema["anyOf"]):
        yield f"{at}: {value!r} fits nothing of what it may be"
    kinds = schema.get("type", [])
    allowed = tuple(kind for name in ([kinds] if isinstance(kinds, str) else kinds) for kind in TYPES[name])
    if allowed and not isinstance(value, allowed):
        yield f"{at}: {value!r} is no {kinds}"
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        yield f"{at}: {value!r} is another value"
    if isinstance(value, dict):
        yield from _keys(value, schema, whole, at)
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        rules = [*first, *[schema.get("items", {})] * max(0, len(value) - len(first))]
        for number, (one, rule) in enumerate(zip(value, rules, strict=False)):
            yield from misfits(one, rule, whole, f"{at}/{number}")


def _keys(value: dict[str, Any], schema: Mapping[str, Any], whole: Mapping[str, Any], at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    yield from (f"{at}/{name}: is not there" for name in schema.get("required", []) if name not in value)
    for name, one in value.items():
        rule = known.get(name, schema.get("additionalProperties", {}))
        if rule is False:
            yield f"{at}/{name}: is not in the schema"
        elif isinstance(rule, dict):
            yield from misfits(one, rule, whole, f"{at}/{name}")
