"""Protobuf's structures as plain Python values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]

# What the engine sends and expects for a value that is not known before the update has run.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    """`struct` as a dict, keys sorted (protobuf keeps none in order). Its numbers are doubles: whole ones come back as ints."""
    return {key: _value(struct.fields[key]) for key in sorted(struct.fields)}


def _value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return plain(value.struct_value)
    if kind == "list_value":
        return [_value(one) for one in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind in {None, "null_value"} else getattr(value, str(kind))


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """A dict of plain values as a Struct."""
    result = struct_pb2.Struct()
    json_format.ParseDict(dict(values), result)
    return result
