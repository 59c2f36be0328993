"""What stands in for a load balancer while that is made anew: the same container at another address, for seconds.

Its ports are published on the host's loopback alone, which makes the engine's packet filter let requests through to it;
the host then leads new connections of the entrance to it (hosts/handover.py).
"""

from __future__ import annotations

from ipaddress import ip_address

from layout import addresses, roles
from layout.model import Fixed, Layout
from layout.release import Entrance, Relief
from templates import compose, names
from templates.compose import Service
from templates.nginx import KEEPALIVE_S

PART = "relief"
LOOPBACK = "127.0.0.1"


def reliefs(layout: Layout) -> dict[str, Relief]:
    """Host → relief of its load balancer or edge.

    Where users come in by an address of the host, the host leads them to it; behind a local edge the edge itself turns to it.
    """
    return {one.host: _relief(layout, one) for one in layout.fixed if one.image == "nginx" and _helps(layout, one)}


def _helps(layout: Layout, one: Fixed) -> bool:
    return _behind_edge(layout, one) or bool(_entrances(layout, one))


def _behind_edge(layout: Layout, one: Fixed) -> bool:
    return one.name == "balancer" and one.host in roles.edge_hosts(layout.environment)


def _entrances(layout: Layout, one: Fixed) -> tuple[Entrance, ...]:
    """The ports that a packet filter can lead elsewhere: a machine's own loopback cannot be."""
    if _behind_edge(layout, one):
        return ()
    return tuple(
        Entrance(address=opened.address, port=opened.port, inside=opened.inside)
        for opened in one.published
        if not ip_address(opened.address).is_loopback
    )


def _number(layout: Layout) -> int:
    return layout.phase.number if layout.layer != "edge" else 0


def _relief(layout: Layout, one: Fixed) -> Relief:
    return Relief(
        container=f"{names.project(layout, PART)}-{one.name}", stands_for=names.container(layout, one),
        address=addresses.relief(layout.environment, _number(layout)), entrances=_entrances(layout, one), drain_s=KEEPALIVE_S,
        edge=layout.stack_of("edge") if _behind_edge(layout, one) else "",
    )  # fmt: skip


def document(layout: Layout, one: Fixed, service: Service) -> dict[str, str]:
    """The compose file of a host's relief; none where it would not help."""
    if not _helps(layout, one):
        return {}
    relief = _relief(layout, one)
    own: Service = {
        "container_name": relief.container,
        "labels": service["labels"] | {"io.cmctl.part": PART},
        "networks": {"platform": {"ipv4_address": relief.address}},
    }
    ports = [f"{LOOPBACK}:{addresses.relief_port(_number(layout), at)}:{opened.inside}" for at, opened in enumerate(relief.entrances)]
    bare = {key: value for key, value in service.items() if key != "ports"}
    return {"base/relief.yaml": compose.document(layout, PART, {one.name: bare | own | ({"ports": ports} if ports else {})})}
