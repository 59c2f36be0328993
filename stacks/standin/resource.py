"""A resource of a stand-in: what the provider's Resource answers, by a table and a cloud in a file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from errors import BadInput, CmctlError
from hosts.events import Report
from stacks.provider.difference import difference
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.provider.values import UNKNOWN
from stacks.standin import table
from stacks.standin.cloud import Cloud, Things, digest
from stacks.standin.table import Kind

NAME_SUFFIX_HEX = 7


class StandIn:
    """`token` is the resource's type."""

    def __init__(self, token: str, kind: Kind, cloud: Cloud) -> None:
        self._token = token
        self._kind = kind
        self._cloud = cloud

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        """A type that wants a name gets one where none is given: the one it has, else the resource's name and some hex digits."""
        field = self._kind.named
        if field is not None and field not in inputs:
            inputs = {**inputs, field: old_inputs.get(field) or f"{name}-{secrets.token_hex(4)[:NAME_SUFFIX_HEX]}"}
        return Checked(inputs, table.problems(self._kind, inputs))

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        del old
        found = difference(_own(old_inputs), _own(inputs))
        for path in found:
            if _top(path) in self._kind.fixed:
                raise BadInput(f"{path} cannot be changed", why="the cloud keeps it for the resource's whole life")
        return Difference(found, replaces=tuple(path for path in found if _top(path) in self._kind.replace))

    def preview(self, inputs: Values, old: Values) -> Values:
        known = _merged(old, inputs)
        return known if old else {**self._kind.defaults, **_unknown(self._kind.computed), **known}

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        del report
        outputs = {**self._kind.defaults, **_own(inputs)}
        outputs = {**_filled(self._kind.computed, outputs), **outputs}
        made = str(_filled(self._kind.id, outputs))
        with self._cloud.changing() as things:
            self._refuse_double(things, made, outputs)
            things[made] = {"kind": self._token, "values": self._kept(outputs)}
        return made, outputs

    def _refuse_double(self, things: Things, made: str, outputs: Values) -> None:
        """The same thing made again (a create that was interrupted) is taken over; another one like it is refused."""
        for known, thing in things.items():
            same = all(thing["values"].get(name) == outputs.get(name) for name in self._kind.unique)
            if thing["kind"] == self._token and self._kind.unique and same and known != made:
                raise CmctlError(f"409: {self._token} with these {', '.join(self._kind.unique)} exists already")

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del old, report
        with self._cloud.changing() as things:
            thing = _there(things, made)
            computed = {name: value for name, value in thing["values"].items() if name not in self._kind.fields}
            outputs = {**computed, **self._kind.defaults, **_own(inputs)}
            things[made] = {"kind": self._token, "values": self._kept(outputs)}
        return outputs

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        del old
        thing = self._cloud.read().get(made)
        if thing is None or thing["kind"] != self._token:
            return None
        seen = dict(thing["values"])
        for name in self._kind.secret:
            given = inputs.get(name)
            if given is not None and seen.get(name) == digest(str(given)):
                seen[name] = given
        known = _own(inputs) or {name: value for name, value in seen.items() if name in self._kind.fields}
        return Found({name: seen.get(name, value) for name, value in known.items()}, seen)

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        del inputs, report
        with self._cloud.changing() as things:
            thing = things.get(made)
            if thing and self._kind.guard and thing["values"].get(self._kind.guard):
                raise CmctlError(f"{made} is guarded by {self._kind.guard}", hint="switch it off in a change of its own first")
            things.pop(made, None)

    def _kept(self, outputs: Values) -> dict[str, Any]:
        return {name: digest(str(value)) if name in self._kind.secret and value is not None else value for name, value in outputs.items()}


def _there(things: Things, made: str) -> dict[str, Any]:
    if made not in things:
        raise CmctlError(f"404: {made} does not exist", hint="cmctl preview --refresh")
    return things[made]


def _own(inputs: Values) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if not name.startswith("__")}


def _top(path: str) -> str:
    return path.partition("[")[0].partition(".")[0]


def _merged(old: Any, new: Any) -> Any:
    """Old values under new ones, mapping by mapping: what the cloud computed once stays known in a preview."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items() if not str(key).startswith("__")}}
    return new


def _filled(template: Any, values: Values) -> Any:
    if isinstance(template, Mapping):
        return {key: _filled(one, values) for key, one in template.items()}
    if not isinstance(template, str):
        return template
    made = {"hex24": secrets.token_hex(12), "hex32": secrets.token_hex(16), "now": datetime.now(UTC).isoformat(timespec="seconds")}
    return template.format_map({**{name: value for name, value in values.items() if isinstance(value, str)}, **made})


def _unknown(template: Any) -> Any:
    """Computed values before the cloud has computed them; constants are known."""
    if isinstance(template, Mapping):
        return {key: _unknown(one) for key, one in template.items()}
    return UNKNOWN if isinstance(template, str) and "{" in template else template
