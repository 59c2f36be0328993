"""Cookies are kept and sent as a browser does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.cookies import MOST, Jar


def jar(*lines: str, site: str = "https://shop.example.org", asked: str = "/a/b?x=1") -> Jar:
    made = Jar(site)
    made.take(lines, asked)
    return made


@pytest.mark.parametrize(
    ("line", "asked", "sent"),
    [
        ("a=1", "/a/c", "a=1"),
        ("a=1", "/other", ""),
        ("a=1; Path=/", "/other?q=/", "a=1"),
        ("a=1; path=/x", "/x", "a=1"),
        ("a=1; path=/x", "/x/y", "a=1"),
        ("a=1; path=/x", "/xy", ""),
        ("a=1; Path=nowhere", "/a/b", "a=1"),
        ("a=b=c; Path=/", "/", "a=b=c"),
        (" a = 1 ;Path=/;HttpOnly;SameSite=Strict", "/", "a=1"),
        ("a=; Path=/", "/", "a="),
        ("a; Path=/", "/", ""),
        ("=1; Path=/", "/", ""),
        ("a=1; Path=/; Max-Age=0", "/", ""),
        ("a=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", "a=1"),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/", ""),
        ("a=1; Path=/; Expires=Thu, 01 Jan 2970 00:00:00 GMT", "/", "a=1"),
        ("a=1; Path=/; Expires=soon; Max-Age=later", "/", "a=1"),
        ("a=1; Path=/; Domain=example.org", "/", "a=1"),
        ("a=1; Path=/; Domain=.shop.example.org", "/", "a=1"),
        ("a=1; Path=/; Domain=org", "/", ""),
        ("a=1; Path=/; Domain=evil.example.org", "/", ""),
        ("a=1; Path=/; Domain=op.example.org", "/", ""),
        (f"a={'x' * 5000}; Path=/", "/", ""),
    ],
)
def test_one_cookie(line: str, asked: str, sent: str) -> None:
    """Path, domain, age and size decide whether a cookie is taken and where it is sent."""
    assert jar(line).header(asked) == sent


@pytest.mark.parametrize(
    ("site", "sent"), [("https://a.org", "a=1"), ("http://a.org", ""), ("http://localhost:8080", "a=1"), ("http://127.0.0.1", "a=1")]
)
def test_secure_cookies_need_a_secure_site(site: str, sent: str) -> None:
    """A secure cookie is taken over TLS and on this machine, nowhere else."""
    assert jar("a=1; Path=/; Secure", site=site).header("/") == sent


def test_a_cookie_is_replaced_and_taken_back() -> None:
    """The same name, domain and path is the same cookie; an answer can end it, and the longest path goes first."""
    one = jar("a=1; Path=/", "b=2", "a=3; Path=/", "c=4; Path=/")
    assert one.header("/a/x") == "b=2; a=3; c=4"
    one.take(["a=; Path=/; Max-Age=-1"], "/")
    assert (one.header("/a/x"), one.value("a"), one.value("c")) == ("b=2; c=4", None, "4")
    assert not jar()


def test_many_cookies_have_an_end() -> None:
    """A site cannot fill the memory: the oldest go."""
    one = jar(*(f"n{number}=1; Path=/" for number in range(MOST + 5)))
    assert len(one.header("/").split("; ")) == MOST
    assert one.value("n4") is None


@given(st.lists(st.text()), st.text())
def test_no_line_breaks_the_jar(lines: list[str], asked: str) -> None:
    """Whatever a site sets, the answer is cookies or none."""
    one = jar(*lines, asked="/" + asked)
    assert isinstance(one.header("/" + asked), str)
