"""The door: help is quick and light, every failure has one shape and one exit code."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import cli
from errors import BadInput, CannotTell, CmctlError, GateRefused, Interrupted, Locked, RolledBack, Unreachable


def test_help_imports_no_engine() -> None:
    """`cmctl --help` loads neither Pulumi nor Locust nor rich's help pages."""
    code = (
        "import sys, cli; cli.main(['--help']); print([m for m in ('pulumi','locust','grpc','rich.markdown','scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_unknown_command_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command is exit 2, and the text says what to try."""
    assert cli.main(["dploy"]) == 2
    assert "try:" in capsys.readouterr().err


def test_unknown_option_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json a failure is one document on stdout with its exit code."""
    assert cli.main(["phases", "--nope", "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "cmctl/error/1"
    assert document["exit_code"] == 2


EXITS = {CmctlError: 1, BadInput: 2, GateRefused: 3, RolledBack: 4, Locked: 5, CannotTell: 6, Unreachable: 7, Interrupted: 130}


@pytest.mark.parametrize(("kind", "code"), EXITS.items())
def test_exit_codes(kind: type[CmctlError], code: int) -> None:
    """Every kind of failure has the exit code of the design, and its text holds what, why and what to try."""
    error = kind("what", why="why", hint="hint", read="read")
    assert error.exit_code == code
    assert str(error) == "what\nwhy: why\ntry: hint\nread: read"


def test_a_bug_shows_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unforeseen exception becomes a short text with exit 1, without a traceback."""

    def broken(**_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(cli, "app", broken)
    assert cli.main(["phases"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err
