"""Drift of a real release on this machine: found by the engine's refresh, told property by property, brought back alone."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.live.driver import Driver, docker
from tools.container_engine import look
from tools.machine import ThisMachine

pytestmark = pytest.mark.live
NAME = "livedrift"
STACK = f"codementee-{NAME}-phase1"
UNTOUCHED = (f"{STACK}-base-redis-cache", f"{STACK}-base-balancer", f"codementee-{NAME}-data-base-mongo")


@pytest.fixture(scope="module")
def cmctl(tmp_path_factory: pytest.TempPathFactory) -> Generator[Driver, None, None]:
    if not look(ThisMachine()).version:
        pytest.skip("no container engine answers")
    driver = Driver(tmp_path_factory.mktemp("drift"), https=19443, network="10.89.161.0/24", name=NAME)
    driver.must("deploy", "--phase", "1", "--yes")
    yield driver
    driver.run("destroy", "--all", "--yes")


def drift(cmctl: Driver, *options: str) -> tuple[int, dict[str, object]]:
    """Exit code, and path → what was found."""
    done = cmctl.run("drift", "--phase", "1", "--json", *options)
    return done.code, {one["path"]: one["found"] for one in done.document["found"]}


def test_no_drift_after_a_deploy(cmctl: Driver) -> None:
    """What was just deployed does not differ from itself."""
    assert drift(cmctl) == (0, {})


def test_every_hand_is_found_and_taken_back(cmctl: Driver) -> None:
    """An edited file, a stopped container, a foreign one and a wrong image: all found at once, twice the same; then all are as before,
    and what was right was not even restarted."""
    started = [docker("inspect", "-f", "{{.State.StartedAt}}", name) for name in UNTOUCHED]
    (image,) = docker("inspect", "-f", "{{.Config.Image}}", UNTOUCHED[1])
    edited = Path(cmctl.folder, "home", "hosts", "local", STACK, "base", "balancer", "nginx.conf")
    edited.write_text(f"{edited.read_text()}# edited\n")
    docker("stop", f"{STACK}-blue-backend-1")
    docker("rm", "-f", f"{STACK}-blue-frontend-1")
    for name in ("frontend-1", "evil"):
        docker("run", "-d", "--name", f"{STACK}-blue-{name}", "--label", f"io.cmctl.stack={STACK}", "--label", "io.cmctl.part=blue", "--network", "none", image, "sleep", "900")  # fmt: skip
    code, found = drift(cmctl)
    assert code == 3
    assert set(found) == {
        'bundles["local"].files["base/balancer/nginx.conf"]',
        *(f'problems["local"]["{STACK}-blue-{name}"]' for name in ("backend-1", "frontend-1", "evil")),
    }
    assert str(found[f'problems["local"]["{STACK}-blue-frontend-1"]']).startswith("runs ")
    assert drift(cmctl) == (code, found), "looking changes nothing, so the second look finds the same"
    assert cmctl.run("drift", "--phase", "1", "--fix", "--yes").code == 0
    assert drift(cmctl) == (0, {})
    assert "# edited" not in edited.read_text()
    assert [docker("inspect", "-f", "{{.State.StartedAt}}", name) for name in UNTOUCHED] == started
    assert f"{STACK}-blue-evil" not in docker("ps", "-a", "--format", "{{.Names}}")


def test_a_phase_that_is_not_there_has_no_drift(cmctl: Driver) -> None:
    """Asked for a phase that was never deployed, the command says so and how to deploy it: exit 2."""
    done = cmctl.run("drift", "--phase", "0")
    assert done.code == 2
    assert "is not deployed" in done.err
