"""The JSON Schemas of the documents that load tests leave: what `--json` prints and `result.json` holds, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from loadtests import compare, soak, spike
from loadtests.result import CAPACITY_SCHEMA, SCHEMA, CapacityResult, Result

Kind = Literal["search", "probe", "soak", "spike", "compare"]
MODELS: Mapping[Kind, tuple[str, type[BaseModel]]] = {
    "search": (CAPACITY_SCHEMA, CapacityResult),
    "probe": (SCHEMA, Result),
    "soak": (soak.SCHEMA, soak.Soaked),
    "spike": (spike.SCHEMA, spike.Spiked),
    "compare": (compare.SCHEMA, compare.Compared),
}
# What a probe's document says first, above the result itself.
HEAD: Mapping[str, Any] = {
    "verdict": {"$ref": "#/$defs/Verdict"},
    "reasons": {"type": "array", "items": {"type": "string"}},
    "requests": {"type": "integer"},
    "failed": {"type": "integer"},
    "p95_ms": {"type": ["number", "null"]},
    "rps": {"type": ["number", "null"]},
    "worst": {"type": "string"},
}


def json_schema(kind: Kind) -> dict[str, Any]:
    """The schema of the document that a load test of this kind leaves; `$id` is the name that stands in the document."""
    name, model = MODELS[kind]
    schema = model.model_json_schema(mode="serialization")
    more = {"schema": {"const": name}, "exit_code": {"enum": [0, 3, 6, 130]}, **(HEAD if kind == "probe" else {})}
    schema["properties"] = {**more, **schema["properties"]}
    schema["required"] = [*more, *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": name, **schema}
