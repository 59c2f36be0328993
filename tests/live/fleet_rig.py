"""Four hosts in a lab of the suite's own, releases for them as values, and a controller that a test may hold or kill at any step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from layout.release import ReleaseSpec
from stacks.deployment import Wish, prepare
from tests.live.driver import ROOT, Answer, Driver, wait_for
from tools.lab import Lab

SUBNET = "10.75.0"
STACK = "codementee-fleet-phase2"
APPS = ("app1", "app2")
WAIT_S = 240


@dataclass
class FleetDriver(Driver):
    """cmctl against the lab's four hosts."""

    https: int = 443
    network: str = "10.89.7.0/24"
    name: str = "fleet"
    site: str = "cmctl.test"
    address: str = f"{SUBNET}.11"

    def facts(self) -> dict[str, Any]:
        text = (ROOT / "environments" / "lab.yaml").read_text(encoding="utf-8").replace("10.77.0.", f"{SUBNET}.")
        facts: dict[str, Any] = yaml.safe_load(text)
        return facts | {"name": self.name, "title": "Fleet suite", "network": self.network}

    def spec(self, note: str, **fault: str) -> ReleaseSpec:
        """Phase 2 with one variable that tells this release from others; `fault` breaks the app as app/faults.py says."""

        def change(facts: dict[str, Any]) -> None:
            faults = {"CMCTL_FAULTS": "1", **fault} if fault else {}
            facts["services"]["backend"]["environment"] |= {"RELEASE_NOTE": note, **faults}

        self.platform(change)
        with environment(self.variables):
            found = prepare(Wish("codementee", 2, self.name), lambda _: None).specs["phase2"]
        self.plain()
        gate = found.gate.model_copy(update={"window_s": 1, "canary_s": 2, "ready_s": 120})
        return found.model_copy(update={"gate": gate})

    def controller(self, spec: ReleaseSpec, *, hold: str = "", rollback: bool = False) -> Controller:
        return Controller(self, spec, hold=hold, rollback=rollback)

    def bring(self, spec: ReleaseSpec) -> Answer:
        """Run the transaction to its end."""
        return self.controller(spec).end()


@dataclass
class Controller:
    """A process that runs one transaction, prints its steps as lines, and waits for a word at the step it shall hold at."""

    driver: Driver
    spec: ReleaseSpec
    hold: str = ""
    rollback: bool = False
    steps: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        path = self.driver.folder / f"spec-{time.time_ns()}.json"
        path.write_text(self.spec.model_dump_json(), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.fleet_controller", str(path), self.hold or "-", "rollback" if self.rollback else "apply"],
            cwd=ROOT, env=self.driver.variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def until_held(self) -> None:
        """Return when the controller stands before the step it shall hold at."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.steps.append(line.strip())
            if line.startswith("held "):
                return
        raise AssertionError(f"ended before {self.hold}: {self.process.communicate()[1]}")

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=WAIT_S)

    def end(self) -> Answer:
        out, err = self.process.communicate(timeout=WAIT_S * 2)
        self.steps += out.splitlines()
        return Answer(self.process.returncode, out, err, time.monotonic() - self.begun)


@contextmanager
def hosts(cmctl: FleetDriver, subnet: str = SUBNET) -> Iterator[Lab]:
    """Four hosts for cmctl; gone at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(cmctl.home))
        with Lab(cmctl.name, f"{subnet}.0/24", report=print) as lab:
            lab.up(4)
            yield lab


class environment:  # noqa: N801 - used as a function
    """Variables for a block of code in this process."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def __enter__(self) -> None:
        self.before = dict(os.environ)
        os.environ.update(self.variables)

    def __exit__(self, *_: object) -> None:
        os.environ.clear()
        os.environ.update(self.before)


def _flags(lab: Lab) -> list[str]:
    return lab.run("lb1", ["ls", f"/var/lib/cmctl/{STACK}/live"]).out.split()


def serving(lab: Lab) -> str:
    """The slot all traffic goes to, by the balancer's flags: exactly one; a canary step ends by itself within seconds."""
    wait_for(lambda: set(_flags(lab)) <= {"green"}, 15, "the end of a canary step whose controller is gone")
    flags = _flags(lab)
    return "green" if flags else "blue"


def restart_idle(lab: Lab) -> None:
    """Start the containers of the slot that nobody is sent to anew, on both app hosts at once, and wait until they serve."""
    idle = "blue" if serving(lab) == "green" else "green"
    script = 'docker ps -aq --filter "name=$1" | xargs docker restart -t 1 > /dev/null'
    healthy = 'docker ps --filter "name=$1" --format "{{.Status}}" | grep -vc "(healthy)"'
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: lab.run(host, ["sh", "-c", script, "restart", f"{STACK}-{idle}-"]), APPS))
    wait_for(lambda: all(lab.run(host, ["sh", "-c", healthy, "ask", f"{STACK}-{idle}-"]).out.strip() == "0" for host in APPS), 60, "health")


def notes(lab: Lab) -> set[str]:
    """What tells releases apart, as the engines say of every backend of the serving slot: one value in a whole fleet."""
    slot = serving(lab)
    found = set()
    for host in ("app1", "app2"):
        show = "{{range .Config.Env}}{{println .}}{{end}}"
        script = f'docker ps -q --filter "name={STACK}-{slot}-backend" | xargs -r docker inspect --format "$1"'
        lines = lab.run(host, ["sh", "-c", script, "env", show]).out.splitlines()
        found |= {line.partition("=")[2] for line in lines if line.startswith("RELEASE_NOTE=")} or {"none"}
    return found


def note(spec: ReleaseSpec) -> str:
    """What tells this release from others."""
    return next(
        line.split(": ")[1].strip("'") for line in spec.bundles["app1"].files["blue/compose.yaml"].splitlines() if "RELEASE_NOTE" in line
    )


def open_books(lab: Lab) -> list[str]:
    """Hosts with the journal of a transaction that did not end."""
    return [host.name for host in lab.hosts() if lab.run(host.name, ["test", "-e", f"/var/lib/cmctl/{STACK}/journal.json"]).code == 0]
