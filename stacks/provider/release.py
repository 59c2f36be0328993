"""cmctl:index:Release: one version of a layer on all its hosts; create and update are one transaction each."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from errors import BadInput
from hosts.events import Report
from stacks.provider.difference import FILES, difference
from stacks.provider.door import Door
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.provider.tasks import Tasks
from stacks.provider.values import UNKNOWN
from stacks.release_inputs import SECRET, join, split

if TYPE_CHECKING:
    from layout.release import ReleaseSpec

KEEP_VOLUMES = "CMCTL_KEEP_VOLUMES"
REQUIRED = ("stack", "version", "hosts", "bundles", "images", "network", "gate", SECRET)

# How hosts are reached and how long a gate watches is not what runs on them.
NOT_RELEASED = {"hosts", "gate"}


class Release:
    """Inputs: a ReleaseSpec's fields, its secret files apart as `secretFiles`. Outputs: `release` (its id), `slot`, `problems`."""

    def __init__(self, door: Callable[[], Door], tasks: Tasks) -> None:
        self._door = door
        self._tasks = tasks

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        del name, old_inputs
        return Checked(inputs, {wanted: "is missing" for wanted in REQUIRED if wanted not in inputs})

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        found = difference(_released(old_inputs), _released(inputs), fields=FILES)
        problems = old.get("problems") or {}
        healed = difference({"problems": problems}, {"problems": {host: {} for host in problems}}, fields=FILES)
        return Difference(found, healed, tuple(path for path in found if path == "stack"))

    def preview(self, inputs: Values, old: Values) -> Values:
        del inputs, old
        return {"release": UNKNOWN, "slot": UNKNOWN, "problems": {}}

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        return str(inputs["stack"]), self._apply(inputs, report)

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del made, old
        return self._apply(inputs, report)

    def _apply(self, inputs: Values, report: Report) -> Values:
        outcome = self._tasks.run(self._door().apply(_spec(inputs), report))
        return {"release": outcome.release, "slot": outcome.slot, "problems": {}}

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        if not inputs:
            raise BadInput(f"release {made} cannot be imported", why="its files are known to cmctl alone", hint="cmctl adopt")
        running = self._tasks.run(self._door().observe(_spec(inputs)))
        if running is None:
            return None
        plain, secret = split(running.spec)
        kept = {key: inputs[key] for key in NOT_RELEASED}
        outputs = {
            "release": running.release,
            "slot": running.slot,
            "problems": {host: dict(states) for host, states in running.problems.items()},
        }
        return Found({**plain, **kept, SECRET: secret}, {**old, **outputs})

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        del made, report
        keep = os.environ.get(KEEP_VOLUMES) == "1"
        self._tasks.run(self._door().remove(_spec(inputs), keep_volumes=keep))


def _spec(inputs: Values) -> ReleaseSpec:
    return join(inputs)


def _released(inputs: Values) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key not in NOT_RELEASED and not key.startswith("__")}
