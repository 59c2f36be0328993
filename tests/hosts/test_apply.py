"""A release on a fleet, once through; what breaks on the way is in test_transaction.py."""

from __future__ import annotations

from hosts.events import silent
from hosts.transaction import apply
from tests.hosts.fleet import Fleet


async def test_a_release_reaches_all_hosts_and_a_second_run_changes_nothing(fleet: Fleet) -> None:
    """The first goes to blue, the next to green, the same again nowhere; no journal stays."""
    one, two = fleet.spec("1"), fleet.spec("2")
    assert (await apply(one, silent)).slot == "blue"
    assert fleet.live() == {one.release_id()}
    outcome = await apply(two, silent)
    assert (outcome.slot, outcome.former, fleet.live()) == ("green", one.release_id(), {two.release_id()})
    assert not (await apply(two, silent)).changed
    assert fleet.journals() == []
