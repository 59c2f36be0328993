"""A platform's files as typed values: phases/<platform>/platform.yaml and phase0.yaml … phase9.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from documents import Document, did_you_mean, fit, read
from errors import BadInput
from folders import called_else, roots
from phases.model import Phase, Platform

ROOT = Path(__file__).parent
VARIABLE = "CMCTL_PLATFORMS"
# Requests as another program gets them: its own `value` and `source` are no provenance.
VERBATIM = ("steps",)


@dataclass(frozen=True)
class Loaded:
    """One platform, its phases by number, and the documents they were read from."""

    platform: Platform
    phases: dict[int, Phase]
    documents: tuple[Document, ...]

    def phase(self, number: int) -> Phase:
        """Phase `number`. Raises BadInput that lists the known ones."""
        if number not in self.phases:
            known = ", ".join(f"{one.number} {one.name}" for one in self.phases.values())
            raise BadInput(f"{self.platform.name} has no phase {number}", why=f"known phases: {known}", hint="cmctl phases")
        return self.phases[number]


def _folders(root: Path | None) -> dict[str, Path]:
    """Name → folder, over all places where platforms lie."""
    return {path.parent.name: path.parent for place in reversed(_places(root)) for path in place.glob("*/platform.yaml")}


def _places(root: Path | None) -> list[Path]:
    return [root] if root else roots(VARIABLE, ROOT)


def names(root: Path | None = None) -> list[str]:
    """The platforms that exist: in the folders of $CMCTL_PLATFORMS, and those that come with cmctl."""
    return sorted(_folders(root))


def load(name: str, root: Path | None = None) -> Loaded:
    """The platform called `name`. Raises BadInput for an unknown name, a malformed file, or a file whose number is not its name's."""
    folders = _folders(root)
    if name not in folders:
        called_else(_places(root), f"{name}/platform.yml")
        raise BadInput(
            f"there is no platform {name!r}",
            why=f"{did_you_mean(name, list(folders)).strip(' ()')}; looked in {', '.join(str(place) for place in _places(root))}",
            hint="cmctl phases --platform codementee",
        )
    folder = folders[name]
    head = read(folder / "platform.yaml", verbatim=VERBATIM)
    platform = fit(head, Platform)
    if platform.name != name:
        raise BadInput(f"{head.path}:{head.line(('name',))}: name {platform.name!r} does not fit the folder's name {name!r}")
    documents = [read(path) for path in _phase_files(folder)]
    phases = [_phase(document, platform) for document in documents]
    return Loaded(platform, {one.number: one for one in phases}, (head, *documents))


def _phase_files(folder: Path) -> list[Path]:
    """phase0.yaml … phase9.yaml. One that is nearly called so would be left out in silence, so it is refused."""
    found = sorted(folder.glob("phase[0-9].yaml"))
    odd = sorted(str(path) for path in folder.glob("phase*.y*ml") if path not in found)
    if odd or not found:
        raise BadInput(
            f"{', '.join(odd)}: not called like a phase" if odd else f"{folder}: there is no phase in it",
            hint="phases are called phase0.yaml … phase9.yaml",
        )
    return found


def _phase(document: Document, platform: Platform) -> Phase:
    phase = fit(document, Phase)
    if document.path.stem != f"phase{phase.number}":
        raise BadInput(f"{document.path}:{document.line(('number',))}: number {phase.number} does not fit the file's name")
    _services_exist(document, phase, platform)
    return phase


def _services_exist(document: Document, phase: Phase, platform: Platform) -> None:
    for section, names_here in (("workloads", phase.workloads), ("kubernetes", phase.kubernetes.pods if phase.kubernetes else {})):
        for service in names_here:
            if service not in platform.services:
                line = document.line((section, service) if section == "workloads" else (section, "pods", service))
                known = ", ".join(sorted(platform.services))
                raise BadInput(f"{document.path}:{line}: {section}.{service} is no service of {platform.name}", why=f"known: {known}")
