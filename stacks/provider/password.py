"""cmctl:index:Password: a random password that is made once and kept, encrypted, in Pulumi's state."""

from __future__ import annotations

import secrets

from errors import BadInput
from hosts.events import Report
from stacks.provider.difference import difference
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.provider.values import UNKNOWN

BYTES = 32


class Password:
    """Input: `generation`; another number makes another password. Output: `value`, secret, URL-safe characters only."""

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        del name, old_inputs
        return Checked(inputs, {} if isinstance(inputs.get("generation"), int) else {"generation": "is a whole number"})

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        del old
        return Difference(difference({"generation": old_inputs.get("generation")}, {"generation": inputs.get("generation")}))

    def preview(self, inputs: Values, old: Values) -> Values:
        del inputs, old
        return {"value": UNKNOWN}

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        del inputs, report
        return secrets.token_hex(8), {"value": secrets.token_urlsafe(BYTES)}

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del made, old
        return self.create(inputs, report)[1]

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        del made
        if not old.get("value"):
            raise BadInput("a password cannot be imported", why="it lives in the state alone")
        return Found(inputs, old)

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        """Nothing exists outside the state."""
