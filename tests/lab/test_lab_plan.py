"""Names and addresses of a lab follow from its name, its subnet and the number of its hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.load import load
from errors import BadInput
from tools.lab.plan import LEGAL, MOST, plan


def test_the_default_lab_is_the_environments() -> None:
    """Four hosts have the names and addresses that environments/lab.yaml gives them, and this machine has the first address."""
    made = plan("lab", "10.77.0.0/24", 4)
    assert {host.name: host.address for host in made.hosts} == {name: host.address for name, host in load("lab").hosts.items()}
    assert str(made.gateway) == "10.77.0.1"


def test_hosts_beyond_the_environments_have_names_too() -> None:
    """A fifth host is called by its number."""
    assert plan("lab", "10.77.0.0/24", 5).host(5).name == "host5"


@given(name=st.from_regex(LEGAL, fullmatch=True), third=st.integers(0, 255), count=st.integers(0, MOST))
def test_nothing_is_shared_within_a_lab_and_names_fit_the_kernel(name: str, third: int, count: int) -> None:
    """Whatever the lab: addresses, MACs, namespaces, groups and ports are each host's own, and no interface's name exceeds 15 characters."""
    made = plan(name, f"10.{third}.7.0/24", count)
    for one in ("address", "mac", "namespace", "group", "port", "name"):
        assert len({getattr(host, one) for host in made.hosts}) == count
    assert made.gateway not in {host.address for host in made.hosts}
    assert len(made.uplink) <= 15


def test_two_labs_share_nothing() -> None:
    """Labs of another name and subnet can run beside each other."""
    one, two = plan("one", "10.77.0.0/24", 4), plan("two", "10.78.0.0/24", 4)
    for what in ("address", "mac", "namespace", "group"):
        assert not {getattr(host, what) for host in one.hosts} & {getattr(host, what) for host in two.hosts}
    assert one.switch != two.switch
    assert one.uplink != two.uplink


@pytest.mark.parametrize(
    ("name", "subnet", "count", "says"),
    [
        ("Lab", "10.77.0.0/24", 4, "small letters"),
        ("my-lab", "10.77.0.0/24", 4, "small letters"),
        ("a" * 12, "10.77.0.0/24", 4, "1 to 11"),
        ("", "10.77.0.0/24", 4, "1 to 11"),
        ("lab", "10.77.0.0/16", 4, "256 addresses"),
        ("lab", "10.77.0.5/24", 4, "256 addresses"),
        ("lab", "8.8.8.0/24", 4, "private"),
        ("lab", "127.0.0.0/24", 4, "private"),
        ("lab", "fleet", 4, "private"),
        ("lab", "10.77.0.0/24", MOST + 1, "1 to 20"),
        ("lab", "10.77.0.0/24", -1, "1 to 20"),
    ],
)
def test_what_cannot_be_is_refused(name: str, subnet: str, count: int, says: str) -> None:
    """A wrong name, subnet or number is refused with what would be right."""
    with pytest.raises(BadInput) as refused:
        plan(name, subnet, count)
    assert says in refused.value.why


def test_everything_wrong_is_told_at_once() -> None:
    """Three mistakes are three lines of one refusal."""
    with pytest.raises(BadInput) as refused:
        plan("LAB", "8.8.8.8", 99)
    assert len(refused.value.why.splitlines()) == 3


def test_an_unknown_host_is_refused_with_those_that_exist() -> None:
    """A host goes by number or name; another is refused with the list."""
    made = plan("lab", "10.77.0.0/24", 2)
    assert made.host("app1") is made.host(2) is made.host("2")
    with pytest.raises(BadInput) as refused:
        made.host(3)
    assert "1 (lb1), 2 (app1)" in refused.value.why
