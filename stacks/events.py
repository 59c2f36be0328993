"""What happens during an engine run, in cmctl's own types; made from the engine's event stream, never from printed text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from pulumi.automation.events import DiagnosticEvent, EngineEvent, StepEventMetadata

from errors import CmctlError
from hosts.events import StepEvent
from stacks import wire

HIDDEN_OPERATIONS = {"same", "refresh", "read"}
COLOUR = re.compile(r"<\{%[^%]*%\}>")


@dataclass(frozen=True)
class Resource:
    """One resource of a stack; `kind` is its type token, `name` its name in the program."""

    urn: str

    @property
    def kind(self) -> str:
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        return self.urn.split("::", 3)[3]


@dataclass(frozen=True)
class Began:
    resource: Resource
    operation: str


@dataclass(frozen=True)
class Ended:
    resource: Resource
    operation: str


@dataclass(frozen=True)
class Failed:
    resource: Resource
    operation: str


@dataclass(frozen=True)
class Progress:
    """A step of a transaction on the hosts, as hosts/ reported it."""

    resource: Resource
    step: StepEvent


@dataclass(frozen=True)
class Said:
    """A sentence of the engine or a provider; `error` is set where it carries one of ours."""

    severity: str
    text: str
    resource: Resource | None = None
    error: CmctlError | None = None


Event = Began | Ended | Failed | Progress | Said
OnEvent = Callable[[Event], None]


def events(event: EngineEvent) -> Iterator[Event]:
    """The engine's event in cmctl's types; nothing for what is not told (the SDK's debug messages hold secrets)."""
    if event.resource_pre_event:
        yield from _told(Began, event.resource_pre_event.metadata)
    elif event.res_outputs_event:
        yield from _told(Ended, event.res_outputs_event.metadata)
    elif event.res_op_failed_event:
        yield from _told(Failed, event.res_op_failed_event.metadata)
    elif event.diagnostic_event and event.diagnostic_event.severity != "debug":
        yield _diagnostic(event.diagnostic_event)


def _told(kind: type[Began | Ended | Failed], metadata: StepEventMetadata) -> Iterator[Event]:
    operation = metadata.op.value
    if operation not in HIDDEN_OPERATIONS and not metadata.type.startswith("pulumi:"):
        yield kind(Resource(metadata.urn), operation)


def _diagnostic(event: DiagnosticEvent) -> Event:
    message = COLOUR.sub("", event.message)
    resource = Resource(event.urn) if event.urn else None
    text, payload = wire.decode(message)
    if payload and "step" in payload and resource:
        known = {one.name for one in fields(StepEvent)}
        return Progress(resource, StepEvent(**{key: value for key, value in payload.items() if key in known}))
    return Said(event.severity, text, resource, wire.decode_error(message))
