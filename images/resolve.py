"""Names of the catalogue → references that the engine has: pulled by digest where a registry answers, else built."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from errors import BadInput
from images import base, build, engine, registry
from images.catalogue import CATALOGUE, Image

Report = Callable[[str], None]
Programs = Mapping[str, Callable[[Report], Path]]


@dataclass(frozen=True)
class Resolved:
    """`reference` is an image id. `way` says how the image came here in this run."""

    reference: str
    way: Literal["present", "registry", "built"]
    seconds: float


def resolve(
    names: Iterable[str],
    version: str,
    programs: Programs,
    report: Report,
    *,
    catalogue: Mapping[str, Image] = CATALOGUE,
    answers: Callable[[], bool] = registry.answers,
) -> dict[str, Resolved]:
    """Image of every name. `programs` gives the paths of programs that recipes need, by name.

    Raises BadInput for a name that the catalogue does not hold. A second run finds everything present.
    """
    wanted = sorted(set(names))
    unknown = [name for name in wanted if name not in catalogue]
    if unknown:
        raise BadInput(
            f"no such image: {', '.join(unknown)}", why=f"the catalogue holds {', '.join(sorted(catalogue))}", hint="cmctl images"
        )
    paths = {need: programs[need](report) for name in wanted for need in catalogue[name].needs if need in programs}
    orders = {name: _order(catalogue[name], version, paths) for name in wanted}
    present = engine.ids([one.tag for one in orders.values()])
    here = {name: Resolved(present[one.tag], "present", 0.0) for name, one in orders.items() if one.tag in present}
    return here | _bring([one for name, one in orders.items() if name not in here], report, answers)


def _order(image: Image, version: str, paths: Mapping[str, Path]) -> build.Order:
    program = next((paths[need] for need in image.needs if need in paths), None)
    return build.Order(image, version, program)


def _bring(orders: Iterable[build.Order], report: Report, answers: Callable[[], bool]) -> dict[str, Resolved]:
    """Pull or build each. The first pull that fails ends pulling: a registry that refuses one refuses the next."""
    brought: dict[str, Resolved] = {}
    pulling = True
    for one in orders:
        pulled = _from_registry(one, report) if pulling and answers() else None
        pulling = pulled is not None
        brought[one.image.name] = pulled or _build(one, base.debian(report), report)
    return brought


def _from_registry(one: build.Order, report: Report) -> Resolved | None:
    """The image by digest, or built on its published base; None when the registry does not give what it takes."""
    start = time.monotonic()
    try:
        if not one.image.upstream:
            return _build(one, base.published(one.image.base, report), report)
        report(f"pulling {one.image.upstream}")
        reference = engine.pull(one.image.upstream)
    except engine.PullFailed as error:
        report(f"{error.what}: {(error.why or 'no reason given').splitlines()[-1]}")
        return None
    engine.docker(["tag", reference, one.tag])
    return Resolved(reference, "registry", time.monotonic() - start)


def _build(one: build.Order, under: base.Base, report: Report) -> Resolved:
    start = time.monotonic()
    report(f"building {one.image.name}: {one.image.why_local or 'no registry answers'}")
    return Resolved(build.build(one, under, report), "built", time.monotonic() - start)
