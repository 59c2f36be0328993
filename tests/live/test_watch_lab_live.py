"""What is in use on hosts of a lab: containers in a host's own engine, over a real sshd and sudo; and a host that dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from commands.load_watch import OnHosts, Watching
from hosts import transfer
from images import engine
from images.resolve import resolve
from loadtests.looks import Looks
from loadtests.plan import Probe
from tests.live import fleet_lab
from tests.loadtests import figures
from tools.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab needs root")]
SPIN = ["--entrypoint", "sh"]
LOOP = ["-c", "while :; do :; done"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two hosts; on the first a container that wants a whole core and may have a quarter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CMCTL_HOME", str(tmp_path_factory.mktemp("home")))
        with Lab("watch", "10.71.0.0/24", report=print) as lab:
            lab.down()  # what a killed run left
            lab.up(2)
            spin(lab)
            yield lab


def spin(lab: Lab) -> None:
    name = resolve(["redis"], "0", {}, print)["redis"].reference
    image = engine.docker(["image", "inspect", "--format", "{{.Id}}", name]).strip()
    asyncio.run(transfer.images(fleet_lab.hosts(lab, 1), {"h1": (image,)}, print))
    limits = ["--cpus", "0.25", "--memory", "64m", "--network", "none", "--read-only"]
    labels = ["--name", "shop-lab-phase2-blue-spin", "--label", "io.cmctl.stack=shop-lab-phase2"]
    done = lab.run(1, ["docker", "run", "--rm", "--detach", *labels, *limits, *SPIN, image, *LOOP])
    assert done.code == 0, done


def test_hosts_say_what_is_in_use(lab: Lab) -> None:
    """Both hosts are asked at once; the container's share is of its limit, by its own name; a look takes part of a second."""
    told: list[str] = []
    watch = OnHosts({f"h{number}": fleet_lab.target(lab, number) for number in (1, 2)}, "shop-lab-", told.append, one_machine=True)
    assert watch() == {}
    time.sleep(4)  # what is measured is a rate
    begun = time.monotonic()
    shares = watch()
    print(f"\na look at two hosts took {time.monotonic() - begun:.2f} s at load {os.getloadavg()[0]:.1f}: {shares}")
    assert told == []
    assert shares["CPU of phase2-blue-spin on h1"] == pytest.approx(1.0, abs=0.15)
    assert 0 < shares["memory of phase2-blue-spin on h1"] < 0.5
    assert 0 < shares["CPU of this machine"] <= 1.05


def test_a_host_that_dies_ends_nothing(lab: Lab) -> None:
    """A host that dies between two probes is named with the reason; the other's figures stay, and the looks end in time."""
    there = {f"h{number}": fleet_lab.target(lab, number) for number in (1, 2)}
    watching = Watching(looks_at="h1, h2")
    watching.looking = OnHosts(there, "shop-lab-", watching.tell, one_machine=True)
    probes = [Probe(name=name, rate_per_s=1, seconds=3) for name in ("before", "after")]
    with Looks(watching) as looks:
        time.sleep(3)
        looks.after(probes[0], figures.measured(1, 0, 0))
        time.sleep(3)
        lab.kill(2)
        begun = time.monotonic()
        looks.after(probes[1], figures.measured(1, 0, 0))
        handed_over = time.monotonic() - begun
        found = looks.found()
    print(f"\n{watching.told()} after {time.monotonic() - begun:.1f} s")
    assert handed_over < 0.1, "no probe waits for a look"
    assert time.monotonic() - begun < 20
    assert all(found[probe.name]["CPU of phase2-blue-spin on h1"] > 0.8 for probe in probes)
    assert watching.told().by == "h1, h2"
    assert "h2" in watching.told().why
