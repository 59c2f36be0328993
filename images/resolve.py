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
    names: Iterable[str], version: str, programs: Programs, report: Report, *, catalogue: Mapping[str, Image] = CATALOGUE, answers: Callable[[], bool] = registry.answers
) -> dict[str, Resolved]:
    """Image of every name. `programs` gives the paths of programs that recipes need, by name.

    Raises BadInput for a name that the catalogue does not hold. A second run finds everything present.
    """
    wanted = sorted(set(names))
    unknown = [name for name in wanted if name not in catalogue]
    if unknown:
        raise BadInput(f"no such image: {', '.join(unknown)}", why=f"the catalogue holds {', '.join(sorted(catalogue))}", hint="cmctl images")
    paths = {need: programs[need](report) for name in wanted for need in catalogue[name].needs if need in programs}
    orders = {name: _order(catalogue[name], version, paths) for name in wanted}
    present = engine.ids([one.tag for one in orders.values()])
    here = {name: Resolved(present[one.tag], "present", 0.0) for name, one in orders.items() if one.tag in present}
    return here | _bring([one for name, one in orders.items() if name not in here], version, report, answers)


@dataclass(frozen=True)
class Order:
    """One image that is wanted, the tag it gets, and the program its recipe takes in."""

    image: Image
    tag: str
    program: Path | None


def _order(image: Image, version: str, paths: Mapping[str, Path]) -> Order:
    program = next((paths[need] for need in image.needs if need in paths), None)
    return Order(image, build.tag(image, version, program), program)


def _bring(orders: Iterable[Order], version: str, report: Report, answers: Callable[[], bool]) -> dict[str, Resolved]:
    """Pull or build each. The first pull that fails ends pulling: a registry that refuses one refuses the next."""
    brought, pulling = {}, True
    for one in orders:
        start = time.monotonic()
        found = None
        if pulling and answers():
            found = _from_registry(one, version, report)
            pulling = found is not None
        way: Literal["registry", "built"] = "registry" if found and one.image.upstream else "built"
        reference = found or _build(one, version, base.debian(report), report)
        brought[one.image.name] = Resolved(reference, way, time.monotonic() - start)
    return brought


def _from_registry(one: Order, version: str, report: Report) -> str | None:
    """The image by digest, or built on its published base; None when the registry does not give what it takes."""
    try:
        if not one.image.upstream:
            return _build(one, version, base.published(one.image.base, report), report)
        report(f"pulling {one.image.upstream}")
        reference = engine.pull(one.image.upstream)
    except engine.PullFailed as error:
        report(f"the registry does not give {one.image.upstream or one.image.base}: {error.why.splitlines()[-1] if error.why else error.what}")
        return None
    engine.docker(["tag", reference, one.tag])
    return reference


def _build(one: Order, version: str, under: base.Base, report: Report) -> str:
    report(f"building {one.image.name}: {one.image.why_local or 'no registry answers'}")
    return build.build(one.image, one.tag, version, one.program, under, report)

