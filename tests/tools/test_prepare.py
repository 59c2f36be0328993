"""What the live suites need is brought first, or said in a person's words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from errors import Unreachable
from tools import browser, prepare, scanners, toolchain


def test_the_engine_and_both_programs_are_brought(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The talk goes to stderr and names where each program is; what a suite alone needs comes only when it is named."""
    monkeypatch.setattr(prepare, "install_and_start", lambda report: report("the container engine runs: Docker 20.10"))
    monkeypatch.setattr(toolchain, "pulumi", lambda _: Path("/cache/pulumi"))
    monkeypatch.setattr(toolchain, "ferretdb", lambda _: Path("/cache/ferretdb"))
    monkeypatch.setattr(prepare, "bring_lab", lambda: prepare.say("lab: /cache/lab"))
    monkeypatch.setattr(browser, "install", lambda report: report("the browser is there"))
    always = ["the container engine runs: Docker 20.10", "pulumi: /cache/pulumi", "ferretdb: /cache/ferretdb"]
    monkeypatch.setattr(prepare, "bring_cluster", lambda: prepare.say("kubernetes: /cache/kubernetes"))
    monkeypatch.setattr(scanners, "scanners", lambda _: SimpleNamespace(schemas="/cache/schemas"))
    cluster, scanning = ["kubernetes: /cache/kubernetes"], ["scanners: /cache/schemas"]
    for arguments, more in (((), []), (("lab", "browser"), ["lab: /cache/lab", "the browser is there"])):
        assert prepare.main(arguments) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert err.splitlines() == always + more
    for wanted, first in ((["cluster"], cluster), (["cluster", "scanners"], cluster + scanning)):
        assert prepare.main(wanted) == 0
        assert capsys.readouterr().err.splitlines() == [always[0], *first, *always[1:]]


def test_a_missing_engine_ends_with_its_exit_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback: what, why, what to try, and exit 7."""

    def refused(_: object) -> None:
        raise Unreachable("no container engine is installed", hint="sudo apt-get install docker.io")

    monkeypatch.setattr(prepare, "install_and_start", refused)
    assert prepare.main() == 7
    assert capsys.readouterr().err == "no container engine is installed\ntry: sudo apt-get install docker.io\n"
