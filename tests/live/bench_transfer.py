"""`make bench-transfer`: images to two hosts of a lab, beside `docker save | ssh docker load` of the same images.

Three images on one base of real files, then the next version of one of them. Prints seconds, bytes and the load of the machine.
"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from hosts import transfer
from hosts.connection import output
from hosts.fleet import Host, each
from tests.live.fleet_lab import NAME, SUBNET, forget, hosts, image
from tools.lab import Lab

BASE_MB = int(os.environ.get("BASE_MB", "200"))
HOSTS = (1, 2)


def real_files() -> bytes:
    """Programs and libraries of this machine as one archive: they compress as images do."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path in sorted(Path("/usr/lib").rglob("*.so*")) + sorted(Path("/usr/bin").iterdir()):
            if path.is_file() and not path.is_symlink() and data.tell() < BASE_MB * 10**6:
                tar.add(path)
    return data.getvalue()


def line(way: str, step: str, seconds: float, size: int) -> str:
    return f"{way:34} {step:8} {seconds:7.1f} s {size / 1e6:9.2f} MB to each host, load {os.getloadavg()[0]:.1f}"


async def empty(fleet: dict[str, Host]) -> None:
    await each(
        fleet,
        lambda host: host.connection.run(
            ["sh", "-c", "docker rmi -f $(docker images -aq --no-trunc) > /dev/null 2>&1; true"], timeout_s=120
        ),
    )


async def ours(fleet: dict[str, Host], steps: dict[str, list[str]]) -> None:
    for round_ in ("packed now", "packed before"):
        await empty(fleet)
        for step, images in steps.items():
            begun = time.monotonic()
            sent = await transfer.images(fleet, dict.fromkeys(fleet, images), lambda _: None)
            print(line(f"cmctl, {round_}", step, time.monotonic() - begun, max(one.bytes for one in sent.values())), flush=True)


async def whole(lab: Lab, fleet: dict[str, Host], steps: dict[str, list[str]], *, packed: bool) -> None:
    await empty(fleet)
    for step, images in steps.items():
        with tempfile.NamedTemporaryFile() as file:
            begun = time.monotonic()
            await asyncio.to_thread(_save, images, Path(file.name), packed=packed)
            await asyncio.gather(*(asyncio.to_thread(_load, lab, number, Path(file.name)) for number in HOSTS))
            way = "docker save | gzip -1 | ssh load" if packed else "docker save | ssh load"
            print(line(way, step, time.monotonic() - begun, Path(file.name).stat().st_size), flush=True)


def _save(images: list[str], file: Path, *, packed: bool) -> None:
    with file.open("wb") as out, subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE if packed else out) as saving:
        if packed:
            subprocess.run(["gzip", "-1"], stdin=saving.stdout, stdout=out, check=True)


def _load(lab: Lab, number: int, file: Path) -> None:
    flags = ["-F", "none", "-i", str(lab.key), "-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "BatchMode=yes"]
    with file.open("rb") as content:
        command = ["ssh", *flags, f"{lab.user}@{lab.address(number)}", "sudo -n docker load"]
        subprocess.run(command, stdin=content, capture_output=True, check=True)


async def run(lab: Lab, steps: dict[str, list[str]]) -> None:
    fleet = hosts(lab, *HOSTS)
    await each(fleet, lambda host: output(host.connection, ["docker", "version"]))
    await ours(fleet, steps)
    await whole(lab, fleet, steps, packed=False)
    await whole(lab, fleet, steps, packed=True)


def main() -> None:
    base = real_files()
    first = [image(base, os.urandom(50_000)) for _ in range(3)]
    steps = {"first": first, "again": first, "next": [*first[1:], image(base, os.urandom(50_000))]}
    try:
        with tempfile.TemporaryDirectory() as cache, Lab(NAME, SUBNET) as lab:
            os.environ["CMCTL_CACHE"] = cache
            lab.up(len(HOSTS))
            asyncio.run(run(lab, steps))
    finally:
        forget([one for images in steps.values() for one in images])


if __name__ == "__main__":
    main()
