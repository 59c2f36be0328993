"""`make bench-fleet`: cmctl, pyinfra and Ansible bring the same bundles to the same four hosts of a lab, under load, in turn.

Prints seconds and failed requests of each, for no change, for one changed file and for a new version. ROUNDS says how often
each takes its turn (3); the order rotates. Root, because a lab needs it.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from layout.release import ReleaseSpec
from stacks.deployment import Wish, prepare
from tests.live.driver import ROOT
from tests.live.fleet_peers import Peers, programs
from tests.live.fleet_rig import FleetDriver
from tools.lab import Lab

NAME, SUBNET = "bench", "10.74.0"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RATE = 200
CASES = ("no change", "one file changed", "new version")
VERSIONS = {"1.0.0": "1.1.0", "1.1.0": "1.0.0"}
# A run's requests are counted until none has failed for so long, because a program may end before its containers serve.
QUIET_S, QUIET_LIMIT_S = 3.0, 60.0
GOAL = 3.0
ATTEMPTS = 3
# The gate of both of cmctl's ways: short, and patient with a machine that carries everything at once.
GATE = {"window_s": 1, "canary_s": 2, "p95_ms": 5000}
FIRST_S = 900


class TakenBackError(Exception):
    """A busy machine may be too slow for the gate: such a run's requests count, its seconds do not, and it is made again."""


@dataclass(frozen=True)
class Wanted:
    """What is to run: the app's version and a variable of its own, and one number in the balancer's configuration."""

    version: str = "1.0.0"
    note: int = 0
    burst: int = 20

    def after(self, case: str) -> Wanted:
        """What nobody has brought before, so that no containers of it are warm."""
        if case == "new version":
            return replace(self, version=VERSIONS[self.version], note=self.note + 1)
        return replace(self, burst=self.burst + 1) if case == "one file changed" else self


@dataclass
class Fleet(FleetDriver):
    """cmctl against the lab of the benchmark."""

    name: str = NAME
    network: str = "10.89.9.0/24"
    address: str = f"{SUBNET}.11"

    def facts(self) -> dict[str, Any]:
        text = (ROOT / "environments" / "lab.yaml").read_text(encoding="utf-8").replace("10.77.0.", f"{SUBNET}.")
        return {**yaml.safe_load(text), "name": self.name, "title": "Benchmark", "network": self.network}

    def declare(self, wanted: Wanted) -> None:
        """Write the platform's file so that `wanted` is what a deploy brings."""

        def change(facts: dict[str, Any]) -> None:
            facts["services"]["backend"]["environment"]["RELEASE_NOTE"] = str(wanted.note)
            facts["limits"]["api"]["burst"]["value"] = wanted.burst

        self.platform(change)
        path = self.folder / "platforms" / "codementee" / "phase2.yaml"
        phase = yaml.safe_load(path.read_text(encoding="utf-8"))
        phase["gate"] |= GATE
        path.write_text(yaml.safe_dump(phase, sort_keys=False), encoding="utf-8")

    def first(self) -> None:
        """From ready machines to phase 2, then once there and back, so that every host has the images of both versions."""
        self.declare(Wanted())
        process = self.start("deploy", "--phase", "2", "--yes", "--version", Wanted().version)
        _, said = process.communicate(timeout=FIRST_S)
        if process.returncode:
            sys.exit(f"the first deploy ended with {process.returncode}\n{said}")
        for wanted in (Wanted().after("new version"), Wanted()):
            done = self.bring(self.release(wanted))
            print(f"prepared: {wanted.version} is on all hosts, exit {done.code}, {done.seconds:.0f} s {done.err}", flush=True)

    def release(self, wanted: Wanted) -> ReleaseSpec:
        """What `cmctl deploy` would bring."""
        self.declare(wanted)
        return prepare(Wish("codementee", 2, self.name, wanted.version), lambda _: None).specs["phase2"]


@dataclass(frozen=True)
class Contender:
    """`ready` brings the fleet to what is wanted before the turn, untimed; `stage` is what it needs before a run, `run` is timed."""

    name: str
    ready: Callable[[Wanted], None]
    stage: Callable[[Wanted], Any]
    run: Callable[[Any], None]


@dataclass
class Results:
    """(contender, case) → seconds of each run, and requests sent and failed in all of them."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    sent: dict[tuple[str, str], int] = field(default_factory=dict)
    failed: dict[tuple[str, str], int] = field(default_factory=dict)

    def median(self, contender: str, case: str) -> float:
        return statistics.median(self.seconds[contender, case])

    def add(self, key: tuple[str, str], seconds: float | None, sent: int, failed: int) -> None:
        self.seconds.setdefault(key, []).extend([] if seconds is None else [seconds])
        self.sent[key] = self.sent.get(key, 0) + sent
        self.failed[key] = self.failed.get(key, 0) + failed


def contenders(fleet: Fleet, peers: Peers) -> list[Contender]:
    def transaction(spec: ReleaseSpec) -> None:
        done = fleet.bring(spec)
        if done.code:
            raise TakenBackError(f"the transaction ended with {done.code}\n{done.err}")

    def deploy(wanted: Wanted) -> None:
        done = fleet.run("deploy", "--phase", "2", "--yes", "--version", wanted.version, "--json")
        if done.code:
            raise TakenBackError(f"cmctl deploy ended with {done.code}\n{done.err}")

    def aligned(wanted: Wanted) -> None:
        fleet.declare(wanted)
        deploy(wanted)

    def declared(wanted: Wanted) -> Wanted:
        fleet.declare(wanted)
        return wanted

    def staged(wanted: Wanted) -> None:
        peers.stage(fleet.release(wanted))

    def nothing(wanted: Wanted) -> None:
        """A peer finds what the one before it left: the same files in the same places."""
        del wanted

    return [
        Contender("cmctl, its transaction alone", lambda wanted: transaction(fleet.release(wanted)), fleet.release, transaction),
        Contender("pyinfra", nothing, staged, lambda _: peers.pyinfra()),
        Contender("Ansible", nothing, staged, lambda _: peers.ansible()),
        Contender("cmctl deploy, the whole command", aligned, declared, deploy),
    ]


def measure(fleet: Fleet, one: Contender, case: str, wanted: Wanted, results: Results) -> None:
    """One timed run under load; its failures are counted until the platform is quiet again."""
    for _ in range(ATTEMPTS):
        staged = one.stage(wanted)
        with fleet.traffic(RATE) as load:
            time.sleep(1)
            begun, said = time.monotonic(), ""
            try:
                one.run(staged)
            except TakenBackError as error:
                said = str(error)
            seconds = time.monotonic() - begun
            ended = time.time()
            while time.time() - max([ended, *load.tally.failed_at[-1:]]) < QUIET_S and time.time() - ended < QUIET_LIMIT_S:
                time.sleep(0.1)
        results.add((one.name, case), None if said else seconds, load.tally.sent, load.tally.failed)
        print(f"{one.name}: {case}: {seconds:.2f} s; {load.tally.line()}; load {os.getloadavg()[0]:.0f} {said}", flush=True)
        if not said:
            return
    print(f"{one.name}: {case}: taken back {ATTEMPTS} times; no seconds of it", flush=True)


def run(fleet: Fleet, peers: Peers, results: Results) -> None:
    """All rounds; Ctrl-C ends them, and what was measured until then is shown."""
    wanted = Wanted()
    entrants = contenders(fleet, peers)
    with suppress(KeyboardInterrupt):
        for number in range(ROUNDS):
            for one in (*entrants[number % len(entrants) :], *entrants[: number % len(entrants)]):
                one.ready(wanted)
                # The same again first: nobody starts with caches that another left warm.
                one.run(one.stage(wanted))
                for case in CASES:
                    wanted = wanted.after(case)
                    measure(fleet, one, case, wanted, results)


def table(results: Results) -> Iterator[str]:
    names = list(dict.fromkeys(name for name, _ in results.seconds))
    yield "| case | | seconds, median | least to most | requests | failed |"
    yield "|---|---|---|---|---|---|"
    for case in CASES:
        for key in [(name, case) for name in names if results.seconds.get((name, case))]:
            name, seconds = key[0], results.seconds[key]
            spread = f"{min(seconds):.1f} to {max(seconds):.1f}"
            yield f"| {case} | {name} | {results.median(*key):.2f} | {spread} | {results.sent[key]:,} | {results.failed[key]:,} |"
    there = [name for name in names if results.seconds.get((name, CASES[0]))]
    if not {"pyinfra", "Ansible"} <= set(there):
        return
    better = min(("pyinfra", "Ansible"), key=lambda name: results.median(name, CASES[0]))
    yield ""
    for name in (name for name in there if name.startswith("cmctl")):
        ratio = results.median(better, CASES[0]) / results.median(name, CASES[0])
        yield f"no change: {name} is {ratio:.1f} times as fast as {better} (goal {GOAL:g}: {'met' if ratio >= GOAL else 'missed'})"


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, load {os.getloadavg()[0]:.0f} at the start"


@contextmanager
def stage() -> Iterator[tuple[Fleet, Peers]]:
    """Four hosts that serve phase 2, with the images of both versions; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="cmctl-bench-") as folder:
        fleet = Fleet(Path(folder))
        os.environ |= fleet.variables
        peers_bin = programs(print)
        with Lab(NAME, f"{SUBNET}.0/24", report=print) as lab:
            lab.down()  # what a killed run left
            lab.up(4)
            fleet.first()
            yield fleet, Peers(peers_bin, Path(folder) / "stage", lab)


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("a lab needs root")
    print(machine(), flush=True)
    results = Results()
    with stage() as (fleet, peers):
        run(fleet, peers, results)
    print(f"\n{RATE} requests/s over keep-alive TLS, 30 % POST, while each works; {ROUNDS} runs each\n")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
