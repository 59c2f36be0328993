"""The generator against services of known behaviour, on loopback."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from environments.certificates import certificate
from environments.load import load as load_environment
from errors import BadInput, GateRefused, Unreachable
from loadtests import run
from loadtests.plan import Probe, Target
from loadtests.progress import Progress, Second
from loadtests.result import Result, Verdict
from loadtests.stations import simulate, station
from phases.model import Journey
from tests.live.generator_rig import ODD, ROOT, measured, plan, quiet, reference, service

pytestmark = pytest.mark.live


def truth_ms(kind: str, rate: float, servers: int, work_s: float) -> float:
    """The open-loop p95 of a station, by simulation of an hour."""
    times = sorted(spent for spent, _ in simulate(station(kind, 1, servers, work_s), rate, 3600, random.Random(9), warmup_s=10))
    return times[int(len(times) * 0.95)] * 1000


@pytest.mark.parametrize(
    ("kind", "servers", "work_s", "seconds", "verdict"),
    [("fixed", 20, 0.05, 20, Verdict.PASS), ("mmc", 20, 0.05, 20, Verdict.PASS), ("stall", 8, 0.02, 25, Verdict.FAIL)],
)
def test_latency_is_the_open_loop_truth(kind: str, servers: int, work_s: float, seconds: int, verdict: Verdict) -> None:
    """On a healthy, a varying and a stalling service p95 is within 10 % of what a user who comes at random would see."""
    with reference(kind, 0, 1, servers, work_s) as (port, _):
        result = run.smoke(plan(port, Probe(name=kind, rate_per_s=200, warmup_s=2, seconds=seconds)), quiet)
    found, truth = measured(result).latency, truth_ms(kind, 200, servers, work_s)
    assert found is not None
    print(
        f"\n{kind}: p95 {found.p95_ms:.1f} ms, truth {truth:.1f} ms ({found.p95_ms / truth - 1:+.1%}), verdict {result.judgement.verdict}"
    )
    assert found.p95_ms == pytest.approx(truth, rel=0.10)
    assert result.judgement.verdict is verdict, result.judgement.reasons


def test_what_a_request_costs() -> None:
    """A simple journey costs less than a 7,000th of a CPU-second; where neighbours take caches, what Locust's own users cost beside it is the measure."""
    with reference("fixed", 0, 1, 500, 0.001) as (port, _):
        result = run.smoke(plan(port, Probe(name="cost", rate_per_s=2000, warmup_s=2, seconds=8)), quiet)
        told = subprocess.run(
            [sys.executable, "-m", "tests.live.plain_locust", str(port), "4"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    used, peer = measured(result).generator, float(told.stdout)
    print(
        f"\n{used.requests_per_cpu_second:.0f} requests per CPU-second at 2,000/s, start lag p99 {used.start_lag_p99_ms} ms; "
        f"plain FastHttpUser without a pause, without a schedule: {peer:.0f}"
    )
    assert used.requests_per_cpu_second >= min(7000, 0.4 * peer)


def test_a_starved_generator_is_no_judge() -> None:
    """A generator that is held up says INVALID, not that the service is slow; left alone on the same service it says PASS."""
    probe = Probe(name="p", rate_per_s=400, warmup_s=1, seconds=9)
    with reference("fixed", 0, 1, 50, 0.01) as (port, _):
        alone = run.smoke(plan(port, probe), quiet)
        with run.held_up(starved=True):
            starved = run.smoke(plan(port, probe), quiet)
    assert alone.judgement.verdict is Verdict.PASS, alone.judgement.reasons
    assert starved.judgement.verdict is Verdict.INVALID, starved.judgement.reasons
    assert starved.exit_code == 6


def test_more_than_a_core_can_send_is_no_judge() -> None:
    """A rate that one process cannot send is INVALID."""
    with reference("fixed", 0, 1, 500, 0.001) as (port, _):
        result = run.smoke(plan(port, Probe(name="p", rate_per_s=40_000, warmup_s=1, seconds=5)), quiet)
    assert result.judgement.verdict is Verdict.INVALID, result.judgement.reasons


def test_every_request_is_sent_once() -> None:
    """A connection that breaks is a failure and is seen: nothing is tried again unasked."""
    with service(ODD, "closing") as (port, seen):
        result = run.smoke(plan(port, Probe(name="p", rate_per_s=100, warmup_s=0, seconds=5)), quiet)
        there = seen()
    here = measured(result)
    assert there["seen"] == here.requests + 2  # the look whether it answers, and the rehearsal's one
    assert here.statuses["connection closed"] == pytest.approx(here.requests / 10, abs=1)
    assert result.judgement.verdict is Verdict.FAIL


@pytest.mark.parametrize("addresses", [0, 1000])
def test_limits_per_client_are_met_as_real_users_meet_them(addresses: int) -> None:
    """From one address a limit per client answers 429 and the verdict names it; from many addresses it is not met."""
    with service(ODD, "limited") as (port, seen):
        result = run.smoke(plan(port, client_addresses=addresses), quiet)
        there = seen()
    print(f"\n{addresses or 1} addresses: {measured(result).limited} of {measured(result).requests} were limited, {there}")
    if addresses:
        assert measured(result).failed == 0
        assert there["clients"] > 500
    else:
        assert result.judgement.verdict is Verdict.INVALID
        assert "rate limit" in result.judgement.reasons[0]
    assert there["connections"] < 60


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    """An authority, and the files of a certificate for www.codementee.test."""
    folder = tmp_path_factory.mktemp("tls")
    made = certificate(load_environment("local"), ["www.codementee.test"], folder)
    files = {"chain.pem": made.chain, "key.pem": made.key}
    for name, text in files.items():
        (folder / name).write_text(text)
    return made.authority, [str(folder / name) for name in files]


def test_a_name_is_reached_at_its_address(own_certificate: tuple[str, list[str]]) -> None:
    """With TLS the generator connects to an address and port and checks the certificate for the name it was given."""
    authority, files = own_certificate
    with service(ODD, "good", *files) as (port, seen):
        target = Target(url="https://www.codementee.test", address="127.0.0.1", port=port, authority=authority)
        result = run.smoke(plan(port, target=target), quiet)
        there = seen()
    assert measured(result).failed == 0
    assert there["seen"] > measured(result).requests
    assert there["connections"] < 40, "connections are kept open"


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_a_certificate_of_somebody_else_is_refused(own_certificate: tuple[str, list[str]], wrong: str) -> None:
    """A certificate for another name, or from an authority that is not trusted, ends with exit 7 before any load."""
    authority, files = own_certificate
    with service(ODD, "good", *files) as (port, seen):
        name = "shop.codementee.test" if wrong == "name" else "www.codementee.test"
        target = Target(url=f"https://{name}", address="127.0.0.1", port=port, authority=authority if wrong == "name" else "")
        with pytest.raises(Unreachable, match="certificate") as caught:
            run.smoke(plan(port, target=target), quiet)
        assert seen()["seen"] == 0
    assert caught.value.exit_code == 7


def test_a_target_that_is_not_there() -> None:
    """Nobody listening is exit 7, with the address in the text."""
    with reference("fixed") as (port, _):
        pass
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
        run.smoke(plan(port), quiet)


def test_a_journey_that_fails_is_refused_before_load() -> None:
    """One user tries each journey first: the step that fails, and what it was answered, end with exit 3."""
    with service(ODD, "broken") as (port, seen):
        with pytest.raises(GateRefused, match="at its step GET /: GET / answered 404") as caught:
            run.smoke(plan(port), quiet)
        assert seen()["seen"] == 1
    assert "word" in caught.value.why


def test_unexpected_content_is_told_from_an_unexpected_status() -> None:
    """Where the status is right and the content is not, the text says what was looked for."""
    wanted = {"hit": Journey(weight=1, steps=("companies",), think_s=(0.0, 0.0))}
    with service(ODD, "good") as (port, _), pytest.raises(GateRefused, match="answered 200 with unexpected content") as caught:
        run.smoke(plan(port, journeys=wanted), quiet)
    assert "expected 200 with company_id in its JSON; the answer was: word" in caught.value.why


def test_an_answer_that_cannot_be_unpacked_is_the_journeys_failure() -> None:
    """A 500 whose gzip ends too soon is named as what it is, not as an end of the generator."""
    with service(ODD, "torn") as (port, _), pytest.raises(GateRefused, match="GET / answered 500"):
        run.smoke(plan(port), quiet)


def test_an_answer_that_never_ends_is_the_journeys_failure() -> None:
    """A body that comes byte by byte is given up when the time for one request is over."""
    start = time.monotonic()
    with service(ODD, "dripping") as (port, _), pytest.raises(GateRefused, match="GET / answered timeout"):
        run.smoke(plan(port, timeout_s=2.0), quiet)
    assert time.monotonic() - start < 15


def test_production_is_refused_by_the_generator_too() -> None:
    """A plan for production that does not say i_own_this is not played."""
    with pytest.raises(BadInput, match="production"):
        run.smoke(plan(1, production=True), quiet)


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with SIGINT ignored
from loadtests import plan, run
from loadtests.progress import Second
def on(event):
    if isinstance(event, Second): print("second", flush=True)
result = run.smoke(plan.parse(sys.argv[1]), on)
print(result.model_dump_json())
sys.exit(result.exit_code)
"""


def test_ctrl_c_keeps_what_was_measured() -> None:
    """Interrupted, the load ends within seconds and the figures so far are handed out, with exit 130."""
    with reference("fixed") as (port, _):
        asked = plan(port, Probe(name="p", rate_per_s=100, warmup_s=1, seconds=60)).model_dump_json()
        with subprocess.Popen([sys.executable, "-c", INTERRUPTED, asked], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(4):
                assert child.stdout.readline() == "second\n"
            child.send_signal(signal.SIGINT)
            start = time.monotonic()
            rest = child.communicate(timeout=20)[0]
    result = Result.model_validate_json(rest.splitlines()[-1])
    assert time.monotonic() - start < 5
    assert child.returncode == 130
    assert result.judgement.verdict is Verdict.INCONCLUSIVE
    assert 150 < measured(result).requests < 500


def test_ctrl_c_before_any_load_ends_at_once() -> None:
    """While a journey's first step hangs, Ctrl-C ends with exit 130 and not with the step's failure, long before the step's time is over."""
    with service(ODD, "dripping") as (port, _):
        asked = plan(port).model_dump_json()
        script = INTERRUPTED.replace("isinstance(event, Second)", "True")
        with subprocess.Popen([sys.executable, "-c", script, asked], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "second\n"  # the target answered; the first step is under way
            child.send_signal(signal.SIGINT)
            start = time.monotonic()
            rest = child.communicate(timeout=30)[0]
    assert time.monotonic() - start < 5
    assert child.returncode == 130
    assert Result.model_validate_json(rest.splitlines()[-1]).judgement.reasons == ("interrupted before any load was sent",)


def test_ctrl_c_keeps_the_figures_while_the_service_is_down() -> None:
    """After overload that left the service hanging, Ctrl-C ends the wait for its recovery at once and keeps the probe's figures."""
    with service(ODD, "choking") as (port, _):
        probe = Probe(name="p", kind="closed", users=4, warmup_s=0, seconds=2, recovery_s=60)
        asked = plan(port, probe, timeout_s=2.0).model_dump_json()
        with subprocess.Popen([sys.executable, "-c", INTERRUPTED, asked], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "second\n"
            time.sleep(7)  # the probe and its last answers take 6 s at most, what follows is recovery
            child.send_signal(signal.SIGINT)
            start = time.monotonic()
            rest = child.communicate(timeout=60)[0]
    assert time.monotonic() - start < 5
    assert child.returncode == 130
    found = measured(Result.model_validate_json(rest.splitlines()[-1]))
    assert found.requests >= 20
    assert found.recovery_s is None


def test_a_killed_parent_leaves_no_load_behind() -> None:
    """When the process that asked for load is killed, the generator stops by itself."""
    with reference("fixed") as (port, _):
        asked = plan(port, Probe(name="p", rate_per_s=100, warmup_s=1, seconds=60)).model_dump_json()
        with subprocess.Popen([sys.executable, "-c", INTERRUPTED, asked], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "second\n"
            (generator,) = psutil.Process(child.pid).children()
            child.kill()
        assert psutil.wait_procs([generator], timeout=15)[1] == []


def test_a_killed_parent_leaves_no_reference_behind() -> None:
    """A reference service whose starter is killed ends within seconds."""
    starts = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-m', 'loadtests.reference', 'fixed', '0']); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", starts], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("listening")
        (service_process,) = psutil.Process(child.pid).children()
        child.kill()
        assert psutil.wait_procs([service_process], timeout=10)[1] == []


def test_the_load_stops_at_an_outage() -> None:
    """When most requests fail for two seconds the load ends by itself, long before its time."""
    with reference("cliff") as (port, _):
        lines: list[Progress] = []
        result = run.smoke(plan(port, Probe(name="p", rate_per_s=1500, warmup_s=1, seconds=60)), lines.append)
    assert measured(result).stopped == "errors"
    assert result.judgement.verdict is Verdict.FAIL
    assert len([line for line in lines if isinstance(line, Second)]) < 10


def test_a_slow_load_stops_at_an_outage_too() -> None:
    """A few requests a second that most fail end the load as well, within some forty requests."""
    with service(ODD, "breaking") as (port, seen):
        result = run.smoke(plan(port, Probe(name="p", rate_per_s=8, warmup_s=1, seconds=60)), quiet)
        there = seen()
    assert measured(result).stopped == "errors"
    assert there["seen"] < 100
    assert result.judgement.verdict is Verdict.FAIL


def test_requests_are_bounded() -> None:
    """A plan's number of requests is not exceeded."""
    with service(ODD, "good") as (port, seen):
        result = run.smoke(plan(port, max_requests=300), quiet)
        there = seen()
    assert measured(result).stopped == "requests"
    assert there["seen"] <= 302  # with the look whether it answers, and the rehearsal's one


def test_plain_locust_plays_the_journeys(tmp_path: Path) -> None:
    """`locust -f loadtests/locustfile.py` works in Locust's own way, with a plan and (to list its users) without one."""
    locust = str(Path(sys.executable).with_name("locust"))
    listed = subprocess.run([locust, "-f", "loadtests/locustfile.py", "--list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Visitor" in listed.stdout
    with service(ODD, "good") as (port, seen):
        path = tmp_path / "plan.json"
        path.write_text(plan(port).model_dump_json())
        command = [locust, "-f", "loadtests/locustfile.py", "--headless", "-u", "4", "-r", "4", "-t", "3s", "--csv", str(tmp_path / "out")]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "CMCTL_LOAD_PLAN": str(path)}
        )
        there = seen()
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "out_stats.csv").read_text().splitlines()))
    assert rows[-1]["Failure Count"] == "0"
    assert there["seen"] >= int(rows[-1]["Request Count"]) > 100
