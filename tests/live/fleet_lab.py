"""Hosts of a lab as connections, and images made for a test: for the live suites and benchmarks of SSH and transfers."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable

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


def image(*layers: bytes) -> str:
    """An image of this test in this machine's engine, one file a layer; returns its id."""
    found = ""
    for number, data in enumerate(layers):
        lines = [f"FROM {found or 'scratch'}", f"COPY file /file{number}", "LABEL io.cmctl.test=ssh"]
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            for name, content in (("Dockerfile", "\n".join(lines).encode()), ("file", data)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        done = subprocess.run(
            ["docker", "build", "-q", "-"],
            input=context.getvalue(),
            capture_output=True,
            check=True,
            env=os.environ | {"DOCKER_BUILDKIT": "0"},
        )
        found = done.stdout.decode().strip()
    return found


def forget(images: Iterable[str]) -> None:
    """Remove images of these suites from this machine's engine, with those they were built on."""
    wanted = ["docker", "images", "-aq", "--no-trunc", "--filter", "label=io.cmctl.test=ssh"]
    listed = subprocess.run(wanted, capture_output=True, text=True, check=True)
    subprocess.run(["docker", "rmi", "-f", *dict.fromkeys([*listed.stdout.split(), *images])], capture_output=True, check=False)
