"""The container engine as images need it: argument lists built here, run here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence

from errors import CmctlError, Unreachable

SILENT = "the container engine does not answer"
PULL_S = 600
BUILD_S = 300


class PullFailed(CmctlError):
    """The registry did not give an image."""


def docker(arguments: Sequence[str], *, timeout_s: float = 120, buildkit: bool = True) -> str:
    """Stdout of `docker …`. Raises Unreachable when the engine does not answer, CmctlError when the command fails."""
    environment = os.environ | {"DOCKER_BUILDKIT": "1" if buildkit else "0"}
    try:
        done = subprocess.run(
            [_program(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"docker {arguments[0]} did not end within {timeout_s:.0f} s", hint="cmctl doctor") from error
    if done.returncode:
        _raise(arguments, done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace")


def _program() -> str:
    # A newer client without buildx cannot build on an older engine, the engine's own client can.
    found = next((path for path in ("/usr/bin/docker", shutil.which("docker")) if path and os.access(path, os.X_OK)), None)
    if found is None:
        raise Unreachable("docker is not installed", hint="cmctl doctor --fix")
    return found


def _raise(arguments: Sequence[str], text: str) -> None:
    last = "\n".join(text.strip().splitlines()[-12:])
    if "Cannot connect to the Docker daemon" in text or "Is the docker daemon running" in text:
        raise Unreachable(SILENT, why=last, hint="cmctl doctor --fix")
    raise CmctlError(f"docker {' '.join(arguments[:2])} failed", why=last, hint="cmctl doctor")


def ids(references: Sequence[str]) -> dict[str, str]:
    """Reference → image id for those that are present."""
    found = {}
    for line in docker(["image", "ls", "--no-trunc", "--format", "{{json .}}"]).splitlines():
        image = json.loads(line)
        found[f"{image['Repository']}:{image['Tag']}"] = image["ID"]
    return {reference: found[reference] for reference in references if reference in found}


def pull(reference: str) -> str:
    """Pull by digest; returns the image's id. Raises PullFailed when the registry does not give it."""
    try:
        docker(["pull", "--quiet", reference], timeout_s=PULL_S)
    except CmctlError as error:
        if error.what == SILENT:
            raise
        raise PullFailed(f"{reference} cannot be pulled", why=error.why or error.what, hint=error.hint) from error
    return docker(["image", "inspect", "--format", "{{.Id}}", reference]).strip()


def build(arguments: Sequence[str]) -> None:
    """`docker build …`, by BuildKit where the client has it: some distributions pack its front end apart."""
    try:
        docker(arguments, timeout_s=BUILD_S)
    except CmctlError as error:
        if "buildx" not in error.why:
            raise
        docker(arguments, timeout_s=BUILD_S, buildkit=False)
