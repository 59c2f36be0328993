"""Runs load tests: starts the generator as a child process, hands on what it says, and keeps what was measured whatever happens."""

from __future__ import annotations

import contextlib
import datetime as dt
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Self

import psutil
from pydantic import ValidationError

from errors import BadInput, CannotTell, GateRefused, Unreachable
from loadtests import compare, conclude, hunt, polling, progress, selftest, soak, spike, verdict
from loadtests.capacity import Ratio
from loadtests.looks import Looks, Watch
from loadtests.machine import where
from loadtests.plan import PROBE_LIMIT_S, Plan, Probe
from loadtests.result import CapacityResult, Judgement, Measured, Polls, Result, Steady, Verdict

ROOT = Path(__file__).parent.parent
OnProgress = Callable[[progress.Progress], None]
# Start, checks, rehearsal and the answers of the last requests come on top of the probes' own time.
AROUND_S = 90.0
# What a child that was asked to stop may still take to hand in what it has.
GOODBYE_S = 15.0
TAIL_LINES = 12


class Generator:
    """One child process. `measure` sends it a probe and waits for the figures; progress goes to `on_progress` meanwhile."""

    def __init__(self, plan: Plan, on_progress: OnProgress) -> None:
        self._plan, self._on_progress = plan, on_progress
        self._folder = tempfile.TemporaryDirectory(prefix="cmctl-load-")
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._errors = Path(self._folder.name) / "stderr"
        self.interrupted = False

    def __enter__(self) -> Self:
        plan = self._plan.model_copy(update={"crew_port": _free_port()}) if self._plan.workers and not self._plan.crew_port else self._plan
        path = Path(self._folder.name) / "plan.json"
        path.touch(mode=0o600)
        # Probes come one by one over the pipe; when the pipe ends, the child stops, whatever became of this process.
        path.write_text(plan.model_copy(update={"follow": True, "probes": ()}).model_dump_json(), encoding="utf-8")
        with self._errors.open("wb") as errors:
            self._child = _start([str(path)], errors)
            # Without their leader workers end by themselves.
            self._workers = [_start(["--worker", f"{_reached_at(plan)}:{plan.crew_port}"], errors) for _ in range(plan.processes)]
        assert self._child.stdin is not None  # noqa: S101 - asked for in _start
        assert self._child.stdout is not None  # noqa: S101 - asked for in _start
        self._pipe = self._child.stdin
        self._reader = threading.Thread(target=_pump, args=(self._child.stdout, self._lines), daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()
        for child in (self._child, *self._workers):
            _end(child)
        self._reader.join(GOODBYE_S)
        for worker in self._workers:
            for pipe in (worker.stdin, worker.stdout):
                if pipe:
                    pipe.close()
        self._folder.cleanup()

    def measure(self, probe: Probe) -> Measured | None:
        """Play a probe and give its figures; None when Ctrl-C came before there were any.

        Raises Unreachable, GateRefused (a journey fails before load), BadInput (the plan) and CannotTell (the child died or is overdue).
        """
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(probe.model_dump_json() + "\n")
            self._pipe.flush()
        until = time.monotonic() + probe.warmup_s + probe.seconds + AROUND_S
        while True:
            try:
                event = self._event(until)
                if isinstance(event, progress.Checking | progress.Prepared | progress.Started | progress.Second):
                    self._on_progress(event)
                    continue
            except KeyboardInterrupt:
                if self.interrupted:
                    raise
                self.interrupted = True
                self._child.terminate()
                until = time.monotonic() + GOODBYE_S
                continue
            if isinstance(event, Measured):
                return event
            if isinstance(event, progress.Refusal):
                raise _refused(event, self._plan)
            return self._ended()

    def stop(self) -> None:
        """Ask the child for what it has: `measure`, on another thread, returns it."""
        self.interrupted = True
        self._child.terminate()

    def _ended(self) -> Measured | None:
        if self.interrupted:
            return None
        raise CannotTell(
            "the load generator ended without figures", why=self._last_words(), hint="run it again; if it ends again, report this"
        )

    def _event(self, until: float) -> progress.Progress | Measured | progress.Refusal | progress.Bye | None:
        try:
            line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise CannotTell(
                "the load generator did not answer in time", why=self._last_words(), hint="is this machine very busy?"
            ) from None
        if line is None:
            return None
        try:
            return progress.EVENTS.validate_json(line)
        except ValidationError as error:
            raise CannotTell("the load generator said something that is not understood", why=line[:200]) from error

    def _last_words(self) -> str:
        lines = self._errors.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:]) or "it said nothing"


def _start(arguments: list[str], errors: IO[bytes]) -> subprocess.Popen[str]:
    """A session of its own: Ctrl-C on the terminal reaches this process, which then asks the child for what it has."""
    return subprocess.Popen(
        [sys.executable, "-m", "loadtests.generator", *arguments], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
        start_new_session=True,
    )  # fmt: skip


def _end(child: subprocess.Popen[str]) -> None:
    try:
        child.wait(GOODBYE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def worker(leader: str) -> int:
    """Be a load worker of the leader at HOST:PORT until it is done; the exit code of the child that does it."""
    with subprocess.Popen([sys.executable, "-m", "loadtests.generator", "--worker", leader], cwd=ROOT) as child:
        return child.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _reached_at(plan: Plan) -> str:
    return "127.0.0.1" if plan.crew_host in ("0.0.0.0", "*") else plan.crew_host  # noqa: S104 - a comparison, nothing is bound


def _pump(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Reads the child's lines on a thread, so that the main one can keep time and hear Ctrl-C."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def _refused(refusal: progress.Refusal, plan: Plan) -> Exception:
    if refusal.kind == "journey":
        return GateRefused(
            refusal.what,
            why=refusal.why,
            hint=f"cmctl status --platform {plan.platform} --env {plan.environment}, then the application's log",
        )
    if refusal.kind == "workers":
        return Unreachable(refusal.what, why=refusal.why, hint="start them first: cmctl loadtest worker --master HOST:PORT")
    if refusal.worker:
        what = f"load would leave from {refusal.worker}: {refusal.what}"
        return Unreachable(what, why=refusal.why, hint="open the target's port to it, and look at its route and its name server")
    if refusal.kind == "plan":
        return BadInput(refusal.what, why=refusal.why)
    return Unreachable(
        refusal.what,
        why=refusal.why,
        hint=f"cmctl status --platform {plan.platform} --env {plan.environment}; is the phase deployed, and is the domain right?",
    )


def smoke(plan: Plan, on_progress: OnProgress, profile: str = "smoke") -> Result:
    """Play the plan's one probe and judge it against the phase's SLO.

    Ctrl-C ends the load, not the answer: the result then has `interrupted` set, exit code 130, and what was measured.
    Raises Unreachable (7), GateRefused (3: a journey fails before load), BadInput (2) and CannotTell (6: the generator died).
    """
    (probe,) = plan.probes
    with Generator(plan, on_progress) as child:
        measured = child.measure(probe)
        return result(plan, profile, measured, interrupted=child.interrupted)


def capacity(
    plan: Plan, on_progress: OnProgress, *, profile: hunt.Profile = hunt.DEFAULT, allow_overload: bool = False,
    ratios: Mapping[int, Ratio] | None = None, watch: Watch | None = None,
) -> CapacityResult:  # fmt: skip
    """Search for the load, and the users, that the plan's phases hold.

    `allow_overload` consents to short saturation; without it the load is ramped. `watch` knows the shares of resources in use
    while probes run; `ratios` are phase → registered users for each one at its peak. Ctrl-C ends the search, not the answer.
    Raises as `smoke` does.
    """
    begin = time.monotonic()
    with Looks(watch) as looks, Generator(plan, looks.hearing(on_progress)) as child:

        def measure(probe: Probe) -> Measured | None:
            measured = child.measure(probe)
            looks.after(probe, measured)
            return measured

        found = hunt.Hunt(plan, profile, measure, on_progress, time.monotonic, allow_overload=allow_overload).run()
        uses = looks.found()
    around = conclude.Circumstances(now_text(), where(plan), ratios or {}, time.monotonic() - begin, profile.name)
    return conclude.conclude(plan, found, around, uses)


def comparison(
    base: Plan, head: Plan, names: tuple[str, str], on_progress: OnProgress, turns: compare.Turns = compare.TURNS
) -> compare.Compared:
    """Play base and head by turns, each from a generator of its own, and judge head. Ctrl-C keeps the pairs. Raises as `smoke` does."""
    with Generator(base, on_progress) as one, Generator(head, on_progress) as other:
        played = compare.by_turns(turns, one.measure, other.measure)
    around = compare.Around(head.run, now_text(), *names, where(head))
    return compare.conclude(played, head.slo, around)


def soaked(plan: Plan, length: soak.Length, rate: float, on_progress: OnProgress, watch: Watch | None = None) -> soak.Soaked:
    """Hold one rate for long, in windows that follow each other without a pause. Raises as `smoke` does."""
    with Looks(watch) as looks, Generator(plan, looks.hearing(on_progress)) as child:

        def measure(probe: Probe) -> Measured | None:
            measured = child.measure(probe)
            looks.after(probe, measured)
            return measured

        played = soak.windows(length, rate, measure, plan.slo)
        uses = looks.found()
    return soak.conclude(played, plan.slo, soak.Around(plan.run, now_text(), plan.target.url, plan.version, where(plan), rate), uses)


def spiked(plan: Plan, shape: spike.Shape, on_progress: OnProgress) -> spike.Spiked:
    """Usual load, a burst, usual load again. Raises as `smoke` does."""
    with Generator(plan, on_progress) as child:
        played = spike.play(shape, child.measure)
    return spike.conclude(played, shape, plan.slo, spike.Around(plan.run, now_text(), plan.target.url, plan.version, where(plan)))


def now_text() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def result(plan: Plan, profile: str, measured: Measured | None, *, interrupted: bool) -> Result:
    nothing = Judgement(verdict=Verdict.INCONCLUSIVE, reasons=("interrupted before any load was sent",), claims=())
    return Result(
        run=plan.run, when=now_text(), profile=profile, platform=plan.platform,
        phase=plan.phase, environment=plan.environment, target=plan.target.url, version=plan.version, machine=where(plan), slo=plan.slo,
        measured=measured, judgement=verdict.judge(measured, plan.slo, interrupted=interrupted) if measured else nothing, interrupted=interrupted,
    )  # fmt: skip


@contextlib.contextmanager
def steady(plan: Plan, rate: float) -> Iterator[Future[Steady]]:
    """Load at one rate around whatever the block does, and the plan's long poll held open; the figures are there when the block has ended.

    The block starts once requests are under way. Raises as `smoke` does before it starts, and GateRefused where the long poll fails already.
    """
    flowing = threading.Event()

    def hear(event: progress.Progress) -> None:
        if isinstance(event, progress.Second):
            flowing.set()

    figures: Future[Steady] = Future()
    with _held(plan) as poller, Generator(plan, hear) as child, ThreadPoolExecutor(1) as thread:
        measuring = thread.submit(child.measure, Probe(name="steady", rate_per_s=rate, warmup_s=0, seconds=PROBE_LIMIT_S))
        measuring.add_done_callback(lambda _: flowing.set())
        flowing.wait()
        if measuring.done():
            measuring.result()
        try:
            if poller:
                _fine(poller.polls)
            yield figures
        finally:
            polls = poller.end() if poller else None
            child.stop()
            figures.set_result(Steady(measured=measuring.result(), polls=polls))


@contextlib.contextmanager
def _held(plan: Plan) -> Iterator[polling.Poller | None]:
    if plan.long_poll is None:
        yield None
        return
    with polling.held(plan.target, plan.long_poll) as poller:
        yield poller


def _fine(polls: Polls) -> None:
    """Raises GateRefused where the long poll fails before anything was done, as journeys are refused that fail before load."""
    if polls.failed:
        raise GateRefused(
            "the long poll fails before the operation", why=", ".join(polls.reasons),
            hint="cmctl status; a version without it is replaced without --prove",
        )  # fmt: skip


@contextlib.contextmanager
def reference(
    kind: str, seed: int = 1, servers: int = selftest.SERVERS, work_s: float = selftest.WORK_S, address: str = "127.0.0.1"
) -> Iterator[int]:
    """A service of known behaviour on a free port of an address of this machine."""
    command = [sys.executable, "-m", "loadtests.reference", kind, "0", str(seed), str(servers), str(work_s), address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None  # noqa: S101 - asked for above
        try:
            yield int(child.stdout.readline().split()[1])
        finally:
            child.terminate()


def judged(expected: selftest.Expected, seed: int, profile: hunt.Profile, on_progress: OnProgress) -> selftest.Row:
    """Search the capacity of one reference service."""
    with reference(expected.kind, seed, expected.servers, expected.work_s) as port, held_up(starved=expected.starved):
        result = capacity(selftest.plan(port, seed), on_progress, profile=profile, allow_overload=True)
    return selftest.row(expected, result)


@contextlib.contextmanager
def held_up(*, starved: bool, share: float = 0.3) -> Iterator[None]:
    """Holds this process's generators still for a share of each half second, as a busy neighbour would."""
    ended = threading.Event()

    def starve() -> None:
        while not ended.wait(0.5 * (1 - share)):
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if "loadtests.generator" in child.cmdline():
                        child.suspend()
                        ended.wait(0.5 * share)
                        child.resume()

    if not starved:
        yield
        return
    thread = threading.Thread(target=starve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
