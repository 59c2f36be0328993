"""Where no lab can be is said at once; what is missing is installed, and said first."""

from __future__ import annotations

import os

import pytest

import cli
from errors import CmctlError, Unreachable
from tests.tools.machines import FakeMachine
from tools.lab import needs
from tools.lab.needs import PROGRAMS
from tools.machine import Answer

FINE = Answer(0)


def silent(_: str) -> None:
    pass


def test_a_user_who_is_not_root_is_told_to_be() -> None:
    """Nothing is asked or installed; exit 7 with the command."""
    machine = FakeMachine(root=False)
    with pytest.raises(Unreachable, match="a lab needs root") as refused:
        needs.install(silent, machine)
    assert refused.value.exit_code == 7
    assert refused.value.hint.startswith("sudo ")
    assert machine.asked == []


@pytest.mark.parametrize("verb", [["up"], ["down"], ["status"], ["fault", "kill", "1"], ["fault", "slow", "1", "--ms", "5"]])
def test_every_verb_needs_root(verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line refuses with exit 7 before it touches anything."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main(["lab", *verb]) == 7
    assert "a lab needs root" in capsys.readouterr().err


def test_a_machine_with_everything_is_left_alone() -> None:
    """No program is missing: apt is not run and nothing is said."""
    machine, said = FakeMachine(programs=set(PROGRAMS)), []
    needs.install(said.append, machine)
    assert machine.asked == said == []


def test_only_what_is_missing_is_installed() -> None:
    """apt gets the packages of the missing programs, after the talk has named them."""
    machine = FakeMachine({"apt-get": FINE}, {*PROGRAMS, "apt-get"} - {"nft", "mmdebstrap"})
    said: list[str] = []
    needs.install(said.append, machine)
    assert machine.asked == ["apt-get update -qq", "apt-get install -y -qq --no-install-recommends mmdebstrap nftables"]
    assert "mmdebstrap nftables" in said[0]


def test_another_distribution_is_told_what_is_missing() -> None:
    """Without apt: exit 7 and the packages by name."""
    with pytest.raises(Unreachable) as refused:
        needs.install(silent, FakeMachine(programs=set(PROGRAMS) - {"nft"}))
    assert "nftables" in refused.value.why


def test_a_failing_apt_is_told_with_its_last_lines() -> None:
    """apt's own words are the reason."""
    machine = FakeMachine({"apt-get": Answer(100, err="E: Could not get lock")}, {"apt-get"})
    with pytest.raises(CmctlError, match="apt-get update failed") as failed:
        needs.install(silent, machine)
    assert "lock" in failed.value.why
