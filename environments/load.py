"""An environment's file as a typed value: environments/<name>.yaml."""

from __future__ import annotations

import difflib
from pathlib import Path

from documents import fit, read
from environments.model import Environment
from errors import BadInput

ROOT = Path(__file__).parent


def names(root: Path = ROOT) -> list[str]:
    """The environments that exist; files called *.example.yaml are none."""
    return sorted(path.stem for path in root.glob("*.yaml") if not path.stem.endswith(".example"))


def load(name: str, root: Path = ROOT) -> Environment:
    """The environment called `name`. Raises BadInput for an unknown name or a malformed file."""
    if name not in names(root):
        close = difflib.get_close_matches(name, names(root), n=1)
        guess = f"did you mean {close[0]}?" if close else f"known: {', '.join(names(root)) or 'none'}"
        raise BadInput(
            f"there is no environment {name!r}",
            why=guess,
            hint=f"cp environments/production.example.yaml environments/{name}.yaml, then fill it in",
        )
    document = read(root / f"{name}.yaml")
    environment = fit(document, Environment)
    if environment.name != name:
        raise BadInput(f"{document.path}:{document.line(('name',))}: name {environment.name!r} does not fit the file's name")
    return environment
