"""What stands on the hosts beside what should stand there."""

from __future__ import annotations

import pytest

from errors import Unreachable
from hosts import observe
from hosts.events import silent
from hosts.fleet import together
from hosts.transaction import apply
from tests.hosts.fleet import Fleet


async def test_only_who_needs_a_silent_machine_fails(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are seen, with what differs on them; who asks for the whole layer hears which machine is silent."""
    monkeypatch.setattr(observe, "connect", fleet.connect)
    one = fleet.spec("1")
    await apply(one, silent)
    whole = (await observe.compare({"phase2": one}))["phase2"].whole()
    assert (set(whole.hosts), whole.differences) == (set(fleet.names), ())
    fleet.connections["app1"].cut = ""
    found = (await observe.compare({"phase2": fleet.spec("2")}))["phase2"]
    assert set(found.hosts) == {"app2", "lb1", "lb2"}
    assert len(found.differences) == 3
    with pytest.raises(Unreachable, match="app1 does not answer"):
        found.whole()


def test_what_two_say_alike_is_told_once() -> None:
    """A machine that is silent in two layers is one sentence."""
    assert together([Unreachable("app1 does not answer"), Unreachable("app1 does not answer")]).what == "app1 does not answer"
