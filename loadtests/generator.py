"""The load generator: `python -m loadtests.generator PLAN.json`, a process of its own because Locust patches sockets.

`python -m loadtests.generator --worker HOST:PORT [NAME]` plays parts of another one's probes instead.

Checks the target, rehearses the journeys, plays the plan's probes, then (with `follow`) probes that come as JSON lines on
stdin. Says what it does as JSON lines on stdout (loadtests/progress.py). Exit codes: 0 done, 2 bad plan, 3 a journey
fails, 7 the target cannot be reached.
"""

from __future__ import annotations

import random
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
import gevent.fileobject
import gevent.queue
from geventhttpclient.url import URL
from locust.env import Environment
from pydantic import BaseModel

from errors import BadInput
from loadtests import crew, progress, rehearsal
from loadtests import plan as plans
from loadtests.audience import Audience, size_for
from loadtests.load import Load
from loadtests.locustfile import Visitor
from loadtests.plan import Plan, Probe
from loadtests.priority import be_on_time
from loadtests.result import Measured
from loadtests.wire import Wire, context_factory, pin, reach


def say(event: BaseModel) -> None:
    sys.stdout.write(event.model_dump_json() + "\n")
    sys.stdout.flush()


class Ended(Exception):
    """Somebody asked for the end while no load was sent."""


class Session:
    """One plan from the first check to the last probe. With workers it only leads; `accounts` are given to a worker, who makes none."""

    def __init__(self, plan: Plan, accounts: Sequence[tuple[str, str]] = ()) -> None:
        self.leader = crew.Leader(plan, say) if plan.workers else None
        self.plan = plan.model_copy(update={"client_addresses": 0}) if self.leader and plan.leads_alone else plan
        self.load: Load | None = None
        self.ended = False
        self.breaks_off: Any = None
        self.usual_s = 1.0
        self.orders: gevent.queue.Queue[Probe | None] = gevent.queue.Queue()
        self.audience = Audience(
            plan.journeys, size_for(0), random.Random(plan.seed), plan.run, plan.part, plan.parts, self.plan.client_addresses, plan.variables,  # noqa: S311 - a mix of journeys is no secret
            accounts, own=plan.steps, site=plan.target.url,
        )  # fmt: skip
        pin(plan.target)
        self.wire = client(plan)

    def run(self) -> int:
        refusal = self.refusal() or self._prepared()
        if refusal is None:
            self._probes()
        if self.leader:
            self.leader.close()
        say(refusal or progress.Bye())
        return 0 if refusal is None else 3 if refusal.kind == "journey" else 7

    def refusal(self) -> progress.Refusal | None:
        """Why the target cannot be loaded from this machine."""
        kind, why = reach(self.plan.target)
        if not kind:
            return None
        return progress.Refusal.model_validate({"kind": kind, "what": _unreachable(self.plan, kind), "why": why})

    def _prepared(self) -> progress.Refusal | None:
        """Journeys rehearsed and workers gathered, or why not. Whoever asks for the end meanwhile gets it at once."""
        say(progress.Checking(target=self.plan.target.url))
        self.breaks_off = gevent.getcurrent()
        try:
            self._prepare()
        except Ended:
            return None
        except rehearsal.Failed as failed:
            return failed.refusal
        except crew.Blind as blind:
            return blind.refusal
        except crew.Missing as missing:
            return progress.Refusal(kind="workers", what="the load workers did not all come", why=str(missing))
        finally:
            self.breaks_off = None
        return None

    def _prepare(self) -> None:
        say(rehearsal.rehearse(self.plan, self.wire, self.audience, gevent.sleep))
        if self.leader:
            self.leader.gather(self.audience.accounts)
        # Connections are open now, caches warm: this is how quick the service is for one user.
        self.usual_s = rehearsal.play_all(self.wire, self.audience) or 1.0

    def _probes(self) -> None:
        if self.plan.follow:
            gevent.spawn(self._listen)
        for probe in self.plan.probes:
            self._probe(probe)
        while self.plan.follow and not self.ended and (order := self.orders.get()) is not None:
            self._probe(order)

    def stop(self, *_: object) -> None:
        self.ended = True
        self.orders.put(None)
        if self.breaks_off:
            gevent.kill(self.breaks_off, Ended())
        if self.load:
            self.load.stop()
        if self.leader:
            gevent.spawn(self.leader.stop)

    def _probe(self, probe: Probe) -> None:
        if self.ended:
            return
        say(progress.Started(probe=probe))
        measured = self.leader.play(probe) if self.leader else self.play(probe, say)
        if measured is None:
            self.stop()
            return
        # A probe without patience is a burst: overload that is meant.
        strained = probe.kind == "closed" or probe.patience_s is None or measured.stopped in {"in-flight", "errors"}
        if strained and probe.recovery_s and not self.ended:
            measured = measured.model_copy(update={"recovery_s": self._recovered(probe)})
        say(measured)

    def _recovered(self, probe: Probe) -> float | None:
        """Seconds until one user was served as before; None when somebody asked for the end meanwhile."""
        self.breaks_off = gevent.getcurrent()
        try:
            return rehearsal.recover(self.wire, self.audience, self.usual_s, probe.recovery_s, gevent.sleep)
        except Ended:
            return None
        finally:
            self.breaks_off = None

    def play(self, probe: Probe, tell: Callable[[progress.Second], None]) -> Measured:
        """Send the probe's load from this process."""
        self.audience = replace(self.audience, size=size_for(probe.rate_per_s), on_the_way=0)
        self.load = Load(self.plan, self.wire, self.audience, probe, tell)
        try:
            return self.load.run()
        finally:
            self.load = None

    def _listen(self) -> None:
        """Probes from the parent; when its pipe ends, the parent is gone and so is the reason to send load."""
        lines: Any = gevent.fileobject.FileObjectPosix(sys.stdin.fileno(), "rb", close=False)
        for line in lines:
            self.orders.put(Probe.model_validate_json(line))
        self.stop()


def client(plan: Plan) -> Wire:
    """Locust's fast client for the plan's target, as a Visitor of the locustfile has it."""
    settings = {
        "host": plan.target.url, "insecure": False, "ssl_context_factory": staticmethod(context_factory(plan.target)),
        "network_timeout": plan.timeout_s, "concurrency": plan.max_in_flight,
    }  # fmt: skip
    visitor = type("PlannedVisitor", (Visitor,), settings)(Environment())
    return Wire(visitor.client.client.clientpool.get_client(URL(plan.target.url)), plan.timeout_s)


def _unreachable(plan: Plan, kind: str) -> str:
    where = f"{plan.target.address}:{plan.target.port}" if plan.target.address else plan.target.url
    if kind == "certificate":
        return f"the certificate that {where} shows is not one to be trusted for {plan.target.host}"
    return f"{plan.target.url} cannot be reached at {where}"


def work(leader: str, name: str) -> int:
    """Be a worker of the leader at HOST:PORT until it is done; 7 when none answers there."""
    host, _, port = leader.rpartition(":")
    # While nobody answers, Ctrl-C ends it without a word: there is nothing to hand in yet.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        worker = crew.Worker(host, int(port), name, Session)
    except ConnectionError:
        sys.stderr.write(f"no load test answers at {leader}\n")
        return 7
    gevent.signal_handler(signal.SIGTERM, worker.over.set)
    gevent.signal_handler(signal.SIGINT, worker.over.set)
    worker.run()
    return 0


def main(argv: list[str]) -> int:
    if argv[1:2] == ["--worker"]:
        be_on_time()
        return work(argv[2], (argv[3:] or [socket.gethostname()])[0])
    try:
        plan = plans.parse(Path(argv[1]).read_text(encoding="utf-8"))
    except (BadInput, OSError, IndexError) as error:
        say(progress.Refusal(kind="plan", what="the load plan is not usable", why=str(error)))
        return 2
    if plan.production and not plan.i_own_this:
        say(progress.Refusal(kind="plan", what=f"{plan.environment} is production and the plan does not say i_own_this"))
        return 2
    be_on_time()
    session = Session(plan)
    gevent.signal_handler(signal.SIGTERM, session.stop)
    gevent.signal_handler(signal.SIGINT, session.stop)
    return session.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
