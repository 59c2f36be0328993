"""What people type becomes values, or a sentence that says what the option takes."""

from __future__ import annotations

import pytest

from commands import parse
from errors import BadInput


@pytest.mark.parametrize(("text", "expected"), [(None, None), ("none", ()), ("5", (5,)), ("5,25,50", (5, 25, 50)), ("5, 25", (5, 25))])
def test_shares(text: str | None, expected: tuple[int, ...] | None) -> None:
    """Steps in per cent, none of them, or nothing said."""
    assert parse.shares(text) == expected


@pytest.mark.parametrize("text", ["", "5,,25", "a", "25,5", "5,5", "5%", "-5"])
def test_wrong_shares(text: str) -> None:
    """Steps that are no numbers, or do not grow, are refused with an example."""
    with pytest.raises(BadInput) as caught:
        parse.shares(text)
    assert caught.value.hint == "--canary 5,25,50"


@pytest.mark.parametrize(
    ("text", "expected"), [(None, None), ("90", 90), ("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("0s", 0)]
)
def test_seconds(text: str | None, expected: int | None) -> None:
    """A number with its unit; without one it is seconds."""
    assert parse.seconds(text, "--wait") == expected


@pytest.mark.parametrize("text", ["", "h", "-1s", "1.5h", "1 h", "9999999s"])
def test_wrong_seconds(text: str) -> None:
    """What is no time is refused by the option's name."""
    with pytest.raises(BadInput, match="--wait"):
        parse.seconds(text, "--wait")


SINCE = [
    ("", ""), ("10m", "10m"), ("1h30m", "1h30m"), ("45s", "45s"), ("2d", "48h"), ("2026-11-21", "2026-11-21T00:00:00"),
    ("2026-11-21T08:00:00Z", "2026-11-21T08:00:00+00:00"), ("2026-11-21 08:00", "2026-11-21T08:00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "taken"), SINCE)
def test_since(text: str, taken: str) -> None:
    """How long ago, days too, or a day or time as people write it."""
    assert parse.since(text) == taken


@pytest.mark.parametrize("text", ["yesterday", "m", "10", "1.5h", "30m1h", "-10m", "2026-13-01", "10 m"])
def test_since_when(text: str) -> None:
    """What the container engine would not take, and say among the log lines, is refused."""
    with pytest.raises(BadInput, match="takes how long ago, or a time"):
        parse.since(text)
