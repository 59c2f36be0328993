from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from errors import RolledBack
from hosts.events import StepEvent
from stacks import wire
from stacks.events import Began, Ended, Failed, Progress, Resource, Said, events

URN = "urn:pulumi:s::cmctl::parent$cmctl:index:Release::s"


def said(message: str, severity: str = "info", urn: str | None = URN) -> EngineEvent:
    return EngineEvent.from_json({"diagnosticEvent": {"message": message, "severity": severity, "color": "never", "urn": urn}})


def step(key: str, op: str = "update", kind: str = "cmctl:index:Release") -> EngineEvent:
    metadata: dict[str, Any] = {"op": op, "urn": URN, "type": kind, "provider": ""}
    return EngineEvent.from_json({key: {"metadata": metadata, "status": 0, "steps": 0}})


def test_a_step_of_a_transaction_arrives_as_it_was_told() -> None:
    """What hosts/ reports inside the provider is the same value again on cmctl's side of the engine."""
    event = StepEvent("watch", 8, 9, "end", '0 of 412 failed, "p95" 41 ms, 100 %', 5.02)
    (told,) = events(said(wire.encode("8/9 watch", vars(event)) + "\n"))
    assert told == Progress(Resource(URN), event)
    assert Resource(URN).kind == "cmctl:index:Release"
    assert Resource(URN).name == "s"


def test_debug_messages_are_dropped() -> None:
    """The SDK's own debug messages carry secret outputs in plain text: none of them leaves the engine's wrapper."""
    assert list(events(said('register resource outputs: string_value: "canary"', severity="debug", urn=None))) == []


@pytest.mark.parametrize(("key", "kind"), [("resourcePreEvent", Began), ("resOutputsEvent", Ended), ("resOpFailedEvent", Failed)])
def test_beginnings_and_ends_are_told(key: str, kind: type) -> None:
    """Each operation on a resource is told when it begins, ends or fails."""
    assert list(events(step(key))) == [kind(Resource(URN), "update")]


def test_what_does_not_happen_is_not_told() -> None:
    """Unchanged resources, and the stack itself, are no news."""
    assert list(events(step("resourcePreEvent", op="same"))) == []
    assert list(events(step("resourcePreEvent", kind="pulumi:pulumi:Stack"))) == []


def test_an_error_comes_with_its_kind() -> None:
    """The provider's error is there as itself beside its words; the engine's colour marks are gone."""
    error = RolledBack("app-2 never got ready", hint="cmctl status")
    (told,) = events(said("<{%fg 1%}>" + wire.encode_error(error) + "<{%reset%}>\n", severity="error"))
    assert isinstance(told, Said)
    assert isinstance(told.error, RolledBack)
    assert told.error.hint == "cmctl status"
    assert "{%" not in told.text
