"""Pulumi's engine as cmctl drives it: preview, up, refresh, destroy, outputs. Values in, values out; the stack object stays here.

Every call is one operation on one stack. Two at once in one process are not safe: lazy imports of provider SDKs race, and
signals belong to one of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi import automation
from pulumi.automation.events import EngineEvent

from errors import CmctlError
from stacks import housekeeping, plugins, recovery, signals
from stacks.events import Event, OnEvent, Said, events
from stacks.failures import failure
from stacks.plan import Change, Plan, change
from stacks.workspace import Cli, Settings, Stack, stack

Program = Callable[[], None]
KEEP_VOLUMES = "CMCTL_KEEP_VOLUMES"
ATTEMPTS = 3
PENDING = "pending operations from previous deployment"


def nothing(event: Event) -> None:
    """An `on_event` that nobody reads."""
    del event


@dataclass(frozen=True)
class Request:
    """One stack: its name, the program that declares it, and how the engine runs."""

    stack: str
    program: Program
    settings: Settings


@dataclass(frozen=True)
class Result:
    """What an operation did: operation → number of resources, from the engine's own summary; what changed; seconds."""

    stack: str
    counts: Mapping[str, int]
    changes: tuple[Change, ...]
    seconds: float


@dataclass(frozen=True)
class Output:
    """One output of a stack. A secret one is not shown by repr."""

    value: Any = field(repr=False)
    secret: bool


def preview(request: Request, on_event: OnEvent = nothing, *, refresh: bool = False) -> Plan:
    """What `up` would change. With `refresh` what really runs is read first, so that drift is part of the plan."""
    run = _Run(request, on_event)
    start = time.monotonic()
    run.carry_out(lambda one: one.preview(on_event=run.heard, color="never", refresh=refresh or None))
    return Plan(request.stack, run.changes(), run.counts, time.monotonic() - start)


def up(request: Request, on_event: OnEvent = nothing) -> Result:
    """Make it so. Raises the provider's own error (RolledBack, Locked, Unreachable …), Interrupted, or CmctlError."""
    run = _Run(request, on_event)
    return run.result(lambda one: one.up(on_event=run.heard, color="never", suppress_outputs=True))


def refresh(request: Request, on_event: OnEvent = nothing) -> Result:
    """Read what really runs into the state; `changes` are the differences found. A stack that is not there has none."""
    run = _Run(request, on_event, program=False, refreshed=True)
    return run.result(lambda one: one.refresh(on_event=run.heard, color="never", suppress_outputs=True, run_program=False))


def drift(request: Request, on_event: OnEvent = nothing) -> Plan:
    """How what really runs differs from what was left there. Nothing is changed, the state neither. No stack, no drift."""
    run = _Run(request, on_event, program=False, refreshed=True)
    start = time.monotonic()
    run.carry_out(lambda one: one.preview_refresh(on_event=run.heard, color="never", run_program=False))
    return Plan(request.stack, run.changes(), run.counts, time.monotonic() - start)


def destroy(request: Request, on_event: OnEvent = nothing, *, keep_volumes: bool = False) -> Result:
    """Remove everything the stack holds, then the stack and what the backend keeps of it. A stack that is not there is gone already."""
    kept = {**request.settings.environment, KEEP_VOLUMES: "1" if keep_volumes else ""}
    run = _Run(replace(request, settings=replace(request.settings, environment=kept)), on_event, program=False)
    result = run.result(lambda one: one.destroy(on_event=run.heard, color="never", suppress_outputs=True, run_program=False, remove=True))
    housekeeping.forget(request.settings.backend, request.stack)
    return result


def outputs(request: Request) -> dict[str, Output]:
    """Name → output, secrets in plain text; empty for a stack that is not there."""
    run = _Run(request, nothing, program=False)
    found: dict[str, Output] = {}

    def ask(one: Stack) -> None:
        masked, plain = (json.loads(one.command(["stack", "output", "--json", *shown])) for shown in ([], ["--show-secrets"]))
        found.update({name: Output(value, secret=masked[name] == "[secret]") for name, value in plain.items()})

    run.carry_out(ask)
    return found


class _Run:
    """One operation: what the engine told, and what to do when it refuses."""

    def __init__(self, request: Request, on_event: OnEvent, *, program: bool = True, refreshed: bool = False) -> None:
        self._request = request
        self._tell = on_event
        self._creates = program
        self._refreshed = refreshed
        self._cli = Cli(request.settings.cli)
        self._stack = stack(request.stack, request.program if program else None, request.settings, self._cli)
        self._heard: list[EngineEvent] = []
        self._said: list[Said] = []
        self._fault: Exception | None = None
        self.counts: dict[str, int] = {}

    def heard(self, event: EngineEvent) -> None:
        """The engine's events, in its own thread."""
        self._heard.append(event)
        if event.summary_event:
            self.counts = {
                str(getattr(operation, "value", operation)): count for operation, count in event.summary_event.resource_changes.items()
            }
        for one in events(event):
            if isinstance(one, Said):
                self._said.append(one)
            self._pass_on(one)

    def _pass_on(self, event: Event) -> None:
        """A listener that fails must not break the engine's stream half-way through an update: its fault is raised at the end."""
        try:
            self._tell(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised once the engine has ended
            self._fault = self._fault or error

    def changes(self) -> tuple[Change, ...]:
        found = (change(event, refreshed=self._refreshed) for event in self._heard)
        return tuple(sorted((one for one in found if one is not None), key=lambda one: one.resource.urn))

    def result(self, operation: Callable[[Stack], Any]) -> Result:
        start = time.monotonic()
        self.carry_out(operation)
        return Result(self._request.stack, self.counts, self.changes(), time.monotonic() - start)

    def carry_out(self, operation: Callable[[Stack], Any]) -> None:
        """Run `operation`, making the stack or healing it first where that is what stands in its way."""
        with signals.passed_on(self._cli, self._report):
            self._plugins()
            for _ in range(ATTEMPTS):
                if self._attempt(operation):
                    return
        raise CmctlError(f"{self._request.stack}: the state's lock changed hands {ATTEMPTS} times", hint="run the same command again")

    def _plugins(self) -> None:
        plugins.acquire(self._request.settings, self._report)

    def _attempt(self, operation: Callable[[Stack], Any]) -> bool:
        """True when the operation is done, False when it is to be tried again."""
        self._heard, self._said = [], []
        try:
            operation(self._stack)
        except automation.StackNotFoundError:
            if not self._creates:
                return True
            self._create()
            return False
        except automation.ConcurrentUpdateError as error:
            self._unlock(str(error))
            return False
        except automation.CommandError as error:
            if self._fault:
                raise self._fault from error
            raise failure(self._request.stack, self._said, str(error), interrupted=bool(self._cli.interrupted)) from error
        if any(PENDING in one.text for one in self._said):
            # This run held the lock, so what was pending before it belongs to nobody.
            self._stack.refresh(clear_pending_creates=True, run_program=False)
        if self._fault:
            raise self._fault
        return True

    def _create(self) -> None:
        try:
            self._stack.workspace.create_stack(self._request.stack)
        except automation.StackAlreadyExistsError:
            # Another process made it between the question and the making.
            return

    def _unlock(self, message: str) -> None:
        held = recovery.locks(message)
        if not held or not all(one.stale() for one in held):
            raise recovery.refuse(self._request.stack, held, message)
        recovery.heal(self._stack, held, self._report)

    def _report(self, text: str) -> None:
        self._tell(Said("info", text))
