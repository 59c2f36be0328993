"""The help of every command: whole on a terminal, and nothing in it without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

import cli


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


@pytest.mark.parametrize(("words", "says"), [(["cost"], "by default all"), (["destroy"], "Number of the phase that goes")])
def test_a_phase_that_is_not_the_live_one(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no --phase means something else than the live one, its help does not say "the one that is live"."""
    assert cli.main([*words, "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert says in told
    assert "the one that is live" not in told
