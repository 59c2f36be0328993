"""Which resources of a stack are billed, so that none that is created can be missing from an estimate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from costs.estimate import Estimate
from costs.price import Entry
from documents import fit, read

FILE = Path(__file__).parent / "billable.yaml"


class Rule(Entry):
    """A type (`*` for anything), on condition of the properties in `when` and that there is one at `has`: the components it is
    `billed` as, or why it is `free`.
    """

    type: str
    when: dict[str, str] = Field(default_factory=dict)
    has: str = ""
    billed: tuple[str, ...] = ()
    free: str = ""

    @model_validator(mode="after")
    def one_answer(self) -> Rule:
        if bool(self.billed) == bool(self.free):
            raise ValueError("give `billed` or `free`")
        return self

    def fits(self, kind: str, properties: Mapping[str, Any]) -> bool:
        held = not self.has or bool(_at(properties, self.has))
        return held and fnmatchcase(kind, self.type) and all(_at(properties, path) == value for path, value in self.when.items())


class Rules(Entry):
    form: Literal["cmctl/billable/1"] = Field(alias="schema")
    resources: tuple[Rule, ...]


@dataclass(frozen=True)
class Resource:
    """One resource as a stack creates it: its type token, name and input properties."""

    type: str
    name: str
    properties: Mapping[str, Any]


def load(path: Path = FILE) -> tuple[Rule, ...]:
    """The table. Raises BadInput when it is malformed."""
    return fit(read(path, provenance=False), Rules).resources


def billable(kind: str, properties: Mapping[str, Any] | None = None, rules: Iterable[Rule] | None = None) -> Rule | None:
    """What the table says of a type; None when it says nothing, which is a mistake in the table."""
    return next((rule for rule in (load() if rules is None else rules) if rule.fits(kind, properties or {})), None)


def uncovered(resources: Iterable[Resource], estimate: Estimate) -> list[str]:
    """Sentences about every resource that costs something and has no line (nor a reason to be left out); empty when all have one."""
    rules = load()
    lined = {line.component for line in estimate.lines} | {one.component for one in estimate.left_out}
    problems: list[str] = []
    machines = gigabytes = 0
    for one in resources:
        gigabytes += _claimed(one.properties)
        rule = billable(one.type, one.properties, rules)
        if rule is None:
            problems.append(f"{one.type} ({one.name}): {FILE.name} does not say whether it is billed")
            continue
        machines += "machines" in rule.billed
        problems += [
            f"{one.type} ({one.name}): billed as {name}, but the estimate has no line for it" for name in rule.billed if name not in lined
        ]
    for component, what, created in (("machines", "machines", machines), ("storage", "GB of volumes", gigabytes)):
        lines = [line.quantity.typical for line in estimate.lines if line.component == component]
        counted = sum(lines, Decimal(0))
        # Without any line each resource has been named above, unless it is left out on purpose.
        if lines and created > counted:
            problems.append(f"{created} {what} are created, the estimate counts {counted:f}")
    return problems


def _claimed(properties: Mapping[str, Any]) -> int:
    """GB that a set of pods claims: its templates' sizes times its replicas."""
    sizes = [_at(claim, "spec.resources.requests.storage") for claim in _at(properties, "spec.volumeClaimTemplates") or ()]
    return sum(int(size.removesuffix("Gi")) for size in sizes) * int(_at(properties, "spec.replicas") or 1)


def _at(properties: Mapping[str, Any], path: str) -> Any:
    here: Any = properties
    for key in path.split("."):
        here = here.get(key) if isinstance(here, Mapping) else None
    return here
