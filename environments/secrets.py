"""The values of a platform's secrets in an environment. They travel as values and 0600 files, never by argv or output."""

from __future__ import annotations

import json
import os
import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from environments import private_files
from environments.model import Environment
from errors import BadInput


def resolve(environment: Environment, platform: str, names: Iterable[str], home: Path) -> dict[str, str]:
    """Name → value for all `names`. Raises BadInput that lists every missing one at once."""
    wanted = sorted(set(names))
    origin = environment.secrets.origin
    if origin == "generated":
        return _generated(environment, platform, wanted, home)
    given = dict(os.environ) if origin == "env" else _from_file(environment)
    missing = [name for name in wanted if not given.get(name)]
    if missing:
        place = "the process environment" if origin == "env" else str(environment.secrets.path)
        raise BadInput(
            f"missing {'secret' if len(missing) == 1 else 'secrets'}: {', '.join(missing)}",
            why=f"{place} does not give them",
            hint="set them and run the same command",
        )
    return {name: given[name] for name in wanted}


def _generated(environment: Environment, platform: str, wanted: list[str], home: Path) -> dict[str, str]:
    if environment.kind == "cloud":
        raise BadInput(
            f"environment {environment.name}: secrets cannot be generated for a cloud environment",
            hint="secrets: {from: env} or {from: file, path: …}",
        )
    path = home / "secrets" / f"{platform}-{environment.name}.json"
    known: dict[str, str] = json.loads(private_files.read(path)) if path.exists() else {}
    missing = [name for name in wanted if name not in known]
    if missing:
        known |= {name: random.token_urlsafe(24) for name in missing}
        private_files.write(path, json.dumps(known, indent=1, sort_keys=True))
    return {name: known[name] for name in wanted}


def _from_file(environment: Environment) -> Mapping[str, str]:
    if not environment.secrets.path:
        raise BadInput(f"environment {environment.name}: secrets from a file need secrets.path")
    path = Path(environment.secrets.path).expanduser()
    try:
        data = yaml.safe_load(private_files.read(path))
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not valid YAML", hint="one `NAME: value` a line") from error
    if not isinstance(data, dict) or not all(isinstance(key, str) and isinstance(value, str) for key, value in data.items()):
        raise BadInput(f"{path}: is no list of `NAME: value` lines")
    return data
