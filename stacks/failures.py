"""What a failed engine run says, as one error: the provider's own where there is one, else the engine's words made readable."""

from __future__ import annotations

import re
from collections.abc import Sequence

from errors import CmctlError, GateRefused, Interrupted
from stacks.events import Said

PROTECTED = re.compile(r'resource "(?P<urn>[^"]+)" cannot be deleted')
PROGRAM = "python inline source runtime error: "
NOISE = {"update failed", "preview failed"}


def failure(stack: str, said: Sequence[Said], message: str, *, interrupted: bool) -> CmctlError:
    """The error for what was `said` while `stack` was worked on; `message` is the CLI's own text, for when nothing was said."""
    told = [one.error for one in said if one.error is not None]
    if interrupted:
        return _interrupted(stack, told)
    if told:
        return _together(told)
    texts = [one.text for one in said if one.severity == "error" and one.text not in NOISE]
    protected = [found["urn"] for text in texts if (found := PROTECTED.search(text))]
    if protected:
        return _protected(stack, protected)
    return CmctlError(f"{stack}: the engine failed", why="\n".join(dict.fromkeys(_plain(text) for text in texts)) or message.strip())


def _together(told: Sequence[CmctlError]) -> CmctlError:
    """Several failures are one error of the first one's kind that names them all."""
    first, *rest = told
    also = "".join(f"\nalso: {error.what}" for error in rest)
    return type(first)(first.what + also, why=first.why, hint=first.hint, read=first.read)


def _interrupted(stack: str, told: Sequence[CmctlError]) -> CmctlError:
    own = next((error for error in told if isinstance(error, Interrupted)), None)
    reasons = "\n".join(str(error) for error in told)
    return own or Interrupted(
        f"interrupted: {stack} stopped in order", why=reasons, hint="the same command goes on from what is really there"
    )


def _protected(stack: str, urns: Sequence[str]) -> CmctlError:
    names = ", ".join(urn.rpartition("::")[2] for urn in urns)
    return GateRefused(
        f"{stack}: {names} hold data and are protected: nothing was removed",
        hint=f"if the data is to go: pulumi state unprotect --stack {stack} '<urn>' for each, then the same command",
        why="\n".join(urns),
    )


def _plain(text: str) -> str:
    """A program's exception without its traceback through the engine."""
    _, mark, words = text.partition(PROGRAM)
    return words.partition("\nTraceback")[0] if mark else text
