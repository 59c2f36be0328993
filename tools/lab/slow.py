"""Slow links: a wire of ours between the switch and a host's port, there as long as the link is slow."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from errors import BadInput
from tools.lab import switch, wire
from tools.lab.call import ask, must
from tools.lab.plan import Host, Plan
from tools.lab.wait import until

PROGRAM = str(Path(wire.__file__))
KINDS = ("whole", "ssh")
MOST_MS = 60_000
END_S = 5


@dataclass(frozen=True)
class Wire:
    """A process that carries a port's frames: `milliseconds` is what it adds to a round trip, `what` the frames that are late."""

    pid: int
    port: str
    milliseconds: float
    what: str


def slow(plan: Plan, host: Host, milliseconds: float, what: str) -> None:
    """Put a wire before a host, in place of one that is there. Raises BadInput for a delay or a kind that cannot be."""
    if what not in KINDS or not 0 < milliseconds <= MOST_MS:
        raise BadInput(
            f"a link cannot be slow by {milliseconds:g} ms ({what})",
            why=f"more than 0 and at most {MOST_MS} ms, and {' or '.join(KINDS)}",
            hint=f"cmctl lab fault slow {host.number} --ms 200",
        )
    mend(plan, host)
    bridge = bridge_of(host)
    switch.ip(plan.switch, "link", "add", bridge, "type", "bridge")
    switch.ip(plan.switch, "link", "set", bridge, "up")
    program = [sys.executable, "-I", PROGRAM, plan.switch, host.port, f"{milliseconds:g}", what]
    must(["ip", "netns", "exec", plan.switch, *program], what="the slow wire cannot be laid")
    switch.attach(plan, f"{wire.NEAR}{host.port}", switch.BRIDGE)
    switch.attach(plan, f"{wire.FAR}{host.port}", bridge)
    if ask(["ip", "-n", plan.switch, "link", "show", host.port]).code == 0:
        switch.attach(plan, host.port, bridge)


def mend(plan: Plan, host: Host) -> None:
    """The host's port straight into the switch again."""
    for one in wires(plan.switch):
        if one.port == host.port:
            end(one)
    if ask(["ip", "-n", plan.switch, "link", "show", bridge_of(host)]).code == 0:
        if ask(["ip", "-n", plan.switch, "link", "show", host.port]).code == 0:
            switch.attach(plan, host.port, switch.BRIDGE)
        switch.ip(plan.switch, "link", "delete", bridge_of(host))


def entry(plan: Plan, host: Host) -> str:
    """The bridge that a host's cable goes into: its slow wire's, or the switch's own."""
    return bridge_of(host) if any(one.port == host.port for one in wires(plan.switch)) else switch.BRIDGE


def wires(name: str) -> list[Wire]:
    """The wires of a switch, found among this machine's processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if PROGRAM in words and words[words.index(PROGRAM) + 1] == name:
                port, milliseconds, what = words[words.index(PROGRAM) + 2 :][:3]
                found.append(Wire(int(folder.name), port, float(milliseconds), what))
    return found


def end(one: Wire) -> None:
    with suppress(ProcessLookupError):
        os.kill(one.pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{one.pid}/fd/0").exists(), END_S, f"wire {one.pid} does not end")


def bridge_of(host: Host) -> str:
    return f"br{host.port}"
