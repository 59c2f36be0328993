"""cmctl:index:Host: one machine that can be reached, is as its `machine` says, and runs a container engine. Reading it finds drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from errors import Unreachable
from hosts.events import Report
from stacks.provider.difference import difference
from stacks.provider.door import Door
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.provider.tasks import Tasks
from stacks.provider.values import UNKNOWN

if TYPE_CHECKING:
    from layout.machine import Machine
    from layout.release import Target

FACTS = ("engine", "os", "memory_mb", "cpus")


class Host:
    """Inputs: `name`; `target`, how it is reached; `machine`, how it has to be (without it the machine is only looked at).

    Outputs: `facts`, and with a machine `strangers`: running containers that nobody placed. An update stops them. The machine
    itself is neither bought nor removed, and what a delete leaves stays as it is.
    """

    def __init__(self, door: Callable[[], Door], tasks: Tasks) -> None:
        self._door = door
        self._tasks = tasks

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        del name, old_inputs
        return Checked(inputs, {wanted: "is missing" for wanted in ("name", "target") if wanted not in inputs})

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        found = difference(_own(old_inputs), _own(inputs))
        healed = difference({"strangers": old.get("strangers") or {}}, {"strangers": {}})
        return Difference(found, healed, tuple(path for path in found if path == "name"))

    def preview(self, inputs: Values, old: Values) -> Values:
        strangers: dict[str, Any] = {"strangers": {}} if "machine" in inputs else {}
        return {"facts": old.get("facts") or dict.fromkeys(FACTS, UNKNOWN), **strangers}

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        self._make(inputs, report)
        return str(inputs["name"]), self._facts(inputs)

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del made, old
        self._make(inputs, report)
        return self._facts(inputs)

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        """What is really there. A host that does not answer is not gone: its state stays, and the error says who does not answer.

        An engine that does not run is drift of `machine` where there is one; the facts are then the last known.
        """
        del made
        wanted = _machine(inputs)
        if wanted is None:
            return Found(inputs, self._facts(inputs))
        there = self._tasks.run(self._door().machine(str(inputs["name"]), _target(inputs), wanted))
        found = {**inputs, "machine": there.model_dump(mode="json")}
        if there.services.get("docker") != wanted.services.get("docker"):
            return Found(found, old)
        return Found(found, {**self._facts(inputs), "strangers": dict(self._strangers(inputs))})

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        """What a release left is the release's to remove; the machine stays."""

    def _make(self, inputs: Values, report: Report) -> None:
        wanted = _machine(inputs)
        if wanted is None:
            return
        name, target = str(inputs["name"]), _target(inputs)
        self._tasks.run(self._door().make(name, target, wanted, report))
        if strangers := self._strangers(inputs):
            self._tasks.run(self._door().send_away(name, target, sorted(strangers)))

    def _strangers(self, inputs: Values) -> Mapping[str, str]:
        return self._tasks.run(self._door().strangers(str(inputs["name"]), _target(inputs)))

    def _facts(self, inputs: Values) -> dict[str, Any]:
        facts = self._tasks.run(self._door().facts(str(inputs["name"]), _target(inputs)))
        missing = [name for name in FACTS if name not in facts]
        if missing:
            raise Unreachable(f"host {inputs['name']} does not tell its {', '.join(missing)}", hint="docker info, there")
        strangers: dict[str, Any] = {"strangers": {}} if inputs.get("machine") else {}
        return {"facts": {name: facts[name] for name in FACTS}, **strangers}


def _target(inputs: Values) -> Target:
    from layout.release import Target

    return Target.model_validate(inputs["target"])


def _machine(inputs: Values) -> Machine | None:
    from layout.machine import Machine

    return Machine.model_validate(inputs["machine"]) if inputs.get("machine") else None


def _own(inputs: Values) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if not key.startswith("__")}
