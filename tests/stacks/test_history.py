"""Expected times come from this environment's own history."""

from __future__ import annotations

from pathlib import Path

from stacks.history import Entry, add, expected_s, path, read


def entry(seconds: float, code: int = 0, layers: tuple[str, ...] = ("phase2",)) -> Entry:
    return Entry("2026-11-21T00:00:00+00:00", "deploy", 2, "1.0.0", layers, seconds, code)


def test_history_survives_a_cut_line(tmp_path: Path) -> None:
    """A line that a crash cut off is passed over; the others stay."""
    add(tmp_path, "shop", "local", entry(3.0))
    with path(tmp_path, "shop", "local").open("a", encoding="utf-8") as file:
        file.write('{"when": "2026')
    assert read(tmp_path, "shop", "local") == [entry(3.0)]


def test_expected_time_is_the_median_of_the_like() -> None:
    """Only runs of the same kind that ended well count, the last five of them; without any nothing is expected."""
    entries = [
        entry(100.0),
        *(entry(seconds) for seconds in (10.0, 12.0, 11.0, 14.0, 13.0)),
        entry(1.0, code=4),
        entry(2.0, layers=("data",)),
    ]
    assert expected_s(entries, "deploy", 2, ("phase2",)) == 12.0
    assert expected_s(entries, "deploy", 3, ("phase2",)) is None
