"""One lab per home, one home per name, and nobody meets a half-made one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from errors import BadInput
from tools.lab import record
from tools.lab.record import Record


@pytest.fixture(autouse=True)
def run(tmp_path: Path, private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "RUN", tmp_path / "run")
    return tmp_path / "run"


def test_what_was_asked_for_is_known_again(run: Path) -> None:
    """The record says name, subnet, number and kind; the name's file says whose home it is."""
    asked = Record("one", "10.78.0.0/24", 3, bare=True)
    with record.alone("one") as owner:
        record.write(asked, owner)
    assert record.read() == asked
    assert (run / "one").read_text().strip() == str(record.folder())
    assert (record.folder() / "lab.json").stat().st_mode & 0o777 == 0o600


def test_a_home_has_one_lab() -> None:
    """A second name in the same home is refused, and the hint takes the first down."""
    with record.alone("one") as owner:
        record.write(Record("one", hosts=1), owner)
    with record.alone("two") as owner, pytest.raises(BadInput) as refused:
        record.refuse_a_second(owner, Record("two"))
    assert "--name one" in refused.value.hint


def test_a_name_has_one_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name from another home is refused while the first home is there; a home that is gone owns nothing."""
    first = record.folder()
    with record.alone("one") as owner:
        record.write(Record("one", hosts=1), owner)
    monkeypatch.setenv("CMCTL_HOME", str(tmp_path / "other"))
    with record.alone("one") as owner:
        with pytest.raises(BadInput, match="belongs to"):
            record.refuse_a_second(owner, Record("one"))
        (first / "lab.json").unlink()
        (first / ".lock").unlink(missing_ok=True)
        first.rmdir()
        record.refuse_a_second(owner, Record("one"))


def test_a_refused_lab_leaves_no_file(run: Path) -> None:
    """A name that was held and not taken is gone with its folder."""
    with record.alone("one"):
        assert (run / "one").exists()
    assert not run.exists()


def test_one_at_a_time(run: Path) -> None:
    """Many at once: never two inside, although each removes the file that the others wait for."""
    inside, most, errors = 0, 0, []
    gate = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        try:
            for _ in range(20):
                with record.alone("one"):
                    with gate:
                        inside += 1
                        most = max(most, inside)
                    with gate:
                        inside -= 1
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (most, errors) == (1, [])
    assert not run.exists()
