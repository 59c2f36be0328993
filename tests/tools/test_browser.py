"""The browser for reports comes where it can, and is told first."""

from __future__ import annotations

import pytest

from errors import CmctlError
from tests.tools.machines import FakeMachine
from tools import browser
from tools.machine import Answer


def test_it_is_installed_where_it_is_missing() -> None:
    """As root with apt-get, package lists and browser are brought, after the line that says so."""
    machine, told = FakeMachine(answers={"apt-get": Answer(0)}, programs={"apt-get"}), list[str]()
    browser.install(told.append, machine)
    assert [line.split()[1] for line in machine.asked] == ["update", "install"]
    assert "chromium" in told[0]


@pytest.mark.parametrize(("programs", "root"), [({"apt-get", "chromium"}, True), ({"apt-get"}, False), (set[str](), True)])
def test_nothing_is_done_elsewhere(programs: set[str], root: bool) -> None:
    """Where it is there, without root, or without apt-get nothing is run."""
    machine = FakeMachine(programs=programs, root=root)
    browser.install(lambda _: None, machine)
    assert machine.asked == []


def test_a_failure_is_told() -> None:
    """A package manager that fails ends with its last words."""
    machine = FakeMachine(answers={"apt-get": Answer(100, err="no space left on device")}, programs={"apt-get"})
    with pytest.raises(CmctlError) as caught:
        browser.install(lambda _: None, machine)
    assert "no space left" in caught.value.why
