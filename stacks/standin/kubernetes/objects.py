"""Kubernetes objects as values: what of a live object was asked for, and whether two ways to write a quantity are one. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from stacks.provider.values import UNKNOWN

QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
FACTORS = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}  # fmt: skip
# What the server writes: a program never asks for it.
SERVERS = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "deletionTimestamp"}


def quantity(text: Any) -> Decimal | None:
    """The value of `250m`, `1Gi`, `3`; None for what is none."""
    found = QUANTITY.fullmatch(str(text)) if isinstance(text, (str, int, float)) and not isinstance(text, bool) else None
    return Decimal(found[1]) * FACTORS[found[2] or ""] if found else None


def same(wanted: Any, live: Any) -> bool:
    """Equal, or two spellings of one quantity: the server writes 1024Mi as 1Gi."""
    if wanted == live:
        return True
    return isinstance(wanted, str) and isinstance(live, str) and quantity(wanted) is not None and quantity(wanted) == quantity(live)


def picked(wanted: Any, live: Any) -> Any:
    """`live` as far as `wanted` asks for it, in `wanted`'s spelling where both mean the same: the difference is drift."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        # The server leaves out what is empty or false, and means the same.
        return {key: picked(value, live.get(key, value)) for key, value in wanted.items() if key in live or not value}
    if isinstance(wanted, list) and isinstance(live, list):
        if len(wanted) == len(live):
            return [picked(one, other) for one, other in zip(wanted, live, strict=True)]
        return live
    return wanted if same(wanted, live) else live


def clean(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without the engine's own keys, and without what is not given."""
    return {key: _clean(one) for key, one in values.items() if not str(key).startswith("__") and one is not None}


def _clean(value: Any) -> Any:
    if isinstance(value, Mapping):
        return clean(value)
    return [_clean(one) for one in value] if isinstance(value, list) else value


def outputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """A live object as the program sees it: without the server's bookkeeping of who wrote which field."""
    metadata = {key: value for key, value in (live.get("metadata") or {}).items() if key != "managedFields"}
    return {**live, "metadata": metadata}


def foreseen(planned: Mapping[str, Any], *, exists: bool) -> dict[str, Any]:
    """A dry run's answer as a preview: what only the real run can tell is unknown."""
    metadata = {key: value for key, value in (planned.get("metadata") or {}).items() if key not in SERVERS}
    if not exists:
        metadata |= {"uid": UNKNOWN, "creationTimestamp": UNKNOWN}
    return {**planned, "metadata": {**metadata, "resourceVersion": UNKNOWN}, **({} if exists else {"status": UNKNOWN})}


def holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(holds_unknown(one) for one in value.values())
    return any(holds_unknown(one) for one in value) if isinstance(value, list) else value == UNKNOWN


def named(thing: Mapping[str, Any]) -> str:
    """`Deployment codementee-lab/user`, for people."""
    metadata = thing.get("metadata") or {}
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{thing.get('kind')} {place}{metadata.get('name')}"
