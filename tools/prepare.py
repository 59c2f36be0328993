"""`make live`: what the live suites need is brought here first, so that no suite's time contains it.

`python -m tools.prepare [lab] [cluster] [scanners] [browser]`: the engine, Pulumi and the database always, and what else is named.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from errors import CmctlError
from tools import browser, scanners, toolchain, trace_receiver
from tools.cluster import family, node
from tools.container_engine import install_and_start
from tools.lab import layers, needs
from tools.machine import ThisMachine


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def bring_lab() -> None:
    """The lab's programs and the contents of its hosts' disks; without root there is no lab, and its suite says so."""
    if ThisMachine().is_root():
        needs.install(say)
        say(f"lab: {layers.make(say).folder}")


def bring_cluster() -> None:
    """The cluster's programs, what a real node is made of, and the receiver of traces."""
    say(f"kubernetes: {family.programs(say).binary}")
    say(f"otlp: {trace_receiver.program(say)}")
    if ThisMachine().is_root():
        node.need(say)
        say(f"pause: {node.sandbox(say)}")


def main(arguments: Sequence[str] = ()) -> int:
    """The exit code: 0, or that of the error that is told."""
    try:
        install_and_start(say)
        if "cluster" in arguments:
            bring_cluster()
        if "scanners" in arguments:
            say(f"scanners: {scanners.scanners(say).schemas}")
        for program in (toolchain.pulumi(say), toolchain.ferretdb(say)):
            say(f"{program.name}: {program}")
        if "lab" in arguments:
            bring_lab()
        if "browser" in arguments:
            browser.install(say)
    except CmctlError as error:
        say(str(error))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
