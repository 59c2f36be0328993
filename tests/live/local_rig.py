"""A life of the platform on this machine, of a suite's own: deployed by its tests, removed at its end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from environments.certificates import certificate
from environments.load import load as load_environment
from phases.load import load as load_platform
from templates.names import all_domains
from tests.live.driver import Driver
from tools.container_engine import look
from tools.machine import ThisMachine

STACK = "codementee-livetest-phase2"


@contextmanager
def life(folder: Path) -> Generator[Driver, None, None]:
    """cmctl with an environment of its own; whatever was deployed goes at the end."""
    if not look(ThisMachine()).version:
        pytest.skip("no container engine answers")
    driver = Driver(folder)
    yield driver
    driver.plain()
    driver.run("destroy", "--all", "--yes")


def live_release(cmctl: Driver) -> tuple[str, str]:
    """Release and slot of phase 2."""
    host = cmctl.must("status", "--json").document["layers"]["phase2"]["local"]
    return host["release"], host["slot"]


def authority(cmctl: Driver) -> Path:
    """The local authority's certificate as a file for clients."""
    environment = load_environment(cmctl.name, cmctl.folder / "environments")
    text = certificate(environment, all_domains(load_platform("codementee").platform, environment), cmctl.home).authority
    path = cmctl.folder / "authority.pem"
    path.write_text(text, encoding="utf-8")
    return path
