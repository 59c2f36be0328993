"""`cmctl cluster`: what a person gets who asks for a cluster that is not there or cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli import main
from stacks.kubernetes import images
from tools.cluster import family


@pytest.fixture(autouse=True)
def at_home(private_home: Path) -> None:
    """No test looks at a cluster that a person runs."""


def test_status_without_a_cluster_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 7 and the command that starts one; as JSON the same."""
    assert main(["cluster", "status", "--json"]) == 7
    said = json.loads(capsys.readouterr().out)
    assert (said["exit_code"], said["hint"]) == (7, "cmctl cluster up")


def test_load_without_a_cluster_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 7 before any image is made; an environment without a cluster is exit 2."""
    monkeypatch.setattr(images, "local", lambda *_: pytest.fail("images were made for a cluster that is not there"))
    assert main(["cluster", "load"]) == 7
    assert "cmctl cluster up" in capsys.readouterr().err
    assert main(["cluster", "load", "--phase", "9"]) == 2


def test_up_without_root_says_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 7 before anything is built or made; the reason and the way are named."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(family, "programs", lambda _: pytest.fail("something was built for a cluster that cannot be"))
    assert main(["cluster", "up"]) == 7
    assert "needs root" in capsys.readouterr().err


def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes namespaces has to be there; the packages are in the hint."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "/nothing")
    monkeypatch.setattr(family, "programs", lambda _: pytest.fail("something was built for a cluster that cannot be"))
    assert main(["cluster", "up"]) == 7
    told = capsys.readouterr().err
    assert "nsenter" in told
    assert "apt-get install" in told


@pytest.mark.parametrize(
    "arguments", [["up", "--nodes", "101"], ["up", "--nodes", "-1"], ["up", "--cpus", "257"], ["sideways"], ["status", "now"]]
)
def test_wrong_arguments_are_exit_2(arguments: list[str]) -> None:
    """Out of range, unknown or too many: refused before anything starts."""
    assert main(["cluster", *arguments]) == 2


def test_a_number_without_addresses_is_exit_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The variable is named, with what it may be."""
    monkeypatch.setenv("CMCTL_CLUSTER_NUMBER", "99")
    assert main(["cluster", "status"]) == 2
    assert "0 … 31" in capsys.readouterr().err
