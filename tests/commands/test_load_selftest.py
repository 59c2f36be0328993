"""`cmctl loadtest selftest`: what it tells of rows, and how it ends. The services themselves are played in the live suite."""

from __future__ import annotations

import json

import pytest

import cli
from loadtests import hunt, run
from loadtests.result import Verdict
from loadtests.selftest import SERVICES, Expected, Row


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> dict[str, Row]:
    """Rows by service: found 2 % low unless a test changes one."""
    rows = {
        one.name: Row(one, one.verdict, *((None,) * 4 if one.verdict is not Verdict.PASS else (400.0, 392.0, 385.0, 405.0)), 100.0)
        for one in SERVICES
    }
    monkeypatch.setattr(run, "judged", lambda expected, seed, profile, on_progress: rows[expected.name])
    return rows


def test_every_service_is_judged(played: dict[str, Row], capsys: pytest.CaptureFixture[str]) -> None:
    """Six services: four with a limit to be found, a stall that holds no load, a starved generator; accuracy stands below."""
    assert cli.main(["loadtest", "selftest"]) == 0
    seen = capsys.readouterr()
    assert [line.split()[0] for line in seen.out.splitlines()[1:]] == ["mmc", "cliff", "errors", "retrograde", "stall", "starved"]
    assert "-2.0%" in seen.out
    assert "6 of 6 services judged right; median error 2.0%, worst 2.0%" in seen.err


@pytest.mark.parametrize(
    ("service", "update"),
    [
        ("mmc", {"found": 300.0}),
        ("mmc", {"verdict": Verdict.INVALID}),
        ("errors", {"verdict": Verdict.FAIL}),
        ("stall", {"verdict": Verdict.PASS}),
        ("starved", {"verdict": Verdict.FAIL}),
        ("cliff", {"found": None, "low": None, "high": None}),
    ],
)
def test_a_wrong_judgement_is_exit_3(
    played: dict[str, Row], capsys: pytest.CaptureFixture[str], service: str, update: dict[str, object]
) -> None:
    """A limit that is 25 % off or not found, a healthy service that is blamed, a stall that passes, a starved generator that is not noticed: exit 3, marked in the table."""
    played[service] = Row(**{**vars(played[service]), **update})
    assert cli.main(["loadtest", "selftest", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [one["service"] for one in document["services"] if not one["right"]] == [service]


def test_one_service_alone(played: dict[str, Row], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--only` picks services, `--full` gives them five minutes each."""
    asked: list[tuple[str, str]] = []

    def judged(expected: Expected, seed: int, profile: hunt.Profile, _: object) -> Row:
        asked.append((expected.name, profile.name))
        return played[expected.name]

    monkeypatch.setattr(run, "judged", judged)
    assert cli.main(["loadtest", "selftest", "--only", "mmc", "--only", "stall", "--full"]) == 0
    assert asked == [("mmc", "default"), ("stall", "default")]


def test_an_unknown_service_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A service that there is not is exit 2, and the known ones are named."""
    assert cli.main(["loadtest", "selftest", "--only", "moon"]) == 2
    assert "known: mmc, cliff, errors, retrograde, stall, starved" in capsys.readouterr().err
