"""A second `up` may add hosts; for another kind of lab the first has to go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from errors import BadInput
from tools.lab.making import grown, refuse_folders
from tools.lab.record import Record

NONE = Record("lab")
UP = Record("lab", hosts=3, disk_gib=8)


def test_the_first_up_gets_what_it_asks_for() -> None:
    """No lab is there: any kind and size."""
    wish = Record("lab", hosts=2, bare=True, disk_gib=5, memory_mb=1024)
    assert grown(NONE, wish) == wish


@pytest.mark.parametrize(("asked", "hosts"), [(5, 5), (3, 3), (1, 3)])
def test_hosts_are_added_and_never_taken(asked: int, hosts: int) -> None:
    """More hosts than there are: they are added. Fewer: nothing goes."""
    assert grown(UP, replace(UP, hosts=asked)).hosts == hosts


@pytest.mark.parametrize("other", [{"bare": True}, {"subnet": "10.78.0.0/24"}, {"disk_gib": 9}, {"memory_mb": 512}])
def test_another_kind_of_lab_is_refused(other: dict[str, object]) -> None:
    """Kind, network and sizes stay as long as the lab is up; the hint takes it down."""
    with pytest.raises(BadInput, match="is up as") as refused:
        grown(UP, replace(UP, **other))
    assert "cmctl lab down --name lab" in refused.value.hint


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"hosts": 0}, "0 hosts"),
        ({"disk_gib": 0}, "not 1 to 1000"),
        ({"disk_gib": 5000}, "not 1 to 1000"),
        ({"memory_mb": 64}, "less than the 256"),
    ],
)
def test_a_size_that_cannot_be_is_refused(wrong: dict[str, int], says: str) -> None:
    """No hosts, no disk, no memory: refused with what would be right."""
    with pytest.raises(BadInput) as refused:
        grown(NONE, replace(UP, **wrong))
    assert says in refused.value.why


@pytest.mark.parametrize("name", ["with space", "a:b", "a,b", "a\\b"])
def test_a_folder_that_mount_would_take_apart_is_refused(name: str) -> None:
    """The layers of a host's root are one option of mount: a path that would end it is refused before anything is made."""
    with pytest.raises(BadInput, match="cannot hold a lab"):
        refuse_folders(Path("/home"), Path("/home") / name)
    refuse_folders(Path("/home/some-body_1.2"))
