"""From loads to users, to advice, and to what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.capacity import Capacity, read
from loadtests import capacity, conclude, hunt, store
from loadtests.result import CapacityResult, Machine, Verdict
from loadtests.stations import station
from loadtests.uses import OTHERS
from tests.loadtests import imitation
from tests.loadtests.figures import searched

MACHINE = Machine(text="2 cores, 8 GB, this machine", fingerprint="0123456789ab")
RATIOS = {1: capacity.Ratio(10.0, "the target of phase 1"), 2: capacity.Ratio(12.5, "the target of phase 2")}


def test_users_follow_from_rate_response_and_think_time() -> None:
    """200 requests/s of users who wait 50 ms and think 4.95 s are 1,000 users."""
    assert capacity.users((180.0, 200.0, 210.0), 0.05, 4.95) == capacity.Users(900, 1000, 1050)
    assert capacity.registered(capacity.Users(900, 1000, 1050), 16.5) == capacity.Users(14850, 16500, 17325)


@pytest.mark.parametrize(
    ("holds", "have", "growth", "action", "weeks"),
    [
        (1000, 100, 0.05, "move", 42), (1000, 100, 0.02, "stay", 105), (1000, 790, 0.05, "move", 0), (1000, 900, 0.05, "move", 0),
        (1000, 100, 0.0, "stay", None), (1000, 100, 1e-300, "stay", None), (1000, 100, -0.1, "stay", None), (1000, 2000, 0.0, "move", 0),
    ],
)  # fmt: skip
def test_when_to_move(holds: int, have: int, growth: float, action: str, weeks: int | None) -> None:
    """A fifth is kept free; what is left is eaten up by the weekly growth in so many weeks, and beyond a year one stays."""
    found = capacity.advise(holds, have, growth)
    assert (found.action, found.weeks) == (action, weeks)
    assert found.headroom == pytest.approx(1 - have / holds)


@settings(deadline=None)
@given(holds=st.integers(1, 10**7), have=st.integers(1, 10**7), growth=st.floats(-0.5, 2.0))
def test_more_users_never_mean_more_time(holds: int, have: int, growth: float) -> None:
    """Twice the users never have longer until they must move."""
    now, later = (capacity.advise(holds, count, growth).weeks for count in (have, 2 * have))
    assert (later if later is not None else 10**9) <= (now if now is not None else 10**9)


@pytest.mark.parametrize(("holds", "have"), [(0, 1), (1, 0)])
def test_no_users_no_advice(holds: int, have: int) -> None:
    """Nobody and nothing give no advice."""
    with pytest.raises(ValueError, match="more than none"):
        capacity.advise(holds, have, 0.1)


def law(count: float, noise: float = 1.0) -> float:
    """λ = 50, σ = 0.02, κ = 0.0005: the peak is at 44 users."""
    return noise * 50 * count / (1 + 0.02 * (count - 1) + 0.0005 * count * (count - 1))


def test_a_peak_that_was_passed_is_found() -> None:
    """With data beyond the peak, where more users stop helping is found within 5 %."""
    found = capacity.scaling([(count, law(count)) for count in (1, 4, 16, 44, 90)])
    assert found is not None
    assert found.peak_users == pytest.approx(44.3, rel=0.05)
    assert found.spread == 0.035


def test_a_peak_far_beyond_the_data_is_not_guessed() -> None:
    """Data up to half of the peak say nothing about it; up to four fifths they do, with more room for error."""
    far = capacity.scaling([(count, law(count)) for count in (1, 4, 10, 20)])
    near = capacity.scaling([(count, law(count)) for count in (1, 4, 16, 36)])
    assert far is not None
    assert far.peak_users is None
    assert near is not None
    assert near.spread == 0.07
    assert far.curve_users == pytest.approx(44.3, rel=0.05)
    assert capacity.scaling([(1, 50), (4, 180)]) is None
    assert capacity.scaling([(1, 50), (4, 180), (1, 51), (4, 179), (4, 181)]) is None, "two loads, played often, are still two"


def test_noise_on_a_plateau_is_no_peak() -> None:
    """A service that only saturates has no peak, though the last figure may be a little lower."""
    found = capacity.scaling([(1, 51), (4, 196), (16, 406), (64, 398)])
    assert found is not None
    assert found.peak_users is None


@pytest.fixture(scope="module")
def answer() -> CapacityResult:
    """A whole result of a simulated search."""
    asked = imitation.plan(200.0, 300.0)
    service = imitation.Service(asked, lambda seed: station("mmc", seed), seed=11)
    found = hunt.Hunt(asked, hunt.QUICK, service.measure, lambda _: None, service.now, allow_overload=True).run()
    around = conclude.Circumstances("2026-11-21T03:00:00+00:00", MACHINE, RATIOS, service.clock, "quick")
    uses = {step.measured.probe.name: {"CPU of backend-1": 0.97, "CPU of redis": 0.2} for step in found.steps}
    return conclude.conclude(asked, found, around, uses)


@pytest.mark.parametrize(
    ("found", "others", "judged"),
    [
        (Verdict.INCONCLUSIVE, 0.4, Verdict.INVALID), (Verdict.FAIL, 0.4, Verdict.INVALID), (Verdict.INCONCLUSIVE, 0.1, Verdict.INCONCLUSIVE),
        (Verdict.PASS, 0.4, Verdict.PASS),
    ],
)  # fmt: skip
def test_a_busy_machine_is_no_judge(found: Verdict, others: float, judged: Verdict) -> None:
    """Without an answer on a machine that other programs kept busy the verdict is INVALID and says so; an answer stays one."""
    around = conclude.Circumstances("2026-11-21T03:00:00+00:00", MACHINE, RATIOS, 1.0, "quick")
    result = conclude.conclude(
        imitation.plan(), hunt.Found(found, ("too wide",)), around, {"a": {OTHERS: others}, "b": {OTHERS: others}, "c": {}}
    )
    assert result.verdict is judged
    assert ("other programs used 40%" in result.reasons[0]) is (judged is Verdict.INVALID)


def test_well_used_at_the_limit_and_used_up_beyond_it_binds() -> None:
    """A resource at 75 % at the limit binds when overload uses it up; one that overload leaves at 80 % does not."""
    assert conclude._used_up({"CPU": 0.75, "pool": 0.8}, [{"CPU": 0.75, "pool": 0.8}, {"CPU": 0.99, "pool": 0.8}]) == "CPU"
    assert conclude._used_up({"CPU": 0.75}, [{"CPU": 0.8}]) == ""


def test_a_result_says_users_and_what_binds(answer: CapacityResult) -> None:
    """The answer has users for each phase by X·(R+Z), the binding SLO, endpoint and resource."""
    own = answer.capacities[0]
    assert own.phase == 1
    assert answer.response_ms is not None
    expected = own.limit.rate * (answer.response_ms / 1000 + 5.0)
    assert own.concurrent.middle == pytest.approx(expected, rel=0.01)
    assert own.registered.middle == pytest.approx(10 * own.concurrent.middle, rel=0.01)
    assert own.concurrent.low <= own.concurrent.middle <= own.concurrent.high
    assert answer.binding is not None
    assert (answer.binding.slo, answer.binding.endpoint, answer.binding.resource) == ("p95", "GET /", "CPU of backend-1")
    assert answer.capacities[1].limit.rate >= own.limit.rate * 0.99


def test_each_phase_has_its_own_ratio(answer: CapacityResult) -> None:
    """Registered users of another phase follow from that phase's peak, not from the own one's; a phase without one is counted as it is."""
    own, other = answer.capacities
    assert (own.registered_per_concurrent, own.ratio_source) == (10.0, "the target of phase 1")
    assert (other.registered_per_concurrent, other.registered.middle) == (12.5, int(12.5 * other.concurrent.middle))
    assert answer.registered_per_concurrent == 10.0
    errors = own.limit.model_copy(update={"slo": "errors", "limit": 0.001, "kind": "above"})
    (bare,) = conclude._capacities(imitation.plan(200.0), [own.limit, errors], 0.05, 5.0, {})
    assert (bare.registered, bare.ratio_source) == (bare.concurrent, "nobody said how many are there at the peak")


def test_the_document_is_the_schema(answer: CapacityResult) -> None:
    """The JSON form reads back as the same result."""
    document = json.loads(json.dumps(answer.document()))
    assert document.pop("exit_code") == 0
    assert CapacityResult.model_validate(document) == answer


def test_what_is_kept_is_what_costs_read(answer: CapacityResult, tmp_path: Path) -> None:
    """The record of a passed search is read back by the cost report, and the run is in the history."""
    written = store.keep(tmp_path, answer)
    record = read(tmp_path, "imitation", "local", 1)
    assert record is not None
    assert answer.users_p10_p50_p90 is not None
    assert record.users.single == answer.users_p10_p50_p90[1]
    assert "p95 over 200 ms, CPU of backend-1 used up" in record.limit
    assert len(written) == 2
    assert list(store.history(tmp_path, "imitation", "local", 1)) == [answer]


def kept(home: Path, *results: CapacityResult) -> Capacity:
    for number, one in enumerate(results):
        store.keep(home, one.model_copy(update={"when": f"2026-11-21T0{number}:00:00+00:00"}))
    found = read(home, "codementee", "local", 2)
    assert found is not None
    return found


def test_one_run_gives_no_interval(tmp_path: Path) -> None:
    """One run is one figure; a second of the same kind makes quantiles that hold what each leaves open and how they differ."""
    first, second = searched("one", (2900, 3000, 3100)), searched("two", (2400, 2500, 2600))
    alone = kept(tmp_path, first)
    assert (alone.users.single, alone.users.p10, alone.named) == (3000, None, "run one")
    both = kept(tmp_path, first, second)
    assert (both.users.p10, both.users.p50, both.users.p90) == (2450, 2750, 3050)
    assert both.named == "run two and 1 before it"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0.0"},
        {"verdict": Verdict.FAIL},
        {"machine": Machine(text="8 cores", fingerprint="g")},
        {"target": "https://other.example"},
    ],
)
def test_runs_of_something_else_do_not_count(tmp_path: Path, change: dict[str, object]) -> None:
    """Another version, another machine, another target, and a run without an answer say nothing about the last one."""
    other = searched("old", (900, 1000, 1100)).model_copy(update=change)
    assert kept(tmp_path, other, searched("new", (2900, 3000, 3100))).users.single == 3000


def test_the_oldest_runs_are_forgotten(tmp_path: Path) -> None:
    """Ten runs count at most, the last ones."""
    runs = [
        searched(f"r{number}", (number, number, number)).model_copy(update={"when": f"2026-11-{number:02d}"}) for number in range(1, 13)
    ]
    for one in runs:
        store.keep(tmp_path, one)
    found = read(tmp_path, "codementee", "local", 2)
    assert found is not None
    assert (found.runs[0], found.runs[-1], len(found.runs)) == ("r3", "r12", 10)


@given(st.lists(st.tuples(*[st.integers(1, 10**6)] * 3).map(lambda counts: tuple(sorted(counts))), min_size=1, max_size=12))
def test_every_record_is_one_that_costs_read(found: list[tuple[int, int, int]]) -> None:
    """Whatever runs found, the record passes the reader's rules and stays within what they found."""
    results = [searched(f"r{number}", users) for number, users in enumerate(found)]
    document = store.record(results[-1], results[:-1])
    held = Capacity.model_validate(document).users
    counted = [count for users in found[-10:] for count in users]
    assert min(counted) <= (held.p10 or held.middle) <= held.middle <= (held.p90 or held.middle) <= max(counted)


@pytest.mark.parametrize("verdict", [Verdict.INVALID, Verdict.INCONCLUSIVE, Verdict.FAIL])
def test_no_answer_leaves_no_record(answer: CapacityResult, tmp_path: Path, verdict: Verdict) -> None:
    """A search that says nothing is kept in the history only, and an older record stays."""
    store.keep(tmp_path, answer)
    before = read(tmp_path, "imitation", "local", 1)
    assert len(store.keep(tmp_path, answer.model_copy(update={"verdict": verdict, "run": "ffffffff"}))) == 1
    assert read(tmp_path, "imitation", "local", 1) == before


@pytest.mark.parametrize("text", ["{", "[]", "null", "17", "[[1, 2]]", '{"schema": 1}'])
def test_a_damaged_history_file_is_left_out(answer: CapacityResult, tmp_path: Path, text: str) -> None:
    """One file that cannot be read does not hide the others."""
    written = store.keep(tmp_path, answer)
    written[0].with_name("imitation-local-phase1-19990101T000000-0.json").write_text(text)
    assert len(list(store.history(tmp_path, "imitation", "local", 1))) == 1


def test_a_history_is_of_one_platform_in_one_environment(answer: CapacityResult, tmp_path: Path) -> None:
    """`shop-eu` in `local` and `shop` in `eu-local` have file names that begin alike, and histories of their own."""
    for platform, environment in (("shop-eu", "local"), ("shop", "eu-local")):
        store.keep(tmp_path, answer.model_copy(update={"platform": platform, "environment": environment, "run": environment}))
    assert [one.run for one in store.history(tmp_path, "shop", "eu-local", 1)] == ["eu-local"]
    assert [one.run for one in store.history(tmp_path, "shop-eu", "local", 1)] == ["local"]


def test_a_simulated_machine_is_random_only_by_its_seed() -> None:
    """Two stations of one seed behave alike, so that searches can be repeated."""
    first, second = (station("mmc", 5) for _ in range(2))
    random = Random(1)
    moments = [random.random() for _ in range(50)]
    assert [first.arrive(now) for now in sorted(moments)] == [second.arrive(now) for now in sorted(moments)]
