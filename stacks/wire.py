"""What the provider tells cmctl through the engine: a sentence for people, and after a mark one line of JSON for programs.

The engine knows only text, in log messages and in errors. `starting blue #cmctl {"step": "start"}` reads well by hand, and
`decode` gives both halves back. An error travels with its kind and four parts, so that its exit code survives the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import errors
from errors import CmctlError

MARK = " #cmctl "
KINDS: dict[str, type[CmctlError]] = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CmctlError)
}


def encode(text: str, payload: Mapping[str, Any]) -> str:
    """`text`, the mark, `payload` as one line of JSON."""
    return f"{text}{MARK}{json.dumps(payload, separators=(',', ':'), default=str)}"


def decode(message: str) -> tuple[str, dict[str, Any] | None]:
    """The sentence and the payload; None where a message carries no payload, or a broken one."""
    text, mark, tail = message.rpartition(MARK)
    if not mark:
        return message.strip(), None
    try:
        payload, _ = json.JSONDecoder().raw_decode(tail)
    except ValueError:
        return message.strip(), None
    return text.strip(), payload if isinstance(payload, dict) else None


def encode_error(error: CmctlError) -> str:
    """All of `error` as one message. A room's own subclass travels as the kind in errors.py that it belongs to."""
    kind = next(base.__name__ for base in type(error).__mro__ if base.__module__ == errors.__name__)
    parts = {"error": kind, "what": error.what, "why": error.why, "hint": error.hint, "read": error.read}
    return encode(str(error), parts)


def decode_error(message: str) -> CmctlError | None:
    """The error in `message`, or None when the message carries none."""
    _, payload = decode(message)
    if payload is None or "error" not in payload:
        return None
    kind = KINDS.get(str(payload["error"]), CmctlError)
    what, why, hint, read = (str(payload.get(part, "")) for part in ("what", "why", "hint", "read"))
    return kind(what, why=why, hint=hint, read=read)
