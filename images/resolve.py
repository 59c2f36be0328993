"""Names of the catalogue → references that the engine has: pulled by digest where a registry answers, else built."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from errors import BadInput
from images import build, engine
from images.catalogue import CATALOGUE, Image

Report = Callable[[str], None]
Programs = Mapping[str, Callable[[Report], Path]]
REGISTRY = ("registry-1.docker.io", 443)
ANSWER_S = 5


@dataclass(frozen=True)
class Resolved:
    """`reference` is an image id. `way` says how the image came here in this run."""

    reference: str
    way: Literal["present", "registry", "built"]
    seconds: float


def resolve(names: Iterable[str], version: str, programs: Programs, report: Report) -> dict[str, Resolved]:
    """Image of every name. `programs` gives the paths of programs that recipes need, by name.

    Raises BadInput for a name that the catalogue does not hold. A second run finds everything present.
    """
    wanted = sorted(set(names))
    unknown = [name for name in wanted if name not in CATALOGUE]
    if unknown:
        raise BadInput(f"no such image: {', '.join(unknown)}", why=f"the catalogue holds {', '.join(sorted(CATALOGUE))}", hint="cmctl images")
    paths = {need: programs[need](report) for name in wanted for need in CATALOGUE[name].needs if need in programs}
    tags = {name: _tag(CATALOGUE[name], version, paths) for name in wanted}
    present = engine.ids([*tags.values()])
    resolved = {name: Resolved(present[tags[name]], "present", 0.0) for name in wanted if tags[name] in present}
    missing = [name for name in wanted if name not in resolved]
    online = bool(missing) and any(CATALOGUE[name].upstream for name in missing) and answers()
    for name in missing:
        resolved[name] = _get(CATALOGUE[name], tags[name], version, paths, report, online=online)
    return resolved


def _tag(image: Image, version: str, paths: Mapping[str, Path]) -> str:
    return build.tag(image, version, next((paths[need] for need in image.needs if need in paths), None))


def _get(image: Image, tag: str, version: str, paths: Mapping[str, Path], report: Report, *, online: bool) -> Resolved:
    start = time.monotonic()
    if online and image.upstream:
        report(f"pulling {image.upstream}")
        reference = engine.pull(image.upstream)
        engine.docker(["tag", reference, tag])
        return Resolved(reference, "registry", time.monotonic() - start)
    build.base(report)
    report(f"building {image.name}: {image.why_local or 'no registry answers'}")
    program = next((paths[need] for need in image.needs if need in paths), None)
    return Resolved(build.build(image, tag, version, program, report), "built", time.monotonic() - start)


def answers() -> bool:
    """Whether the registry takes a connection within 5 s."""
    try:
        with socket.create_connection(REGISTRY, timeout=ANSWER_S):
            return True
    except OSError:
        return False
