"""Hosts of a lab as connections, for the live suites of the SSH room."""

from __future__ import annotations

from hosts.fleet import Host, connect
from layout.release import Target
from tools.lab import Lab

NAME, SUBNET = "ssh", "10.78.0.0/24"


def target(lab: Lab, number: int) -> Target:
    return Target(
        connection="ssh",
        address=lab.address(number),
        root="/var/lib/cmctl",
        user=lab.user,
        identity=str(lab.key),
        known_hosts=str(lab.known_hosts),
    )


def hosts(lab: Lab, *numbers: int) -> dict[str, Host]:
    return connect("stack", {f"h{number}": target(lab, number) for number in numbers})
