"""The machines of an environment: one value for every host, whichever phase asks."""

from __future__ import annotations

import pytest

from stacks.deployment import Wish, facts
from stacks.machines import machines


def test_this_machine_is_its_owner_s() -> None:
    """A local environment prepares nothing."""
    assert machines(facts(Wish("codementee", 2, "local"))) == {}


def test_every_phase_asks_the_same() -> None:
    """Two stacks on one host never fight over its firewall: what is asked does not depend on the phase."""
    asked = [machines(facts(Wish("codementee", number, "lab"))) for number in (1, 2)]
    assert asked[0] == asked[1]
    assert set(asked[0]) == {"lb1", "app1", "app2", "data1"}


@pytest.mark.parametrize("host", ["lb1", "app1", "app2", "data1"])
def test_only_the_web_is_open_to_anyone(host: str) -> None:
    """Besides SSH only the balancer's http and https are open to anyone; every other port names who may come in."""
    opened = {
        port for port, who in machines(facts(Wish("codementee", 2, "lab")))[host].firewall.items() if who == "anyone" and port != "tcp 22"
    }
    assert opened <= {"tcp 80", "tcp 443"}
    assert host == "lb1" or opened == set()
