"""The door: help is quick and light, every failure has one shape and one exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

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

    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("phases.load.load", broken)
    assert cli.main(["phases"]) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err


def every(command: Any, name: str = "cmctl") -> Iterator[tuple[str, Any]]:
    """A command and those below it, with the words that name them."""
    yield name, command
    for word, one in getattr(command, "commands", {}).items():
        yield from every(one, f"{name} {word}")


def test_lists_of_commands_are_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal of 80 columns no command's line is cut off."""
    monkeypatch.setenv("COLUMNS", "80")
    groups = [name for name, command in every(typer.main.get_command(cli.app)) if hasattr(command, "commands")]
    for name in groups:
        assert cli.main([*name.split()[1:], "--help"]) == 0
        assert "..." not in capsys.readouterr().out.partition("Commands:")[2], name
    assert len(groups) > 5


def test_everything_explains_itself() -> None:
    """Every command, argument and option says what it is for."""
    for name, command in every(typer.main.get_command(cli.app)):
        assert command.help, name
        assert [one.name for one in command.params if not one.help] == [], name
