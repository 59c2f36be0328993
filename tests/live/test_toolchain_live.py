"""The tools for real: the CLI of the SDK's version, a build from the Go module, an engine that is started by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tools import container_engine, doctor, toolchain
from tools.builder import build, installed
from tools.container_engine import Places
from tools.machine import ThisMachine

pytestmark = pytest.mark.live


def test_the_cli_is_the_sdks_and_the_second_call_costs_nothing() -> None:
    """The CLI says the SDK's version; once it is there, getting it is a look at a file."""
    path = toolchain.pulumi(print)
    said = subprocess.run(
        [path, "version"], capture_output=True, text=True, timeout=30, check=True, env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    )
    assert said.stdout.strip() == f"v{toolchain.pulumi_family().version}"
    start = time.monotonic()
    assert toolchain.pulumi(pytest.fail) == path
    print(f"  pulumi {said.stdout.strip()}: {path.stat().st_size / 1e6:.0f} MB, found again in {1000 * (time.monotonic() - start):.0f} ms")


def test_a_program_is_built_from_its_published_module(tmp_path: Path) -> None:
    """Into an empty cache of cmctl's the database is built by Go from its locked module, and it runs."""
    if shutil.which("go") is None:
        pytest.skip("Go is not installed")
    start = time.monotonic()
    path = build(toolchain.FERRETDB, tmp_path, print)
    seconds = time.monotonic() - start
    assert path == installed(toolchain.FERRETDB, tmp_path)
    said = subprocess.run([path, "-h"], capture_output=True, text=True, timeout=20, check=False)
    assert "-listen" in said.stderr
    print(f"  ferretdb built in {seconds:.1f} s, {path.stat().st_size / 1e6:.0f} MB")


def test_this_machine_can_do_the_main_job() -> None:
    """The doctor finds everything the main job needs, within its time limits."""
    start = time.monotonic()
    found = doctor.look()
    assert doctor.missing(found) == []
    print(f"  doctor: {len(found)} tools in {time.monotonic() - start:.2f} s")


def test_an_engine_started_by_hand_answers_and_outlives_its_starter(tmp_path: Path) -> None:
    """A second dockerd beside this machine's, with folders and a socket of its own: it answers, in a session of its own."""
    if os.geteuid() != 0 or shutil.which("dockerd", path="/usr/sbin:/sbin:/usr/bin") is None:
        pytest.skip("starting an engine needs root and dockerd")
    # Short, because a socket's path has at most 107 bytes.
    folder = Path("/run", f"cmctl-live-{os.getpid()}")
    options = ("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--bridge", "none", "--iptables=false")
    places = Places(folder / "daemon.json", folder / "dockerd.log", folder / "pid", folder / "docker.sock", options)
    folder.mkdir()
    said: list[str] = []
    container_engine._configure(ThisMachine(), said.append, places)
    start = time.monotonic()
    process = container_engine.start_by_hand(ThisMachine(), places)
    try:
        engine = container_engine._wait(ThisMachine(), places, process)
        assert engine.version
        assert os.getsid(process.pid) == process.pid != os.getsid(0)
        answer = ThisMachine().ask(["docker", "--host", f"unix://{places.socket}", "info", "--format", "{{.LiveRestoreEnabled}}"])
        assert answer.out == "true"
        print(f"  Docker {engine.version} by hand: answers after {time.monotonic() - start:.1f} s")
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
