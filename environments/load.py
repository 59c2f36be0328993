"""An environment's file as a typed value: environments/<name>.yaml."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from documents import did_you_mean, fit, read
from environments.model import Environment
from errors import BadInput
from folders import called_else, roots

ROOT = Path(__file__).parent
VARIABLE = "CMCTL_ENVIRONMENTS"


def _files(root: Path | None) -> dict[str, Path]:
    """Name → file, over all folders; files called *.example.yaml are no environments."""
    found = (path for folder in reversed(_places(root)) for path in folder.glob("*.yaml"))
    return {path.stem: path for path in found if not path.stem.endswith(".example")}


def _places(root: Path | None) -> list[Path]:
    return [root] if root else roots(VARIABLE, ROOT)


def names(root: Path | None = None) -> list[str]:
    """The environments that exist: in the folders of $CMCTL_ENVIRONMENTS, and those that come with cmctl."""
    return sorted(_files(root))


def others(name: str, root: Path | None = None) -> list[Environment]:
    """All environments but the one called `name`. A malformed file is left out: nothing can be deployed to it."""
    found = []
    for one in names(root):
        with suppress(BadInput):
            found += [load(one, root)] if one != name else []
    return found


def load(name: str, root: Path | None = None) -> Environment:
    """The environment called `name`. Raises BadInput for an unknown name or a malformed file."""
    files = _files(root)
    if name not in files:
        called_else(_places(root), f"{name}.yml")
        raise BadInput(
            f"there is no environment {name!r}",
            why=f"{did_you_mean(name, list(files)).strip(' ()')}; looked in {', '.join(str(place) for place in _places(root))}",
            hint=f"cp environments/production.example.yaml environments/{name}.yaml, then fill it in",
        )
    document = read(files[name])
    environment = fit(document, Environment)
    if environment.name != name:
        raise BadInput(f"{document.path}:{document.line(('name',))}: name {environment.name!r} does not fit the file's name")
    return environment
