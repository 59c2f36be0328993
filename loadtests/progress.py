"""What the generator says while it works: one JSON line each, typed again on the parent's side."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from loadtests.plan import Probe
from loadtests.result import FoundLimit, Measured, StepKind, Value


class Checking(Value):
    """The target answered and its certificate names it; the journeys are tried next."""

    event: Literal["checking"] = "checking"
    target: str


class Prepared(Value):
    """One user played every journey once. `steps` are (name, milliseconds), slowest first."""

    event: Literal["prepared"] = "prepared"
    journeys: tuple[str, ...]
    steps: tuple[tuple[str, float], ...]
    accounts: int
    seconds: float


class Started(Value):
    """A probe begins."""

    event: Literal["started"] = "started"
    probe: Probe


class Second(Value):
    """One second of a probe: figures of that second alone; `left_s` to the probe's end. None where nothing was answered."""

    event: Literal["second"] = "second"
    probe: str
    at_s: float
    left_s: float
    warming_up: bool
    offered: int
    answered: int
    failed: int
    p95_ms: float | None
    in_flight: int
    start_lag_ms: float
    cpu_share: float


class Narrowed(Value):
    """What the search knows after a probe. Rates in requests/s; `left_s` of its budget."""

    event: Literal["narrowed"] = "narrowed"
    limits: tuple[FoundLimit, ...]
    probes: int
    left_s: float


class Probed(Value):
    """What one probe of a search showed. `why` says why it does not count; empty when it does."""

    event: Literal["probed"] = "probed"
    kind: StepKind
    name: str
    offered_rps: float
    achieved_rps: float
    p95_ms: float | None
    failed: int
    why: str = ""


class Refusal(Value):
    """Why no load was sent. `kind`: the target does not answer, its certificate is not its own, a journey or the plan fails, workers did
    not come. `worker`: whom the target is out of reach for, where that is not this machine.
    """

    event: Literal["refusal"] = "refusal"
    kind: Literal["unreachable", "certificate", "journey", "plan", "workers"]
    what: str
    why: str = ""
    worker: str = ""


class Bye(Value):
    event: Literal["bye"] = "bye"


Progress = Checking | Prepared | Started | Second | Probed | Narrowed
Event = Annotated[Checking | Prepared | Started | Second | Refusal | Measured | Bye, Field(discriminator="event")]
EVENTS: TypeAdapter[Checking | Prepared | Started | Second | Refusal | Measured | Bye] = TypeAdapter(Event)
