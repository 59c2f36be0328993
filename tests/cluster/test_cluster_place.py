"""Where a lab cluster stands, and that two never meet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from errors import BadInput
from tools.cluster.place import NUMBERS, Place, place


def test_no_two_clusters_share_an_address() -> None:
    """Every number has networks of its own, all private, none inside another's."""
    networks = [
        ip_network(text)
        for number in range(NUMBERS)
        for one in [Place(Path("/x"), number)]
        for text in (one.pods, one.services, f"{one.machine_address}/24".replace(".1/", ".0/"))
    ]
    assert all(network.is_private for network in networks)
    assert not any(a.overlaps(b) for index, a in enumerate(networks) for b in networks[index + 1 :])


def test_addresses_lie_in_their_networks() -> None:
    """The fixed Service addresses lie in the Services' network, and interface names fit the kernel's 15 characters."""
    for number in range(NUMBERS):
        one = Place(Path("/x"), number)
        assert ip_address(one.first_service) in ip_network(one.services)
        assert ip_address(one.dns_service) in ip_network(one.services)
        assert len(one.link) <= 15


def test_the_variable_chooses_another_cluster(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CMCTL_CLUSTER_NUMBER gives a second cluster its own name, folder and addresses."""
    first = place()
    monkeypatch.setenv("CMCTL_CLUSTER_NUMBER", "3")
    other = place()
    assert (first.folder, other.folder) == (private_home / "cluster", private_home / "cluster-3")
    assert {first.name, first.server, first.link}.isdisjoint({other.name, other.server, other.link})


@pytest.mark.parametrize("said", ["32", "-1", "two", "1.0", "٣"])
def test_numbers_there_are_no_addresses_for_are_refused(private_home: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """A number out of range, or none at all, is refused by its name."""
    monkeypatch.setenv("CMCTL_CLUSTER_NUMBER", said)
    with pytest.raises(BadInput, match="CMCTL_CLUSTER_NUMBER"):
        place()
