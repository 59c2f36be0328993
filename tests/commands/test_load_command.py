"""`cmctl loadtest`: what it says and how it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Network

import pytest

import cli
from commands import load_live, load_plan, load_search, load_view, load_watch
from environments.load import load as load_environment
from errors import BadInput, Unreachable
from loadtests import run, soak, spike, verdict
from loadtests.plan import Plan, Probe
from loadtests.progress import Checking, Prepared, Progress, Second, Started
from loadtests.result import CapacityResult, Machine, Measured, Result, Verdict
from phases.load import load
from stacks import load_workers
from stacks.deployment import Facts
from tests.loadtests import figures
from tests.loadtests.json_fit import misfits

MACHINE = Machine(text="2 cores, 8 GB", fingerprint="0123456789ab")


def played(measured: Measured, *, interrupted: bool = False) -> Result:
    return Result(
        run="0123abcd", when="2026-11-21T03:00:00+00:00", profile="smoke", platform="codementee", phase=2, environment="local",
        target="https://localhost:8443", version="1.0.0", machine=MACHINE, slo=figures.SLO, measured=measured,
        judgement=verdict.judge(measured, figures.SLO, interrupted=interrupted), interrupted=interrupted,
    )  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, private_home: object) -> list[Plan]:
    """The plans that the command made; playing them answers 4,000 good requests."""
    plans: list[Plan] = []

    def smoke(plan: Plan, on_progress: run.OnProgress, profile: str = "smoke") -> Result:
        plans.append(plan)
        on_progress(Checking(target=plan.target.url))
        return played(figures.measured(4000, 40, 0))

    monkeypatch.setattr(run, "smoke", smoke)
    return plans


def test_the_document_has_what_one_asks_for_first(asked: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one document: verdict, requests, failures, p95 and the SLO it is measured against at the top."""
    assert cli.main(["loadtest", "--smoke", "--phase", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "cmctl/loadtest/1"
    assert (document["verdict"], document["requests"], document["failed"], document["slo"]["p95_ms"]) == ("PASS", 4000, 0, 200)
    assert document["p95_ms"] == pytest.approx(80, rel=0.01)


def test_the_document_fits_its_schema(asked: list[Plan], capsys: pytest.CaptureFixture[str]) -> None:
    """What a probe's `--json` prints fits what `loadtest schema --of probe` prints."""
    assert cli.main(["loadtest", "schema", "--of", "probe"]) == 0
    schema = json.loads(capsys.readouterr().out)
    cli.main(["loadtest", "--smoke", "--phase", "2", "--json"])
    assert list(misfits(json.loads(capsys.readouterr().out), schema, schema)) == []


def test_the_plan_is_the_files(asked: list[Plan]) -> None:
    """The plan names the environment's domain and address, trusts its own authority, and keeps the phase's SLO."""
    assert cli.main(["loadtest", "--smoke", "--phase", "1", "--rate", "7", "--seconds", "9"]) == 0
    (plan,) = asked
    assert (plan.target.host, plan.target.address, plan.slo.p95_ms) == ("localhost", "127.0.0.1", 300)
    assert plan.target.authority.startswith("-----BEGIN CERTIFICATE")
    assert plan.probes == (Probe(name="smoke", rate_per_s=7, seconds=9),)


@pytest.mark.parametrize(
    ("found", "interrupted", "code"),
    [
        (figures.measured(4000, 900, 0, p95_ms=300), False, 3),
        (figures.measured(100, 0, 0), False, 6),
        (figures.measured(4000, 0, 0), True, 130),
    ],
)
def test_verdicts_end_the_command(
    monkeypatch: pytest.MonkeyPatch, asked: list[Plan], capsys: pytest.CaptureFixture[str], found: Measured, interrupted: bool, code: int
) -> None:
    """FAIL is exit 3, INCONCLUSIVE 6, Ctrl-C 130 with the figures so far; the reason stands on stderr."""
    monkeypatch.setattr(run, "smoke", lambda *_: played(found, interrupted=interrupted))
    assert cli.main(["loadtest", "--smoke", "--phase", "2"]) == code
    seen = capsys.readouterr()
    assert "requests" in seen.err
    assert "all" in seen.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--phase", "7"], "no phase 7"), (["--phase", "2", "--env", "moon"], "no environment"), (["--phase", "2", "--rate", "0"], "rate"),
        (["--phase", "2", "--url", "https://example.org"], "does not declare"), (["--phase", "2", "--set", "novalue"], "name=value"),
        (["--phase", "2", "--seconds", "86400"], "seconds"), ([], "phase"),
        (["--phase", "2", "--on", "local"], "local is this machine"), (["--phase", "2", "--on", "moon"], "no host moon"),
        (["--phase", "2", "--on", "moon=99"], "1 to 6 workers"), (["--phase", "2", "--on", "moon", "--workers", "1"], "--workers and --bind wait"),
    ],
)  # fmt: skip
def test_wrong_words_are_exit_2(private_home: object, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    """A wrong phase, environment, rate, host or value is exit 2 with a text that names it; nothing is sent."""
    assert cli.main(["loadtest", "--smoke", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "player"),
    [
        (["--smoke"], "smoke"), (["--rate", "7"], "smoke"), (["--quick"], "capacity"), (["--soak", "--rate", "7"], "soaked"),
        (["--spike", "--rate", "7", "--allow-overload"], "spiked"), (["--compare", "https://www.localhost:8443"], "comparison"),
    ],
)  # fmt: skip
def test_every_load_test_can_come_from_hosts(private_home: object, monkeypatch: pytest.MonkeyPatch, kind: list[str], player: str) -> None:
    """With --on the plan that is played is the one with workers, who are gone when it is over, whatever happens to it."""
    around, seen = list[str](), list[Plan]()

    @contextmanager
    def at_work(plan: Plan, found: Facts, hosts: Sequence[str], processes: int, report: object) -> Iterator[Plan]:
        assert (tuple(hosts), processes) == (("load-1", "load-1"), 0)
        around.append("begin")
        try:
            yield plan.model_copy(update={"workers": len(hosts)})
        finally:
            around.append("end")

    def play(*plans: object, **_: object) -> Result:
        seen.extend(one for one in plans if isinstance(one, Plan))
        raise Unreachable("far away")

    monkeypatch.setattr(load_workers, "check", lambda *_, **__: None)
    monkeypatch.setattr(load_workers, "at_work", at_work)
    monkeypatch.setattr(run, player, play)
    assert cli.main(["loadtest", "--phase", "2", "--on", "load-1=2", *kind]) == 7
    assert {plan.workers for plan in seen} == {2}
    assert around == ["begin"] * len(seen) + ["end"] * len(seen)


@pytest.mark.parametrize(("trusted", "alone"), [("192.0.2.7/32", False), ("192.0.2.31/32", True)])
def test_who_leads_need_not_be_trusted(private_home: object, monkeypatch: pytest.MonkeyPatch, trusted: str, alone: bool) -> None:
    """Hosts that send say who their clients are; this machine leads as one client, unless it is trusted too."""
    local = load_environment("local")
    networks = (IPv4Network("192.0.2.31/32"), IPv4Network(trusted))
    monkeypatch.setattr(load_plan, "load_environment", lambda _: local.model_copy(update={"trusted_proxies": networks}))
    monkeypatch.setattr(load_plan, "addresses_here", lambda: ["127.0.0.1", "192.0.2.7"])
    monkeypatch.setattr(load_workers, "check", lambda *_, **__: None)
    plan = load_plan.search_plan(load_plan.Asked("codementee", 2, "local", senders=load_plan.senders(None, 0, "", ["load-1"])))
    assert (plan.leads_alone, plan.client_addresses > 0) == (alone, True)


def test_production_is_not_loaded_by_accident(
    private_home: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Production is exit 2 without --i-own-this."""
    cloud = load_environment("local").model_copy(update={"kind": "cloud", "name": "production"})
    monkeypatch.setattr(load_plan, "load_environment", lambda _: cloud)
    monkeypatch.setattr(load_plan, "authority", lambda *_: "")
    assert cli.main(["loadtest", "--smoke", "--phase", "2"]) == 2
    assert "--i-own-this" in capsys.readouterr().err


def test_an_unreachable_target_is_exit_7(asked: list[Plan], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A target that does not answer is exit 7, on stdout as one document with --json."""

    def away(*_: object) -> Result:
        raise Unreachable("https://localhost:8443 cannot be reached")

    monkeypatch.setattr(run, "smoke", away)
    assert cli.main(["loadtest", "--smoke", "--phase", "2", "--json"]) == 7
    assert json.loads(capsys.readouterr().out)["exit_code"] == 7


def test_sigterm_ends_as_ctrl_c_does(asked: list[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal with which CI ends a job is heard as Ctrl-C, and only while there is load."""
    heard = []

    def ended(*_: object) -> Result:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt:
            heard.append("interrupted")
        return played(figures.measured(4000, 0, 0), interrupted=True)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(run, "smoke", ended)
    assert cli.main(["loadtest", "--smoke", "--phase", "2"]) == 130
    assert heard == ["interrupted"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_pairs() -> None:
    """`--set` takes name=value, and a value may hold an equals sign."""
    assert load_plan.pairs(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    with pytest.raises(BadInput):
        load_plan.pairs(["=x"])


EVENTS: list[tuple[Progress, str]] = [
    (Checking(target="https://localhost:8443"), "https://localhost:8443 answers"),
    (Prepared(journeys=("browse",), steps=(("login", 21.4), ("landing", 1.0)), accounts=20, seconds=0.5), "login 21 ms, landing 1 ms"),
    (Started(probe=Probe(name="p", rate_per_s=110, seconds=30)), "110 requests/s for 30 s"),
    (Started(probe=Probe(name="p", kind="closed", users=32, seconds=4)), "32 users without a pause"),
    (
        Second(probe="p", at_s=3, left_s=27, warming_up=True, offered=110, answered=0, failed=0, p95_ms=None, in_flight=4, start_lag_ms=0, cpu_share=0),
        "p95      –",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("event", "says"), EVENTS)
def test_progress_is_told_in_lines(event: Progress, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each event of the generator becomes one line on stderr."""
    load_live.Lines(1)(event)
    seen = capsys.readouterr()
    assert says in seen.err
    assert seen.out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rate", "5", "--users", "100"], "--users"), (["--smoke", "--users", "100"], "--users"), (["--smoke", "--allow-overload"], "--allow-overload"),
        (["--soak", "--rate", "5", "--allow-overload"], "--allow-overload"), (["--quick", "--growth", "5"], "--growth"),
        (["--smoke", "--prometheus", "http://127.0.0.1:9090"], "--prometheus"), (["--rate", "5", "--prometheus", "http://127.0.0.1:9090"], "--prometheus"),
        (["--smoke", "--bind", "10.0.0.5:5557"], "--bind"), (["--quick", "trend"], "--quick in front of trend"), (["--json", "schema"], "--json in front of schema"),
    ],
)  # fmt: skip
def test_an_option_that_would_be_passed_over_is_refused(
    asked: list[Plan], capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    """Options that say nothing beside the others are exit 2 and named; nothing is sent."""
    assert cli.main(["loadtest", "--phase", "2", *arguments] if arguments[-1] not in ("trend", "schema") else ["loadtest", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert asked == []


def test_the_next_command_names_the_platform() -> None:
    """What is to be typed next leads to the same phase: another platform than the usual one is named."""
    assert load_plan.Asked("shop", 1, "stage").where == "--platform shop --phase 1 --env stage"
    assert load_plan.Asked("codementee", 2, "local").where == "--phase 2 --env local"
    assert (
        load_search.next_command(load_plan.Asked("shop", 1, "stage"), refused())
        == "cmctl loadtest --platform shop --phase 1 --env stage --allow-overload"
    )


def refused() -> CapacityResult:
    return CapacityResult(
        verdict=Verdict.INVALID, reasons=("late",), run="0123abcd", when="2026-11-21T03:00:00+00:00", profile="quick", platform="shop", phase=1,
        environment="stage", target="https://localhost", version="1.0.0", machine=MACHINE, slo=figures.SLO, capacities=(), users_p10_p50_p90=None,
        response_ms=None, think_s=1.0, registered_per_concurrent=1.0, saturation_rps=None, recovery_s=None, peak=None, binding=None, steps=(), seconds=1.0,
    )  # fmt: skip


def test_the_help_says_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """`loadtest --help` has the exit codes."""
    cli.main(["loadtest", "--help"])
    assert "3: the SLO is missed" in " ".join(capsys.readouterr().out.split())


def test_a_soak_says_who_watched(monkeypatch: pytest.MonkeyPatch, private_home: object, capsys: pytest.CaptureFixture[str]) -> None:
    """A soak whose memory nobody watched cannot have seen a leak: its text and its document say so, and why."""

    def soaked(plan: Plan, length: soak.Length, rate: float, *_: object) -> soak.Soaked:
        return soak.conclude(soak.Played([], interrupted=True), plan.slo, soak.Around(plan.run, "", "", "", MACHINE, rate), {})

    monkeypatch.setattr(run, "soaked", soaked)
    monkeypatch.setattr(load_watch, "watching", lambda _: load_watch.Watching(why=["environment local names no Prometheus"]))
    assert cli.main(["loadtest", "--soak", "--phase", "2", "--rate", "5"]) == 130
    assert "Nothing was watched: environment local names no Prometheus; name its Prometheus: --prometheus URL" in " ".join(
        capsys.readouterr().err.split()
    )
    assert cli.main(["loadtest", "--soak", "--phase", "2", "--rate", "5", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["watched"]["by"] == ""


@pytest.mark.parametrize("rate", ["60", "600"])
def test_a_spike_can_pass_at_every_rate(monkeypatch: pytest.MonkeyPatch, private_home: object, rate: str) -> None:
    """After the burst the usual load is sent for as long as a clean run needs to prove the error ratio."""
    shapes: list[spike.Shape] = []

    def spiked(plan: Plan, shape: spike.Shape, _: run.OnProgress) -> spike.Spiked:
        shapes.append(shape)
        return spike.conclude(spike.Played([], interrupted=True), shape, plan.slo, spike.Around(plan.run, "", "", "", MACHINE))

    monkeypatch.setattr(run, "spiked", spiked)
    assert cli.main(["loadtest", "--spike", "--phase", "2", "--allow-overload", "--rate", rate]) == 130
    (shape,) = shapes
    assert shape.usual * shape.after_s >= verdict.fewest(0, 0.001)
    assert shape.probes()[2].seconds == shape.after_s


@pytest.mark.parametrize(
    ("kind", "cpus", "processes", "says"),
    [
        ("local", 1, 1, "this machine has 1 CPU"), ("lab", 1, 1, "this machine has 1 CPU"), ("cloud", 1, 1, ""), ("local", 2, 1, ""),
        ("cloud", 2, 3, "3 processes on 2 CPUs"), ("local", 2, 2, ""),
    ],
)  # fmt: skip
def test_senders_need_cpus_of_their_own(kind: str, cpus: int, processes: int, says: str) -> None:
    """A phase and its load on one CPU, or more processes than CPUs, are refused before any load."""
    there = load_environment("local").model_copy(update={"kind": kind})
    asked = load_plan.Asked("codementee", 2, "there", senders=load_plan.Senders(processes))
    if says:
        with pytest.raises(BadInput, match=says):
            load_plan.enough_cpus(asked, there, cpus)
    else:
        load_plan.enough_cpus(asked, there, cpus)


def test_a_shared_machine_is_said() -> None:
    """Where generator and phase are on one machine, whatever the environment is called, the notes say so."""
    target = load("codementee").phase(2).target
    assert "share this machine" in load_view.notes(refused(), target, None, shared=True)[0]
    assert load_view.notes(refused(), target, None, shared=False) == []
    assert load_plan.one_machine(load_environment("local"))
