"""The door: help is quick and light, every failure has one shape and one exit code."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import sys

import pytest

import cli
from commands import ui
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


@pytest.mark.parametrize(
    ("words", "path"), [(["dploy"], "cmctl"), (["host", "resize", "x"], "cmctl host resize"), (["lab", "fault", "nope"], "cmctl lab fault")]
)
def test_help_of_what_was_meant(words: list[str], path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong word names the help of the command that does not know it: its whole path, and never a command that is not there."""
    assert cli.main(words) == 2
    assert f"try:  {path} --help" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["host"], ["cost", "prices"]])
def test_a_group_answers_with_what_it_has(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A group without a command is its help, exit 2, and no failure is told."""
    assert cli.main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("Usage: cmctl")
    assert (shown.out, "✗" in shown.err) == ("", False)


def test_a_refusal_after_the_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has printed his document and then finds that the answer is no exits so, and prints no second one; the next command may."""

    def refused(**_: object) -> None:
        ui.emit("cmctl/preview/1", {"changes": ["one"]})
        raise GateRefused("1 resources would change")

    with monkeypatch.context() as patch:
        patch.setattr(cli, "app", refused)
        assert cli.main(["preview", "--check", "--json"]) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["changes"] == ["one"]
    assert "would change" in shown.err
    assert cli.main(["dploy", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_words_of_another_program(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` behind `--` is the other program's: nothing of ours is on stdout."""
    assert cli.main(["exec", "--nope", "backend", "--env", "nowhere", "--", "mongosh", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_what_the_machine_refuses_is_no_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk, or a folder that nobody may write to, is exit 1 with the file and the system's own words."""

    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/out")

    monkeypatch.setattr(cli, "app", full)
    assert cli.main(["render"]) == 1
    err = capsys.readouterr().err
    assert "/srv/out: No space left on device" in err
    assert "this is a bug" not in err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_locale(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale without our signs gets others in their place, and never a failure."""
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding=encoding))
    assert cli.main(["cost", "--phase", "2"]) == 0
    assert b"$500 / 50,000" in shown.getvalue()


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream(closed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who closes a stream gets the other one as it is: no talk on stdout, no failure."""
    monkeypatch.setattr(sys, closed, None)
    assert [cli.main(["phases", *more]) for more in ([], ["--json"], ["--nope"])] == [0, 0, 2]
    getattr(sys, closed).close()
    shown = capsys.readouterr()
    assert ("Codementee" in shown.out, "--nope" in shown.err) == ((False, True) if closed == "stdout" else (True, False))
    assert "next:" not in shown.out


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("true", True), ("0", False), ("false", False), ("", False)])
def test_a_traceback_where_it_is_asked_for(
    value: str, shown: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CMCTL_DEBUG=0 is no wish for tracebacks."""
    monkeypatch.setenv("CMCTL_DEBUG", value)
    assert cli.main(["phases", "--platform", "nope"]) == 2
    assert ("Traceback" in capsys.readouterr().err) == shown
