"""cmctl as a person runs it, against an environment of the live suites' own: own home, ports and network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from environments.certificates import certificate
from environments.load import load as load_environment
from phases.load import load as load_platform
from templates.names import all_domains
from tests.live.traffic import Traffic

ROOT = Path(__file__).parents[2]
CMCTL = str(Path(sys.executable).with_name("cmctl"))
NAME = "livetest"


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Driver:
    """One environment on this machine. `extra` are variables for every command."""

    folder: Path
    https: int = 18443
    network: str = "10.89.5.0/24"
    name: str = NAME
    extra: dict[str, str] = field(default_factory=dict)
    site: str = "localhost"
    address: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.write_environment(self.facts())

    def facts(self) -> dict[str, Any]:
        """The environment of a suite on this machine."""
        facts = yaml.safe_load((ROOT / "environments" / "local.yaml").read_text(encoding="utf-8"))
        facts |= {"name": self.name, "title": "Live suites", "network": self.network}
        facts["listen"] |= {"http": self.https - 363, "https": self.https, "prometheus": self.https + 647}
        return dict(facts)

    def write_environment(self, facts: Mapping[str, Any]) -> None:
        path = self.folder / "environments" / f"{self.name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(dict(facts), sort_keys=False), encoding="utf-8")

    def platform(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Shadow Codementee by a copy whose platform.yaml was changed; `plain()` ends it."""
        target = self.folder / "platforms" / "codementee"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(ROOT / "phases" / "codementee", target)
        facts = yaml.safe_load((target / "platform.yaml").read_text(encoding="utf-8"))
        change(facts)
        (target / "platform.yaml").write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")

    def plain(self) -> None:
        shutil.rmtree(self.folder / "platforms", ignore_errors=True)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def variables(self) -> dict[str, str]:
        own = {
            "CMCTL_HOME": str(self.home),
            "CMCTL_ENVIRONMENTS": str(self.folder / "environments"),
            "CMCTL_PLATFORMS": str(self.folder / "platforms"),
        }
        return {**os.environ, **own, "CMCTL_ENV": self.name, **self.extra}

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """A command under way, in a session of its own as a terminal would give it."""
        return subprocess.Popen(
            [CMCTL, *arguments], env=self.variables | variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, *arguments: str, **variables: str) -> Answer:
        begun = time.monotonic()
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=600)
        return Answer(process.returncode, out, err, time.monotonic() - begun)

    def must(self, *arguments: str, **variables: str) -> Answer:
        answer = self.run(*arguments, **variables)
        assert answer.code == 0, f"cmctl {' '.join(arguments)}: exit {answer.code}\n{answer.err}"
        return answer

    def traffic(self, rate: float = 200) -> Traffic:
        platform = load_platform("codementee").platform
        environment = load_environment(self.name, self.folder / "environments")
        authority = certificate(environment, all_domains(platform, environment), self.home).authority
        return Traffic(self.https, authority, rate=rate, name=self.site, address=self.address)


def docker(*arguments: str) -> list[str]:
    """Lines that docker prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def wait_for(question: Callable[[], bool], limit_s: float, what: str) -> None:
    end = time.monotonic() + limit_s
    while not question():
        assert time.monotonic() < end, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.05)
