"""The values of a platform's secrets in an environment. They travel as values and 0600 files, never by argv or output."""

from __future__ import annotations

import json
import os
import re
import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path

from documents import parse
from environments import private_files
from environments.model import Environment
from errors import BadInput

DOTENV = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def resolve(environment: Environment, platform: str, names: Iterable[str], home: Path) -> dict[str, str]:
    """Name → value for all `names`. Raises BadInput that lists every missing one at once."""
    wanted = sorted(set(names))
    origin = environment.secrets.origin
    if origin == "generated":
        return _generated(environment, platform, wanted, home)
    given = dict(os.environ) if origin == "env" else _from_file(environment, wanted)
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
    with private_files.alone(path.parent):
        known = _kept(path, environment.name) if path.exists() else {}
        missing = [name for name in wanted if name not in known]
        if missing:
            known |= {name: random.token_urlsafe(24) for name in missing}
            private_files.write(path, json.dumps(known, indent=1, sort_keys=True))
    return {name: known[name] for name in wanted}


def restore(environment: Environment, platform: str, values: Mapping[str, str], home: Path) -> list[str]:
    """Keep made-up secrets that were found elsewhere; what is kept already stays. Returns the names that were new."""
    if environment.secrets.origin != "generated":
        return []
    path = home / "secrets" / f"{platform}-{environment.name}.json"
    with private_files.alone(path.parent):
        known = _kept(path, environment.name) if path.exists() else {}
        new = {name: value for name, value in values.items() if name not in known}
        if new:
            private_files.write(path, json.dumps(new | known, indent=1, sort_keys=True))
    return sorted(new)


def _kept(path: Path, environment: str) -> dict[str, str]:
    text = private_files.read(path)
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict) or not all(isinstance(value, str) for value in known.values()):
        # `from None`: the parser's error quotes the text, and the text is secret.
        raise BadInput(
            f"{path}: is damaged",
            why="made-up secrets are kept there, and new ones would lock out a database that has the old ones",
            hint=f"put it back from a copy; or cmctl destroy --all --env {environment}, and then rm {path}",
        ) from None
    return known


def _from_file(environment: Environment, wanted: list[str]) -> Mapping[str, str]:
    path = Path(str(environment.secrets.path)).expanduser()
    text = private_files.read(path)
    return _dotenv(text, path) if path.suffix == ".env" or path.name == ".env" else _yaml(text, path, wanted)


def _yaml(text: str, path: Path, wanted: list[str]) -> dict[str, str]:
    try:
        data = parse(text, path, provenance=False).data
    except BadInput as error:
        line = re.match(r":(\d+):", error.what.removeprefix(str(path)))
        raise _unreadable(path, line[1] if line else "1", "`NAME: value`") from None
    if not isinstance(data, dict):
        raise _unreadable(path, "1", "`NAME: value`")
    odd = [name for name in wanted if name in data and not isinstance(data[name], str)]
    if odd:
        raise BadInput(
            f"{path}: no text: {', '.join(odd)}", why="numbers, dates and yes/no would be changed", hint="put the values in quotes"
        )
    return {name: value for name, value in data.items() if isinstance(value, str)}


def _dotenv(text: str, path: Path) -> dict[str, str]:
    """`NAME=value` lines: taken literally but for quotes around the whole value; nothing is expanded."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = DOTENV.fullmatch(stripped)
        if match is None or match[1] in found:
            raise _unreadable(path, str(number), "`NAME=value`")
        quoted = len(match[2]) > 1 and match[2][0] == match[2][-1] and match[2][0] in "'\""
        found[match[1]] = match[2][1:-1] if quoted else match[2]
    return found


def _unreadable(path: Path, line: str, form: str) -> BadInput:
    """Says where, never what: the line may hold a secret."""
    return BadInput(
        f"{path}:{line}: no {form} line, or a name that was given before",
        hint="one name a line, each once; a value with special signs in quotes",
    )
