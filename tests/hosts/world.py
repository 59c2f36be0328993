"""A fleet in memory, faults at the N-th call of a command, and what must hold at every moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest import mock

from errors import Unreachable
from hosts import fleet, rollback, steps, transaction
from hosts.connection import Completed
from hosts.events import Outcome, silent
from hosts.state import Journal, State
from layout.model import SLOTS
from layout.release import Bundle, Check, Command, GateLimits, Probe, Ready, ReleaseSpec, Target
from tests.hosts.fake_engine import Traits
from tests.hosts.fake_machine import Machine

GATE = GateLimits(window_s=0, min_requests=20, error_ratio=0.01, p95_ms=200, ready_s=0, keep_warm_s=60)
FOLDER = "/root/st"
Kind = Literal["kill before", "kill after", "cut", "cut after", "refuse", "cancel"]
KINDS: tuple[Kind, ...] = ("kill before", "kill after", "cut", "cut after", "refuse", "cancel")


class Killed(BaseException):
    """The controller is dead: nothing of it goes on."""


@dataclass
class Fault:
    """What happens at the call number `at` of one controller: it dies, loses its hosts, is refused one step, or gets Ctrl-C."""

    kind: Kind = "cut"
    at: int = 0
    calls: int = 0
    gone: bool = False

    def before(self, name: str) -> Completed | None:
        self.calls += 1
        if self.gone:
            raise Killed if self.kind.startswith("kill") else Unreachable(f"{name} cannot be reached")
        if self.calls != self.at:
            return None
        if self.kind in {"kill before", "cut"}:
            self.gone = True
            raise Killed if self.kind == "kill before" else Unreachable(f"{name} cannot be reached")
        if self.kind == "cancel":
            task = asyncio.current_task()
            assert task
            MAIN[0].cancel()
        return Completed(1, "", "Input/output error") if self.kind == "refuse" else None

    def after(self, name: str) -> None:
        if self.calls == self.at and self.kind in {"kill after", "cut after"}:
            self.gone = True
            raise Killed if self.kind == "kill after" else Unreachable(f"{name} cannot be reached")


MAIN: list[asyncio.Task[Any]] = []


@dataclass
class Wire:
    """One controller's connection to one machine."""

    world: World
    machine: Machine
    fault: Fault

    @property
    def name(self) -> str:
        return self.machine.name

    async def run(self, argv: Sequence[str], *, stdin: bytes | None = None, timeout_s: float = 60) -> Completed:
        await asyncio.sleep(0)
        done = self.fault.before(self.name)
        if done is None:
            done = self.machine.run(argv, stdin or b"")
            self.world.watch()
            self.fault.after(self.name)
        return done

    async def read(self, path: str) -> str | None:
        await asyncio.sleep(0)
        self.fault.before(self.name)
        self.fault.after(self.name)
        return self.machine.files.get(path)


@dataclass
class World:
    """Machines that share a clock. `traits`: version → how it behaves."""

    names: tuple[str, ...] = ("a", "b")
    traits: dict[str, Traits] = field(default_factory=dict)
    clock: float = 1_000_000.0
    machines: dict[str, Machine] = field(init=False)
    served: bool = False

    def __post_init__(self) -> None:
        self.machines = {name: Machine(name, self) for name in self.names}

    def answers(self, url: str) -> bool:
        host, slot = url.removeprefix("http://").split("/")
        return self.machines[host].engine.ready(f"st-{slot}-app")

    def spec(self, version: str, base: str = "1") -> ReleaseSpec:
        def service(part: str, name: str, version: str) -> str:
            facts = {"container_name": f"st-{part}-{name}", "version": version, "volumes": ["data"] if part == "base" else []}
            return json.dumps({"services": {name: facts}})

        files = {f"{slot}/compose.yaml": service(slot, "app", version) for slot in SLOTS}
        files |= {"base/compose.yaml": service("base", "balancer", "0"), "base/balancer/nginx.conf": base}
        hosts = self.names
        return ReleaseSpec(
            stack="st", version=version, hosts={name: Target(connection="local", address=name, root="/root") for name in hosts},
            bundles={name: Bundle(files=files, secret_files={"secrets/key": version}) for name in hosts},
            images={"nginx": "sha256:app"}, network={"name": "net", "subnet": "10.0.0.0/24"}, balancers=hosts,
            ready=tuple(Ready(host=name, container="st-base-balancer", command=("true",), reload=("reload",)) for name in hosts),
            checks={
                slot: tuple(Check(host=name, container=f"st-{slot}-app", asker_host="a", asker="st-base-balancer", url=f"http://{name}/{slot}") for name in hosts)
                for slot in SLOTS
            },
            commands=(Command(name="migrate", host="a", instance="app", command=("migrate",), when="before-switch", timeout_s=9),),
            probes=tuple(Probe(host=name, balancer="st-base-balancer", url="http://x", name="x") for name in hosts), gate=GATE,
        )  # fmt: skip

    # what a person does
    def deploy(self, spec: ReleaseSpec, fault: Fault | None = None) -> Outcome:
        outcome: Outcome = self.play(transaction.apply(spec, silent), fault)
        self.served = True
        return outcome

    def roll_back(self, fault: Fault | None = None, to: str | None = None) -> Outcome:
        outcome, _ = self.play(rollback.rollback("st", self.spec("0").hosts, to, silent), fault)
        found: Outcome = outcome
        return found

    def play(self, work: Any, fault: Fault | None = None) -> Any:
        """Run one command; a killed one leaves everything as it is at that moment, and its lease ends after a while."""
        fault = fault or Fault()

        async def main() -> Any:
            MAIN[:] = [asyncio.ensure_future(work)]
            return await MAIN[0]

        with self.reached_by(fault):
            try:
                return asyncio.run(main())
            except Killed:
                fault.gone = True
                raise
            finally:
                self.clock += 31 if fault.at else 1

    @contextlib.contextmanager
    def reached_by(self, fault: Fault) -> Iterator[None]:
        with (
            mock.patch.object(fleet, "LocalConnection", lambda name: Wire(self, self.machines[name], fault)),
            mock.patch.object(fleet, "local_compose", lambda: ("docker-compose",)),
            mock.patch.object(steps, "BASE_READY_S", 0),
        ):
            yield

    # what must hold
    def slot(self, name: str) -> str:
        return self.machines[name].engine.slot()

    def version(self, name: str, slot: str) -> str | None:
        box = self.machines[name].engine.boxes.get(f"st-{slot}-app")
        return box.version if box and box.state == "running" else None

    def watch(self) -> None:
        """At every moment: whatever slot a balancer sends users to is up on all hosts, in one version."""
        if not self.served:
            return
        for name in self.names:
            versions = {self.version(other, self.slot(name)) for other in self.names}
            assert len(versions) == 1, f"{name} sends users to {self.slot(name)}: {versions}"
            assert None not in versions, f"{name} sends users to {self.slot(name)}, which is not there"

    def state(self, name: str) -> State | None:
        text = self.machines[name].files.get(f"{FOLDER}/state.json")
        return State.model_validate_json(text) if text else None

    def journal(self, name: str) -> Journal | None:
        text = self.machines[name].files.get(f"{FOLDER}/journal.json")
        return Journal.model_validate_json(text) if text else None

    def settled(self) -> None:
        """Between commands: flags, books and containers of all hosts agree, no lease is held, no journal is open."""
        self.watch()
        assert len({self.slot(name) for name in self.names}) == 1
        assert {self.journal(name) for name in self.names} == {None}
        for machine in self.machines.values():
            lines = machine.owner(f"{FOLDER}/lease")
            assert not lines[0] or int(lines[1]) <= self.clock, f"{machine.name}: {lines}"
            self._books(machine)

    def _books(self, machine: Machine) -> None:
        state = self.state(machine.name)
        boxes = {name: box.version for name, box in machine.engine.boxes.items()}
        if state is None:
            assert not boxes, boxes
            assert not machine.engine.volumes
            return
        assert machine.engine.slot() == state.live
        wanted = {f"st-{slot}-app": release.rpartition("-")[0] for slot, release in state.slots.items()}
        assert boxes == wanted | {"st-base-balancer": "0"}
        assert state.slots[state.live] == state.release
        record = machine.files[f"{FOLDER}/releases/{state.release}/base/balancer/nginx.conf"]
        assert machine.files[f"{FOLDER}/base/balancer/nginx.conf"] == record
        kept = set(machine.listed(f"{FOLDER}/releases"))
        assert kept == {*state.history, *state.slots.values()}, kept
