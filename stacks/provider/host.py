"""cmctl:index:Host: one machine that can be reached and runs a container engine. Reading it gives its facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from errors import Unreachable
from hosts.events import Report
from stacks.provider.difference import difference
from stacks.provider.door import Door
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.provider.tasks import Tasks
from stacks.provider.values import UNKNOWN

FACTS = ("engine", "os", "memory_mb", "cpus")


class Host:
    """Inputs: `name` and `target`, how it is reached. Outputs: `facts`. The machine itself is neither made nor removed."""

    def __init__(self, door: Callable[[], Door], tasks: Tasks) -> None:
        self._door = door
        self._tasks = tasks

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        del name, old_inputs
        return Checked(inputs, {wanted: "is missing" for wanted in ("name", "target") if wanted not in inputs})

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        del old
        found = difference(_own(old_inputs), _own(inputs))
        return Difference(found, replaces=tuple(path for path in found if path == "name"))

    def preview(self, inputs: Values, old: Values) -> Values:
        del inputs
        return {"facts": old.get("facts") or dict.fromkeys(FACTS, UNKNOWN)}

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        del report
        return str(inputs["name"]), self._facts(inputs)

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del made, old, report
        return self._facts(inputs)

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        """A host that does not answer is not gone: its last facts stay, and the error says who does not answer."""
        del made, old
        return Found(inputs, self._facts(inputs))

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        """What a release left is the release's to remove; the machine stays."""

    def _facts(self, inputs: Values) -> dict[str, Any]:
        from layout.release import Target

        target = Target.model_validate(inputs["target"])
        facts = self._tasks.run(self._door().facts(str(inputs["name"]), target))
        missing = [name for name in FACTS if name not in facts]
        if missing:
            raise Unreachable(f"host {inputs['name']} does not tell its {', '.join(missing)}", hint="cmctl doctor")
        return {"facts": {name: facts[name] for name in FACTS}}


def _own(inputs: Values) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if not key.startswith("__")}
