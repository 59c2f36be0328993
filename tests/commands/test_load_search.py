"""`cmctl loadtest` as a search: what it asks for, says, writes and leaves for `cost`."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree

import pytest

import cli
from commands import load_live, load_plan, load_watch
from costs.capacity import read
from environments.home import home
from environments.load import load as load_environment
from loadtests import capacity, conclude, hunt, run
from loadtests.plan import Plan, Probe
from loadtests.progress import Narrowed, Prepared, Probed, Progress, Second, Started
from loadtests.result import CapacityResult, FoundLimit, Machine, Verdict
from loadtests.stations import station
from phases.load import load as load_phases
from tests.loadtests import imitation
from tests.loadtests.json_fit import misfits

MACHINE = Machine(text="2 cores, 8 GB", fingerprint="0123456789ab")
SHORT = hunt.Profile("quick", 150.0, closed_s=2.0, warmup_s=4.0, probe_s=14.0, sustain_s=14.0, fewest=4)


@functools.cache
def found(limits_ms: tuple[float, ...]) -> tuple[hunt.Found, tuple[Progress, ...]]:
    """One real search of a queue with eight servers, and what was said meanwhile."""
    service, heard = imitation.Service(imitation.plan(*limits_ms), lambda seed: station("mmc", seed), seed=11), list[Progress]()
    done = hunt.Hunt(service.plan, SHORT, service.measure, heard.append, service.now, allow_overload=True).run()
    return done, tuple(heard)


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch, private_home: Path) -> list[Plan]:
    """The plans that the command made. The queue's search answers all of them; everything that follows from it is real."""
    made: list[Plan] = []

    def searched(plan: Plan, on_progress: run.OnProgress, **terms: object) -> CapacityResult:
        made.append(plan)
        done, heard = found(plan.limits_ms)
        for event in heard:
            on_progress(event)
        around = conclude.Circumstances(
            "2026-11-21T03:00:00+00:00", MACHINE, cast("dict[int, capacity.Ratio]", terms["ratios"]), 100.0, "quick"
        )
        return conclude.conclude(plan, done, around, {step.measured.probe.name: {"CPU of backend-1": 0.97} for step in done.steps})

    monkeypatch.setattr(run, "capacity", searched)
    return made


def test_a_search_is_kept_and_costs_read_it(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    """After `loadtest --quick` the cost per user stands on the measured users, and both commands say the same number."""
    assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "cmctl/capacity-test/1"
    users = document["users_p10_p50_p90"][1]
    record = read(home(), "codementee", "local", 2)
    assert record is not None
    assert (record.users.middle, record.run) == (users, document["run"])
    assert cli.main(["cost", "--phase", "2", "--per-user"]) == 0
    seen = capsys.readouterr()
    assert f"{users:,}" in seen.out
    assert document["run"] in seen.out


def test_all_phases_from_one_search(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    """One search answers for the SLOs of phases 1, 2 and 3, its own first; the exit code and the words are those of the own one."""
    assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload"]) == 0
    seen = capsys.readouterr()
    rows = [line.split()[0] for line in seen.out.splitlines()[1:]]
    assert rows == ["2", "1", "3"]
    assert plans[0].limits_ms == (200.0, 300.0, 150.0)
    assert "CPU of backend-1 is used up" in seen.err
    assert "fewer than the 3,000 this phase is meant for" in seen.err
    assert "next: cmctl cost --phase 2 --env local --per-user" in seen.err


def test_each_phases_registered_users(plans: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    """Each row's registered users are its own users at once times its own phase's users over concurrent, and the terminal shows the peak's line."""
    assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    phases = load_phases("codementee").phases
    assert len({phase.target.users / phase.target.concurrent for phase in phases.values()}) > 1
    for row in document["capacities"]:
        target = phases[row["phase"]].target
        assert row["registered"]["middle"] == int(row["concurrent"]["middle"] * (target.users / target.concurrent))
        assert row["ratio_source"] == f"the target of phase {row['phase']}"
    cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload"])
    assert "Peak by the universal scalability law:" in capsys.readouterr().err


def test_several_senders_are_in_the_plan(plans: list[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--processes` and `--workers` say who is waited for, and where."""
    monkeypatch.setattr(load_plan, "cpus_here", lambda: 4)
    cli.main(["loadtest", "--phase", "2", "--quick", "--processes", "3"])
    cli.main(["loadtest", "--phase", "2", "--quick", "--workers", "2", "--bind", "10.0.0.5:5557"])
    cli.main(["loadtest", "--phase", "2", "--quick"])
    assert [(one.workers, one.processes, one.crew_host, one.crew_port) for one in plans] == [
        (3, 3, "127.0.0.1", 0), (3, 1, "10.0.0.5", 5557), (0, 0, "127.0.0.1", 0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("users", "growth", "says"),
    [("100", "1", "stay on phase 2"), ("20000", "5", "move to phase 3 in about"), ("90000", "0", "move to phase 3 now")],
)
def test_stay_or_move(plans: list[Plan], capsys: pytest.CaptureFixture[str], users: str, growth: str, says: str) -> None:
    """With the users there are and their growth, the answer is to stay or in how many weeks to move."""
    assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload", "--users", users, "--growth", growth]) == 0
    assert says in capsys.readouterr().err


def test_files_for_people_and_for_ci(plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--report` leaves a page, the document, a summary and JUnit cases; the page of a second run shows the first beside it."""
    for part in ("first", "second"):
        assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload", "--report", str(tmp_path / part)]) == 0
    folder = tmp_path / "second"
    assert {path.name for path in folder.iterdir()} == {"report.html", "result.json", "summary.md", "junit.xml"}
    assert "How many users does phase 2 of codementee hold?" in (folder / "report.html").read_text()
    assert f"run {plans[0].run}" in (folder / "report.html").read_text()
    assert f"run {plans[0].run}" not in (tmp_path / "first" / "report.html").read_text().replace(f"Run {plans[0].run}", "")
    assert json.loads((folder / "result.json").read_text())["run"] == plans[1].run
    assert "| 2 | p95 < 200 ms |" in (folder / "summary.md").read_text()
    cases = [case.get("classname") for case in ElementTree.parse(folder / "junit.xml").iter("testcase")]
    assert {"loadtest.capacity", "loadtest.phase1", "loadtest.phase2", "loadtest.phase3"} <= set(cases)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--phase", "7"], "no phase 7"), ([], "which phase"), (["--phase", "2", "--smoke", "--quick"], "different load tests"),
        (["--phase", "2", "--quick", "--rate", "5"], "--rate names one"), (["--phase", "2", "--soak"], "needs a rate"),
        (["--phase", "2", "--spike"], "overload on purpose"), (["--phase", "2", "--spike", "--allow-overload"], "needs a rate"),
        (["--phase", "2", "--compare", "local"], "is what would be compared"), (["--phase", "2", "--compare", "moon"], "no environment"),
        (["--phase", "2", "--compare", "https://example.org"], "does not declare"), (["--phase", "2", "--spike", "--seconds", "9"], "as long as it needs"),
        (["--phase", "2", "--workers", "1"], "--bind HOST:PORT"), (["--phase", "2", "--workers", "1", "--bind", "here"], "no place"),
        (["--phase", "2", "--processes", "99"], "processes"), (["worker", "--master", "nowhere"], "not HOST:PORT"), (["worker"], "master"),
        (["trend", "--phase", "2"], "no load test of phase 2"), (["trend", "--phase", "9"], "no phase 9"), (["--phase", "2", "--seconds", "5"], "five minutes at most"),
        (["--phase", "2", "--users", "0"], "users"), (["--phase", "2", "--growth", "-90"], "growth"),
        (["--phase", "2", "--url", "https://example.org"], "does not declare"), (["--phase", "2", "--url", "ftp://localhost"], "no target"),
        (["--phase", "2", "--env", "moon"], "no environment"), (["--phase", "2", "--platform", "moon"], "no platform"),
        (["--phase", "2", "--report", "/proc/nowhere"], "/proc/nowhere"), (["--phase", "2", "--set", "x"], "name=value"),
    ],
)  # fmt: skip
def test_wrong_words_send_nothing(plans: list[Plan], capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    """Wrong options, names, hosts and folders are exit 2 with a text that names them, before any load."""
    assert cli.main(["loadtest", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert plans == []


@pytest.mark.parametrize(("cpus", "arguments", "says"), [(1, [], "measure each other"), (2, ["--processes", "3"], "3 processes on 2 CPUs")])
def test_too_few_cpus(
    plans: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cpus: int, arguments: list[str], says: str
) -> None:
    """One CPU cannot hold a phase and its load, nor few CPUs many senders: exit 2 before any load."""
    monkeypatch.setattr(load_plan, "cpus_here", lambda: cpus)
    assert cli.main(["loadtest", "--phase", "2", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert plans == []


def test_production_needs_its_owner(plans: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of load on a cloud environment is exit 2 without --i-own-this, and goes with it."""
    cloud = load_environment("local").model_copy(update={"kind": "cloud", "name": "production"})
    monkeypatch.setattr(load_plan, "load_environment", lambda _: cloud)
    monkeypatch.setattr(load_plan, "authority", lambda *_: "")
    given = ["--set", "admin_email=a@example.org", "--set", "admin_password=x"]
    for kind in ([], ["--quick"], ["--rate", "5"], ["--soak", "--rate", "5"], ["--spike", "--allow-overload", "--rate", "5"]):
        assert cli.main(["loadtest", "--phase", "2", *kind, *given]) == 2
        assert "--i-own-this" in capsys.readouterr().err
    assert plans == []
    monkeypatch.setattr(load_watch, "watching", lambda _: load_watch.Watching())
    assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload", "--i-own-this", *given]) == 0
    assert (plans[0].production, plans[0].i_own_this, plans[0].target.address) == (True, True, None)


def test_the_document_fits_its_schema(plans: list[Plan], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `--json` prints and what `--report` leaves fit what `loadtest schema` prints, whole and as they are; a wrong key does not."""
    assert cli.main(["loadtest", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload", "--json", "--report", str(tmp_path)])
    document = json.loads(capsys.readouterr().out)
    assert schema["$id"] == document["schema"]
    for one in (document, json.loads((tmp_path / "result.json").read_text())):
        assert list(misfits(one, schema, schema)) == []
        assert list(misfits({**one, "colour": "red"}, schema, schema)) == ["/colour: is not in the schema"]
        assert list(misfits({**one, "exit_code": "0"}, schema, schema)) != []


def test_another_phase_is_live(plans: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where users are sent to phase 1, phase 2 cannot be measured: exit 2 says which one is live, and without --phase that one is taken."""
    state = SimpleNamespace(state=SimpleNamespace(version="1.2.3"))
    monkeypatch.setattr(load_plan, "standing", lambda *_: SimpleNamespace(live=1, layers={"phase1": {"local": state}}))
    assert cli.main(["loadtest", "--phase", "2", "--quick"]) == 2
    assert "phase 1 is live in local, not phase 2" in capsys.readouterr().err
    assert plans == []
    cli.main(["loadtest", "--quick", "--allow-overload"])
    assert (plans[0].phase, plans[0].version) == (1, "1.2.3")


def test_ctrl_c_keeps_and_says_what_was_measured(
    plans: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupted search is exit 130; its figures are shown and kept as a run, but no record is made of them."""
    whole = run.capacity

    def interrupted(plan: Plan, on_progress: run.OnProgress, **terms: object) -> CapacityResult:
        found = whole(plan, on_progress, **terms)  # type: ignore[arg-type]
        return found.model_copy(update={"interrupted": True, "verdict": Verdict.INCONCLUSIVE, "reasons": ("interrupted after 6 probes",)})

    monkeypatch.setattr(run, "capacity", interrupted)
    assert cli.main(["loadtest", "--phase", "2", "--quick", "--allow-overload"]) == 130
    assert "interrupted after 6 probes" in capsys.readouterr().err
    assert len(list((home() / "capacity" / "runs").glob("*.json"))) == 1
    assert read(home(), "codementee", "local", 2) is None


def test_a_rate_takes_as_long_as_its_claim_needs(monkeypatch: pytest.MonkeyPatch, private_home: Path) -> None:
    """`--rate` lasts until a clean run would prove the error ratio: 30 s at a high rate, five minutes at most."""
    made: list[Probe] = []

    def smoke(plan: Plan, _: run.OnProgress, profile: str) -> None:
        assert profile == "rate"
        made.extend(plan.probes)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "smoke", smoke)
    for rate in ("1000", "100", "2"):
        assert cli.main(["loadtest", "--phase", "2", "--rate", rate]) == 130
    assert [probe.seconds for probe in made] == [30.0, 60.0, 300.0]


LIMITS = (
    FoundLimit(slo="p95", limit=200, rate=380, low=370, high=390, kind="point"),
    FoundLimit(slo="errors", limit=0.001, rate=400, low=400, high=500, kind="above"),
)
EVENTS: list[Progress] = [
    Prepared(journeys=("browse",), steps=(("login", 21.4),), accounts=20, seconds=0.5),
    Started(probe=Probe(name="380/s", rate_per_s=380, seconds=25)),
    Probed(kind="probe", name="380/s", offered_rps=381, achieved_rps=380, p95_ms=143, failed=2, why="requests left up to 40 ms late"),
    Narrowed(limits=LIMITS, probes=6, left_s=100),
    Second(probe="380/s", at_s=7, left_s=23, warming_up=False, offered=380, answered=300, failed=3, p95_ms=260, in_flight=80, start_lag_ms=1, cpu_share=0.1),
]  # fmt: skip


def test_the_view_shows_bracket_limit_and_time() -> None:
    """The terminal view shows the interval of each limit, p95 against its limit, answered against sent, and the time left."""
    board = load_live.Board("title", 290.0, 200.0)
    for event in EVENTS:
        board.take(event)
    text = "\n".join(board.lines())
    for part in (
        "left at most",
        "p95 < 200 ms",
        "380/s ±2.6%",
        "260 of 200 ms",
        "300 of 380 sent",
        "3 failed, 80 under way",
        "requests/s, 23 s left",
        "does not count: requests left",
    ):
        assert part in text
    assert all(len(line) < 140 for line in board.lines())
    assert all(len(line) <= 80 for line in board.lines()[2 : -load_live.LATEST] if line), "what renews itself fits the narrowest terminal"


@pytest.mark.parametrize(("share", "shows"), [(0.0, "·" * 36 + "▏"), (0.5, "█" * 18 + "·" * 18 + "▏"), (7.0, "█" * 36 + "▶")])
def test_bars_end_at_one(share: float, shows: str) -> None:
    """A bar is full at its limit, and an arrow says that there is more."""
    assert load_live.bar(share) == shows


def test_a_bracket_shrinks() -> None:
    """The narrower the interval, the shorter its bar; the best guess always shows."""
    wide, narrow = (FoundLimit(slo="p95", limit=200, rate=380, low=380 - by, high=380 + by, kind="point") for by in (60, 10))
    rows = [load_live.bracket(one, 300, 460) for one in (wide, narrow)]
    assert rows[0].count("━") > 2 * rows[1].count("━") > 0
    assert all("●" in row for row in rows)


def test_in_a_log_seconds_are_rare(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, one second in ten makes a line; every probe's result makes one, with the reason when it does not count."""
    lines = load_live.Lines()
    for event in EVENTS:
        lines(event)
    err = capsys.readouterr().err
    assert "300 answered" not in err
    assert "probe 380/s: 381/s offered, 380/s answered, p95 143 ms, 2 failed; does not count: requests left up to 40 ms late" in err
    assert "p95 < 200 ms: 380 requests/s (between 370 and 390)" in err


@pytest.mark.parametrize(
    ("advice", "says"),
    [
        (capacity.Advice("stay", None, 0.9), "stay on phase 2: 90% of what it holds is free"), (capacity.Advice("stay", 60, 0.5), "the next move comes in about 60 weeks"),
        (capacity.Advice("move", 12, 0.4), "move to phase 3 in about 12 weeks"), (capacity.Advice("move", 0, -1.5), "now: 2.5 times as many users are there as fit"),
    ],
)  # fmt: skip
def test_advice_in_words(advice: capacity.Advice, says: str) -> None:
    """Advice names the phase, the time and the room that is left, or how far it is exceeded."""
    from commands.load_view import advised

    assert says in advised(advice, 2)
