"""Load from several processes or machines, over Locust's own master and workers: one leads, each plays its part of every probe.

Locust brings connections, heartbeats and the notice of a lost worker; messages of our own carry plan, probes and figures.
The connection is neither encrypted nor authenticated: it belongs on loopback or into a network of one's own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gevent
import gevent.event
import gevent.queue
from locust import runners
from locust.env import Environment
from pydantic import BaseModel

from loadtests import merge, progress
from loadtests.plan import Plan, Probe
from loadtests.result import Measured

# Locust's own word for a worker whose heartbeat stayed away.
MISSING = "missing"
# Not "stop": that is a word of Locust's own, which never comes to a listener.
HALT = "halt"
READY_S, TAIL_S = 30.0, 20.0
# How long workers are waited for; a person who starts them by hand needs longer than a script.
GATHER_S = float(os.environ.get("CMCTL_GATHER_S", "60"))
# How long a worker waits for a leader to come, and how long for one that is not heard of any more.
NO_LEADER_S = float(os.environ.get("CMCTL_GATHER_S", "300"))
LEADER_GONE_S = 15.0
LOOK_S = 0.05
Say = Callable[[BaseModel], None]


class Player(Protocol):
    """What a worker needs: says why it cannot play, plays probes, and can be stopped."""

    def refusal(self) -> progress.Refusal | None: ...
    def play(self, probe: Probe, say: Say) -> Measured: ...
    def stop(self, *_: object) -> None: ...


class Missing(Exception):
    """Fewer workers came than were asked for."""


class Blind(Exception):
    """Workers came, and the target is out of reach for some of them; `refusal` is for a person."""

    def __init__(self, told: Sequence[progress.Refusal]) -> None:
        super().__init__(told[0].what)
        whys = dict.fromkeys(f"{one.worker}: {one.why}" for one in told)
        self.refusal = told[0].model_copy(update={"worker": ", ".join(one.worker for one in told), "why": "\n".join(whys)})


class Leader:
    """Waits for workers, gives each its part, and makes one figure of what they measured."""

    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self.say = plan, say
        self.runner: Any = Environment().create_master_runner(plan.crew_host, plan.crew_port)
        self.answers: dict[str, Measured] = {}
        self.ready: set[str] = set()
        self.refusals: dict[str, progress.Refusal] = {}
        self.seconds: dict[int, list[progress.Second]] = {}
        for name, listener in (("ready", self._ready), ("refused", self._refused), ("second", self._second), ("measured", self._measured)):
            self.runner.register_message(name, listener)

    def gather(self, accounts: Sequence[tuple[str, str]]) -> None:
        """Wait until all are there, know the plan and reach its target. Raises Missing and Blind."""
        wanted = self.plan.workers
        self._wait(lambda: len(self._living()) >= wanted, GATHER_S)
        for part, key in enumerate(self._living()[:wanted]):
            plan = self.plan.model_copy(update={"workers": 0, "part": part, "parts": wanted, "seed": self.plan.seed + 7919 * part})
            self.runner.send_message("plan", {"plan": plan.model_dump_json(), "accounts": [list(one) for one in accounts]}, key)
        self._wait(lambda: len(self.ready) + len(self.refusals) >= wanted, READY_S)
        if self.refusals:
            raise Blind(sorted(self.refusals.values(), key=lambda one: one.worker))
        if len(self.ready) < wanted:
            raise Missing(
                f"{len(self.ready)} of {wanted} workers came to {self.plan.crew_host}:{self.plan.crew_port} within {GATHER_S:.0f} s"
            )

    def play(self, probe: Probe) -> Measured | None:
        """The probe by all who are still there. A worker that is lost meanwhile makes the window one that does not count; None when all are lost."""
        self.answers, self.seconds = {}, {}
        crew = [key for key in self._living() if key in self.ready]
        tasks = [(key, part) for key, part in zip(crew, merge.split(probe, len(crew)), strict=True) if part is not None]
        self.expected = len(tasks)
        for key, part in tasks:
            self.runner.send_message("probe", {"probe": part.model_dump_json()}, key)
        keys = {key for key, _ in tasks}
        length_s = probe.warmup_s + probe.seconds + self.plan.timeout_s + TAIL_S
        self._wait(lambda: keys & set(self._living()) <= self.answers.keys(), length_s)
        found = [self.answers[key] for key, _ in tasks if key in self.answers]
        if not found:
            return None
        merged = merge.side_by_side(found).model_copy(update={"probe": probe})
        if len(found) == len(tasks):
            return merged
        lost = merged.generator.model_copy(update={"achieved_ratio": round(len(found) / len(tasks), 5)})
        return merged.model_copy(update={"generator": lost})

    def stop(self) -> None:
        self.runner.send_message(HALT)

    def close(self) -> None:
        self.runner.send_message("bye")
        gevent.sleep(LOOK_S)

    def _living(self) -> list[str]:
        return sorted(client.id for client in self.runner.clients.all if client.state != MISSING)

    def _wait(self, until: Callable[[], bool], at_most_s: float) -> None:
        end = time.monotonic() + at_most_s
        while not until() and time.monotonic() < end:
            gevent.sleep(LOOK_S)

    def _ready(self, msg: Any, **_: object) -> None:
        self.ready.add(msg.node_id)

    def _refused(self, msg: Any, **_: object) -> None:
        self.refusals[msg.node_id] = progress.Refusal.model_validate_json(msg.data["refusal"])

    def _measured(self, msg: Any, **_: object) -> None:
        self.answers[msg.node_id] = Measured.model_validate_json(msg.data["measured"])

    def _second(self, msg: Any, **_: object) -> None:
        """One line for all, once all have said theirs."""
        one = progress.Second.model_validate_json(msg.data["second"])
        mine = self.seconds.setdefault(round(one.at_s), [])
        mine.append(one)
        if len(mine) == self.expected:
            self.say(merge.seconds(mine))


class Worker:
    """Plays what a leader says. `make` turns a plan into a player: probe and listener → figures, and how to stop it.

    `name` is what a person knows its machine by. Raises ConnectionError when no leader answers.
    """

    def __init__(self, host: str, port: int, name: str, make: Callable[[Plan, Sequence[tuple[str, str]]], Player]) -> None:
        self.name, self.make = name, make
        self.player: Player | None = None
        self.over = gevent.event.Event()
        runners.CONNECT_RETRY_COUNT = max(1, round(NO_LEADER_S / runners.CONNECT_TIMEOUT))
        self.runner: Any = Environment().create_worker_runner(host, port)
        for message, listener in (("plan", self._plan), ("probe", self._probe), (HALT, self._halt), ("bye", self._bye)):
            self.runner.register_message(message, listener, concurrent=True)

    def run(self) -> None:
        """Until the leader says good-bye, or is not heard of any more."""
        while not self.over.wait(1.0):
            heard = self.runner.last_heartbeat_timestamp
            if heard and time.time() - heard > LEADER_GONE_S:
                break
        if self.player:
            self.player.stop()

    def _plan(self, msg: Any, **_: object) -> None:
        self.player = self.make(Plan.model_validate_json(msg.data["plan"]), [(email, password) for email, password in msg.data["accounts"]])
        if refusal := self.player.refusal():
            told = refusal.model_copy(update={"worker": self.name})
            self.runner.send_message("refused", {"refusal": told.model_dump_json()})
        else:
            self.runner.send_message("ready")

    def _probe(self, msg: Any, **_: object) -> None:
        if self.player is None:
            return

        def say(event: BaseModel) -> None:
            self.runner.send_message("second", {"second": event.model_dump_json()})

        measured = self.player.play(Probe.model_validate_json(msg.data["probe"]), say)
        self.runner.send_message("measured", {"measured": measured.model_dump_json()})

    def _halt(self, **_: object) -> None:
        if self.player:
            self.player.stop()

    def _bye(self, **_: object) -> None:
        self.over.set()
