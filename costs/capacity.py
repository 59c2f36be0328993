"""How many users a phase was measured to hold: the record that a load test leaves."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from costs.price import Entry
from errors import BadInput

Count = Annotated[int, Field(gt=0)]


class Held(Entry):
    """Concurrent users held within the phase's SLO: three quantiles of several runs, or `single` of one run."""

    p10: Count | None = None
    p50: Count | None = None
    p90: Count | None = None
    single: Count | None = None

    @model_validator(mode="after")
    def one_or_three(self) -> Held:
        quantiles = (self.p10, self.p50, self.p90)
        if (self.single is None) == (None in quantiles) or (self.single is not None and quantiles != (None, None, None)):
            raise ValueError("give p10, p50 and p90, or single")
        if self.p10 is not None and not self.p10 <= (self.p50 or 0) <= (self.p90 or 0):
            raise ValueError("p10, p50 and p90 must rise")
        return self

    @property
    def middle(self) -> int:
        return self.single or self.p50 or 0


class Capacity(Entry):
    """One measured capacity. `limit` says what stopped the search, `machine` what it ran on, `rps` requests per second at that load.

    `run` is the last one, `runs` are all that `users` rests on.
    """

    form: Literal["cmctl/capacity/1"] = Field(alias="schema")
    platform: str
    environment: str
    phase: int
    run: str
    runs: tuple[str, ...] = ()
    when: dt.datetime
    machine: str
    users: Held
    rps: Annotated[float, Field(ge=0)]
    limit: str

    @model_validator(mode="after")
    def interval_needs_runs(self) -> Capacity:
        if self.single and len(self.runs) > 1:
            raise ValueError("several runs give p10, p50 and p90")
        return self

    @property
    def named(self) -> str:
        """`run 0815`, or the last of several: `run 0815 and 2 before it`."""
        before = len(self.runs) - 1
        return f"run {self.run}" + (f" and {before} before it" if before > 0 else "")

    @property
    def single(self) -> bool:
        return self.users.single is not None


def path(home: Path, platform: str, environment: str, phase: int) -> Path:
    return home / "capacity" / f"{platform}-{environment}-phase{phase}.json"


def read(home: Path, platform: str, environment: str, phase: int) -> Capacity | None:
    """The stored capacity, None when no load test has left one. Raises BadInput for a record that is damaged or of another phase."""
    file = path(home, platform, environment, phase)
    if not file.exists():
        return None
    try:
        found = Capacity.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise BadInput(
            f"{file}: is no capacity record", why=str(error), hint=f"cmctl loadtest --phase {phase} --env {environment} writes it anew"
        ) from error
    if (found.platform, found.environment, found.phase) != (platform, environment, phase):
        raise BadInput(
            f"{file}: speaks of {found.platform}, {found.environment}, phase {found.phase}", hint="remove the file and measure again"
        )
    return found
