"""The commands of a hint are those of the place that the failed command was about."""

from __future__ import annotations

import json

import pytest
from typer.main import get_command

from cli import app, main
from commands.hints import here
from errors import CmctlError

CASES = [
    ("cmctl status", "deploy --phase 2 --env production --yes", "cmctl status --env production"),
    ("cmctl deploy", "rollback --phase 2 -e production", "cmctl deploy --phase 2 --env production"),
    ("cmctl deploy --version says which one", "rollback --env=lab", "cmctl deploy --phase N --env lab --version says which one"),
    (
        "look at cmctl status, then go on",
        "rollback --env lab --platform shop",
        "look at cmctl status --env lab --platform shop, then go on",
    ),
    ("cmctl status; cmctl logs", "drain app1 --env lab", "cmctl status --env lab; cmctl logs --env lab"),
    ("cmctl drain app2 --back", "drain app1 --env lab", "cmctl drain --env lab app2 --back"),
    ("cmctl drift --phase 1 --env stage --fix", "adopt --env lab", "cmctl drift --phase 1 --env stage --fix"),
    (
        "cmctl doctor --fix, once the cause above is mended",
        "deploy --phase 2 --env lab",
        "cmctl doctor --fix, once the cause above is mended",
    ),
    ("cmctl images", "deploy --phase 1 --env lab", "cmctl images --phase 1 --env lab"),
    ("cmctl images", "rollback --env lab", "cmctl images --env lab"),
    ("cmctl status", "exec backend -- app --env other", "cmctl status"),
    ("cmctl status", "rollback -elab --to 3", "cmctl status --env lab"),
    ("cmctl deploy", "preview -p2 -e lab -eproduction", "cmctl deploy --phase 2 --env production"),
    ("cmctl deploy --phase 2", ["logs", "", "--tail", "5"], "cmctl deploy --phase 2"),
    ("cmctl status", ["rollback", "--env", "my lab; ls"], "cmctl status --env 'my lab; ls'"),
    ("cmctl status", "host add app1", "cmctl status --env production"),
    ("cmctl status", "--debug host add app1 --env stage", "cmctl status --env stage"),
    ("cmctl host add app1", "status", "cmctl host add --env local app1"),
    ("cmctl deploy", "cluster load", "cmctl deploy --phase 3 --env lab"),
    ("cmctl deploy --help", "deploy --env lab", "cmctl deploy --help"),
    ("cmctl's own folder", "deploy --env lab", "cmctl's own folder"),
    ("sudo .venv/bin/cmctl images", "deploy --env lab", "sudo .venv/bin/cmctl images"),
]


@pytest.mark.parametrize(("hint", "typed", "shown"), CASES)
def test_hint_is_about_the_same_place(hint: str, typed: str | list[str], shown: str) -> None:
    """A command in a hint gets the environment and the platform that were typed, and a phase where it cannot do without one."""
    assert here(hint, get_command(app), typed.split() if isinstance(typed, str) else typed) == shown


def test_the_variable_holds_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that CMCTL_ENV names is named for the hint's command too."""
    monkeypatch.setenv("CMCTL_ENV", "lab")
    assert here("cmctl status", get_command(app), ["host", "add", "app1"]) == "cmctl status"


def test_the_door_places_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What a failed command says to try is about the place that was named, for people and in the document."""

    def failing(*_: object) -> None:
        raise CmctlError("no", hint="cmctl status")

    monkeypatch.setattr("phases.load.load", failing)
    assert main(["phases", "--platform", "shop", "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["hint"] == "cmctl status --platform shop"
    assert "try:  cmctl status --platform shop\n" in shown.err
