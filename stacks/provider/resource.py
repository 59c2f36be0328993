"""What every resource of the provider answers. Values are plain dicts as they stand in Pulumi's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hosts.events import Report
from stacks.provider.difference import Kind

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """`inputs`: path → kind between old and new inputs; `state`: the same for what is not as it was left; `replaces`: paths
    that ask for a new resource.
    """

    inputs: Mapping[str, Kind] = field(default_factory=dict)
    state: Mapping[str, Kind] = field(default_factory=dict)
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """The inputs, completed where the type completes them, and input → what is wrong with it."""

    inputs: Values
    problems: Mapping[str, str]


@dataclass(frozen=True)
class Found:
    """What `read` finds: the inputs that would make what is there, and the outputs."""

    inputs: Values
    outputs: Values


class Resource(Protocol):
    """One type. `made` is the id that `create` gave; `old` are outputs. All calls but `preview` may raise CmctlError."""

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked: ...

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference: ...

    def preview(self, inputs: Values, old: Values) -> Values:
        """The outputs as far as they are known before the work is done."""

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        """Id and outputs. Repeating a create that was interrupted does no harm."""

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values: ...

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        """None when it is not there any more."""

    def delete(self, made: str, inputs: Values, report: Report) -> None: ...
