"""What the firewall of each host has to let in, derived from what the layouts publish: nothing else is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from layout.model import Layout


@dataclass(frozen=True, order=True)
class Opening:
    """One port of a host and who may come in: addresses or networks; none means anyone."""

    host: str
    port: int
    protocol: str
    sources: tuple[str, ...]
    why: str


def openings(layouts: Iterable[Layout]) -> tuple[Opening, ...]:
    """Every opening that the layers of one environment need together, one per host, port and purpose. Loopback needs none."""
    found = {
        Opening(one.host, published.port, "tcp", published.sources, published.why)
        for layout in layouts
        for one in layout.everything
        for published in one.published
        if not ip_address(published.address).is_loopback
    }
    return tuple(sorted(found))
