"""The lab's network: a switch in a namespace of its own, one cable to this machine, one to each host. No route leads out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

from errors import BadInput
from tools.lab.call import ask, must
from tools.lab.plan import Host, Plan

NAMESPACES = Path("/run/netns")
BRIDGE = "br0"
UPLINK = "uplink"
# What may be cut of a host's cable, each a set of ports that the rules below read.
#   whole: everything · ssh: TCP 22 · peers: the other hosts, while this machine still reaches it
# A slow host's frames pass two bridges (slow.py): from its port to far<port>, and from near<port> on.
CUTS = ("whole", "ssh", "peers")
RULES = """
table bridge cmctl {
  set whole { type ifname; }
  set ssh { type ifname; }
  set peers { type ifname; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname @whole drop
    oifname @whole drop
    iifname @ssh tcp sport 22 drop
    oifname @ssh tcp dport 22 drop
    iifname @peers oifname != "uplink" oifname != "far*" drop
    oifname @peers iifname != "uplink" iifname != "far*" drop
  }
}
"""


def exists(namespace: str) -> bool:
    return (NAMESPACES / namespace).exists()


def make(plan: Plan) -> None:
    """The switch and this machine's cable into it; what is there already stays. Raises BadInput when the subnet is taken."""
    if _whole(plan):
        return
    remove(plan)
    _refuse_a_taken_subnet(plan)
    must(["ip", "netns", "add", plan.switch])
    ip(plan.switch, "link", "set", "lo", "up")
    ip(plan.switch, "link", "add", BRIDGE, "type", "bridge")
    ip(plan.switch, "link", "set", BRIDGE, "up")
    _nft(plan, RULES)
    must(["ip", "link", "add", plan.uplink, "type", "veth", "peer", "name", UPLINK, "netns", plan.switch])
    ip(plan.switch, "link", "set", UPLINK, "master", BRIDGE, "up")
    must(["ip", "link", "set", plan.uplink, "up"])
    # Last: a lab whose making was killed has no address, and is made anew.
    must(["ip", "address", "add", f"{plan.gateway}/{plan.subnet.prefixlen}", "dev", plan.uplink])


def remove(plan: Plan) -> None:
    ask(["ip", "link", "delete", plan.uplink])
    delete(plan.switch)


def plug(plan: Plan, host: Host, bridge: str = BRIDGE) -> None:
    """A new network namespace for a host, with a new cable into the switch."""
    unplug(plan, host)
    must(["ip", "netns", "add", host.namespace])
    peer = ["peer", "name", "eth0", "address", host.mac, "netns", host.namespace]
    ip(plan.switch, "link", "add", host.port, "type", "veth", *peer)
    attach(plan, host.port, bridge)
    ip(host.namespace, "address", "add", f"{host.address}/{plan.subnet.prefixlen}", "dev", "eth0")
    ip(host.namespace, "link", "set", "eth0", "up")


def silence(plan: Plan, host: Host) -> None:
    """Pull the cable: a host without power says nothing, while its namespace would still answer with resets."""
    ask(["ip", "-n", plan.switch, "link", "set", host.port, "down"])


def unplug(plan: Plan, host: Host) -> None:
    ask(["ip", "-n", plan.switch, "link", "delete", host.port])
    delete(host.namespace)


def delete(namespace: str) -> None:
    if exists(namespace):
        must(["ip", "netns", "delete", namespace])


def attach(plan: Plan, port: str, bridge: str) -> None:
    ip(plan.switch, "link", "set", port, "master", bridge, "up")


def cut(plan: Plan, host: Host, what: str) -> None:
    """Drop packets both ways without a word. `what` is one of CUTS. Raises BadInput for another."""
    if what not in CUTS:
        raise BadInput(f"{what!r} cannot be cut", why=f"what can: {', '.join(CUTS)}", hint=f"cmctl lab fault cut {host.number}")
    _nft(plan, f"add element bridge cmctl {what} {{ {host.port}, near{host.port} }}")


def mend(plan: Plan, host: Host) -> None:
    """End every cut of a host's cable."""
    for what in cuts(plan).get(host.port, ()):
        _nft(plan, f"delete element bridge cmctl {what} {{ {host.port}, near{host.port} }}")


def cuts(plan: Plan) -> dict[str, list[str]]:
    """Port → what is cut of it, as the kernel has it."""
    if not exists(plan.switch):
        return {}
    found: dict[str, list[str]] = {}
    listed = json.loads(must(["ip", "netns", "exec", plan.switch, "nft", "-j", "list", "sets", "bridge"]))["nftables"]
    for entry in (item["set"] for item in listed if "set" in item):
        for port in entry.get("elem", ()):
            found.setdefault(port, []).append(entry["name"])
    return found


def namespaces() -> Iterable[str]:
    return [path.name for path in NAMESPACES.iterdir()] if NAMESPACES.is_dir() else []


def _whole(plan: Plan) -> bool:
    answer = ask(["ip", "-j", "-4", "address", "show", "dev", plan.uplink])
    if answer.code or not exists(plan.switch):
        return False
    return str(plan.gateway) in {address["local"] for link in json.loads(answer.out) for address in link.get("addr_info", ())}


def in_the_way(subnet: IPv4Network, routes: Iterable[dict[str, str]]) -> list[str]:
    """Routes, as `ip -j route` has them, that the subnet would fight with: parts of it, and networks around it with a cable to them.

    A wide route through a gateway is no hindrance: the lab's own is more exact.
    """
    found = []
    for route in routes:
        network = IPv4Network("0.0.0.0/0" if route["dst"] == "default" else route["dst"])
        if network.overlaps(subnet) and ("gateway" not in route or network.prefixlen >= subnet.prefixlen):
            found.append(f"{network} through {route.get('dev', 'no interface')}")
    return found


def _refuse_a_taken_subnet(plan: Plan) -> None:
    taken = in_the_way(plan.subnet, json.loads(must(["ip", "-j", "-4", "route", "show"])))
    if taken:
        raise BadInput(
            f"{plan.subnet} is taken",
            why=f"this machine reaches {', '.join(taken)}",
            hint="cmctl lab down, or another network: cmctl lab up --subnet 10.78.0.0/24",
        )


def ip(namespace: str, *arguments: str) -> None:
    """`ip` inside a namespace."""
    must(["ip", "-n", namespace, *arguments])


def _nft(plan: Plan, rules: str) -> None:
    must(["ip", "netns", "exec", plan.switch, "nft", "-f", "-"], stdin=rules, what="the switch's rules cannot be set")
