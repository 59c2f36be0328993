"""What is made of an answer: its content within bounds, and what a refusal may show of it."""

from __future__ import annotations

import gzip
import json
from random import Random
from urllib.parse import quote

import pytest

from loadtests.journeys import step
from loadtests.recorder import LARGE
from loadtests.rehearsal import Failed
from loadtests.visits import Visit
from loadtests.wire import MOST_BYTES, Answer, header

SECRET = 'of & "all"/ü'


def refused(answer: Answer, name: str = "GET /a", **hidden: str) -> str:
    """The reason that a refusal gives for an answer."""
    going = Visit("j", (step(name),), Random(1), site="https://a.example.org")
    assert not going.answered(going.steps[0], answer.outcome, answer.body, answer.header)
    return Failed(going, going.steps[0], answer, hidden).refusal.why


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"plain", b"plain"), (gzip.compress(b"packed"), b"packed"), (gzip.compress(b"torn")[:-4], b""), (b"\x1f\x8bno gzip", b""),
        (gzip.compress(bytes(MOST_BYTES)), bytes(MOST_BYTES)), (gzip.compress(bytes(MOST_BYTES + 1)), b""),
    ],
    ids=["plain", "packed", "torn", "no gzip", "32 MB", "more"],
)  # fmt: skip
def test_content_is_unpacked_within_bounds(sent: bytes, read: bytes) -> None:
    """Content is unpacked; what is torn, or grows beyond 32 MB, is none."""
    assert Answer(200, sent).body() == read


def test_headers_are_lists() -> None:
    """One line, several lines and none all come as a list."""
    assert [list(header(heads, "a")) for heads in ({"a": "1"}, {"a": ["1", "2"]}, {}, None)] == [["1"], ["1", "2"], [], []]


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        quote(SECRET, ""),
        json.dumps(SECRET, ensure_ascii=False),
        f"?p={quote(SECRET, '')}&x",
        json.dumps({"a": [SECRET]}),
    ],
)
def test_a_value_that_was_given_is_never_shown(written: str) -> None:
    """A service may say again what it was told: the name stands there instead, however it was written; short values are words like others."""
    why = refused(Answer(500, f"no: {written}".encode()), pin=SECRET, page="no")
    assert "{pin}" in why
    assert not any(part in why for part in (SECRET, quote(SECRET, ""), 'of & \\"all'))
    assert "no: " in why


def test_what_lets_somebody_in_is_not_shown() -> None:
    """Tokens, passwords and sessions of a JSON answer are left out, what is beside them is not."""
    answer = {"accessToken": "eyJ", "user": {"name": "ann", "password_hash": "$2b$"}, "SESSION": "s-1", "detail": "no cart"}
    why = refused(Answer(500, json.dumps(answer).encode()))
    assert not any(secret in why for secret in ("eyJ", "$2b$", "s-1"))
    assert '"name": "ann"' in why
    assert '"detail": "no cart"' in why


def test_a_redirect_elsewhere_says_what_to_do() -> None:
    """The other host is named, and how to load that one or to mean the redirect."""
    why = refused(Answer(301, b"", {"location": "https://www.example.org/"}))
    assert why.startswith("expected a status from 200 to 399, but it leads to another host, www.example.org: load that one (--url), or ")
    assert "answered" not in refused(Answer(LARGE))
