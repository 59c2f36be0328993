"""The names and addresses of a lab, all of them made from its name, its subnet and the number of its hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

import environments.load
from errors import BadInput

NAME = "lab"
SUBNET = "10.77.0.0/24"
# Hosts have the addresses from .11 on; the machine itself has .1.
FIRST = 10
MOST = 20
# The longest name of a network interface is 15 characters, and the lab's begins with "cl-".
LEGAL = re.compile(r"[a-z][a-z0-9]{0,10}")


@dataclass(frozen=True)
class Host:
    """Host number 1, 2, … of a lab. `name` is what environments/lab.yaml calls the host with its place in the subnet."""

    lab: str
    number: int
    name: str
    address: IPv4Address

    @property
    def namespace(self) -> str:
        return f"cmctl-{self.lab}-{self.number}"

    @property
    def group(self) -> str:
        """The control group that holds all of the host's processes."""
        return f"cmctl-lab-{self.lab}-{self.number}"

    @property
    def port(self) -> str:
        """The interface on the switch's side of the host's cable."""
        return f"h{self.number}"

    @property
    def mac(self) -> str:
        """The same after every boot: neighbours keep what they learned, so a new one is deaf for some 10 s."""
        return "02:cd:" + ":".join(f"{octet:02x}" for octet in self.address.packed)


@dataclass(frozen=True)
class Plan:
    name: str
    subnet: IPv4Network
    hosts: tuple[Host, ...]

    @property
    def gateway(self) -> IPv4Address:
        """This machine's address in the lab, from which load comes too."""
        return self.subnet.network_address + 1

    @property
    def switch(self) -> str:
        """The network namespace of the switch: in the machine's own, Docker's rules would drop what it forwards."""
        return f"cmctl-{self.name}"

    @property
    def uplink(self) -> str:
        return f"cl-{self.name}"

    def host(self, wanted: int | str) -> Host:
        """A host by number or name. Raises BadInput with those that exist."""
        for host in self.hosts:
            if str(wanted) in {str(host.number), host.name}:
                return host
        known = ", ".join(f"{host.number} ({host.name})" for host in self.hosts) or "none"
        raise BadInput(f"the lab has no host {wanted!r}", why=f"its hosts: {known}", hint="cmctl lab status")


def plan(name: str, subnet: str, count: int) -> Plan:
    """A lab as it is to be. Raises BadInput with everything that is wrong."""
    wrong = []
    if not LEGAL.fullmatch(name):
        wrong.append(f"name {name!r} is not 1 to 11 small letters and digits, a letter first")
    if not 0 <= count <= MOST:
        wrong.append(f"{count} hosts are not 1 to {MOST}")
    network = _network(subnet)
    if network is None:
        wrong.append(f"{subnet!r} is no private network of 256 addresses, as {SUBNET} is")
    if wrong or network is None:
        raise BadInput("this lab cannot be", why="\n".join(wrong), hint="cmctl lab up --hosts 4")
    called = _names()
    numbers = range(1, count + 1)
    hosts = [Host(name, number, called.get(number, f"host{number}"), network.network_address + FIRST + number) for number in numbers]
    return Plan(name, network, tuple(hosts))


def _network(text: str) -> IPv4Network | None:
    try:
        network = IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError):
        return None
    return network if network.prefixlen == 24 and network.is_private and not network.is_loopback else None


def _names() -> dict[int, str]:
    """Number → name, from the environment of the lab."""
    known = environments.load.load("lab").hosts
    return {host.address.packed[3] - FIRST: name for name, host in known.items()}
