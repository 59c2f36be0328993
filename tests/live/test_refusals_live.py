"""What is in the way on a real machine is told before anything changes: a taken port, a full disk."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.live.driver import Driver, docker
from tools.container_engine import look
from tools.machine import ThisMachine

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", autouse=True)
def an_engine() -> None:
    if not look(ThisMachine()).version:
        pytest.skip("no container engine answers")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """A port that another program holds is named before the edge is touched."""
    other = Driver(tmp_path, https=19443, network="10.89.6.0/24", name="porttest")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 19443))
        taken.listen()
        done = other.run("deploy", "--phase", "1", "--yes", "--json")
    try:
        assert done.code == 1, done.err
        assert "127.0.0.1:19443 is in use" in done.err
    finally:
        other.must("destroy", "--all", "--yes")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_no_disk_is_refused_first(tmp_path: Path) -> None:
    """On a host without space the release is refused before anything changes."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)], check=True)
    driver = Driver(tmp_path / "driver", https=20443, network="10.89.7.0/24", name="disktest")
    path = driver.folder / "environments" / "disktest.yaml"
    facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    facts["hosts"]["local"]["root"] = str(small)
    driver.write_environment(facts)
    try:
        done = driver.run("deploy", "--phase", "1", "--yes", "--json")
        assert done.code == 1, done.err
        assert "MiB free" in done.err
        assert docker("ps", "-q", "--filter", "name=codementee-disktest") == []
    finally:
        driver.run("destroy", "--all", "--yes")
        subprocess.run(["umount", str(small)], check=True)
