"""Options that several commands share, so that each has one name, one help text and one environment variable."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Annotated

import typer

PLATFORM = "codementee"
Platform = Annotated[str, typer.Option("--platform", envvar="CMCTL_PLATFORM", help="Platform: a folder under phases/.")]
Env = Annotated[str, typer.Option("--env", "-e", envvar="CMCTL_ENV", help="Environment: a file under environments/.")]
Phase = Annotated[int, typer.Option("--phase", "-p", help="Phase number: 0 today, 1 vertical, 2 horizontal, 3 Kubernetes.")]
MaybePhase = Annotated[int | None, typer.Option("--phase", "-p", help="Phase number; by default the one that is live.")]
Version = Annotated[str | None, typer.Option("--version", help="Version of the application to release; by default the platform file's.")]
Canary = Annotated[
    str | None,
    typer.Option("--canary", metavar="5,25,50|none", help="Shares in per cent that get the version first; by default the phase's own."),
]
KeepWarm = Annotated[
    str | None, typer.Option("--keep-warm", metavar="1h", help="How long the former version stays ready for the way back: 90s, 30m, 1h.")
]
Prove = Annotated[
    bool, typer.Option("--prove", help="Play the journeys and hold a long poll meanwhile; say what they noticed; exit 3 when one failed.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")]
Image = Annotated[
    list[str] | None,
    typer.Option("--image", help="NAME=REFERENCE of an image that nodes pull, by digest; may be given for each image. Kubernetes only."),
]
Book = Annotated[str, typer.Option("--book", envvar="CMCTL_BOOK", help="Price book: seed, list-2026-11, or the path of your own.")]


def at(platform: str, environment: str) -> str:
    """The options that name an environment in a command to type next; what goes without saying is left out."""
    return f"{'' if platform == PLATFORM else f'--platform {platform} '}--env {environment}"


def where(platform: str, phase: int, environment: str) -> str:
    """The options that name a phase in a command to type next."""
    return f"{'' if platform == PLATFORM else f'--platform {platform} '}--phase {phase} --env {environment}"


def release(version: str | None, images: Sequence[str] | None) -> str:
    """The options that name a release in a command to type next, with a space before each."""
    named = ["--version", version] if version else []
    return "".join(f" {shlex.quote(word)}" for word in (*named, *(word for one in images or () for word in ("--image", one))))
