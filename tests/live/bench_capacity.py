"""`make bench-capacity`: how near the search comes to the truth on services of known capacity, beside two usual ramps on the same services.

SEARCHES (32) searches of five minutes and RAMPS (4) of each ramp, JOBS (2) at once; GUARD (20) quiet and as many starved
probes; COMPARES (50) comparisons of the same service, and as many of one that is 10 % slower. The services sleep instead of
working, so several fit on one core. Rows are appended to OUT as they come (bench-capacity.jsonl), and what is there is not
done again; `python -m tests.live.bench_capacity table` prints what OUT holds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from loadtests import hunt, run, selftest
from loadtests.machine import this_machine
from loadtests.plan import Probe
from loadtests.progress import Progress
from loadtests.selftest import Expected

ROOT = Path(__file__).parents[2]
OUT = Path(os.environ.get("OUT", "bench-capacity.jsonl"))
SEARCHES, RAMPS, GUARD, COMPARES, JOBS = (
    int(os.environ.get(name, default)) for name, default in (("SEARCHES", 32), ("RAMPS", 4), ("GUARD", 20), ("COMPARES", 50), ("JOBS", 2))
)
PROFILES = {"default": hunt.DEFAULT, "quick": hunt.QUICK}
# Every eighth of the searches is one of these, in turn.
SERVICES = (
    Expected("mmc", "M/M/8, 20 ms"),
    Expected("mmc", "M/M/16, 40 ms", servers=16, work_s=0.04),
    Expected("mmc", "M/M/4, 10 ms", servers=4, work_s=0.01),
    Expected("retrograde", "retrograde, 8 x 20 ms"),
    Expected("mmc", "M/M/8, 20 ms"),
    Expected("errors", "error ramp", by_errors=True),
    Expected("mmc", "M/M/16, 40 ms", servers=16, work_s=0.04),
    Expected("cliff", "cliff", by_errors=True),
)
PEERS = {"k6-style ramp": [sys.executable, "-m", "tests.live.ramp"], "Locust ramp": []}
Row = dict[str, Any]


def quiet(_: Progress) -> None:
    pass


def search(number: int, profile: str) -> Row:
    """One search, its errors over all limits that the service has a truth for."""
    expected = SERVICES[number % len(SERVICES)]
    found = run.judged(expected, 1000 + number, PROFILES[profile], quiet)
    return {
        "what": "search", "profile": profile, "service": expected.means, "number": number, "verdict": found.verdict.value, "truth": found.truth,
        "found": found.found, "low": found.low, "high": found.high, "error": found.error, "holds": found.holds, "seconds": found.seconds,
    }  # fmt: skip


def ramp(number: int, peer: str) -> Row:
    """One ramp of a peer on M/M/8."""
    begin = time.monotonic()
    with run.reference("mmc", 2000 + number) as port:
        locust = [
            str(Path(sys.executable).with_name("locust")),
            "-f",
            "tests/live/locust_ramp.py",
            "--headless",
            "--host",
            f"http://127.0.0.1:{port}",
        ]
        command = [*PEERS[peer], str(port)] if PEERS[peer] else locust
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("limit ")), "")
    truth = selftest.truth(SERVICES[0])
    assert truth is not None
    found = float(line.split()[1]) if line else None
    return {
        "what": "ramp",
        "number": number,
        "peer": peer,
        "truth": truth,
        "found": found,
        "error": found / truth - 1 if found else None,
        "seconds": time.monotonic() - begin,
    }


def guard(number: int, starved: str) -> Row:
    """One probe of ten seconds, held up or left alone, and whether the generator said so."""
    with run.reference("fixed", 1, 50, 0.01) as port, run.held_up(starved=starved == "starved"):
        plan = selftest.plan(port, 3000 + number).model_copy(
            update={"probes": (Probe(name="guard", rate_per_s=400, warmup_s=1, seconds=9),)}
        )
        result = run.smoke(plan, quiet)
    return {
        "what": "guard",
        "number": number,
        "kind": starved,
        "starved": starved == "starved",
        "verdict": result.judgement.verdict.value,
        "reasons": list(result.judgement.reasons),
    }


def compared(number: int, kind: str) -> Row:
    """One comparison by turns: the same service twice, or one that answers 10 % fewer requests."""
    work_s = selftest.WORK_S / 0.9 if kind == "slower" else selftest.WORK_S
    with run.reference("mmc", 4000 + number) as base, run.reference("mmc", 5000 + number, work_s=work_s) as head:
        found = run.comparison(selftest.plan(base, 4000 + number), selftest.plan(head, 5000 + number), ("base", "head"), quiet)
    return {
        "what": "compare",
        "number": number,
        "kind": kind,
        "verdict": found.verdict.value,
        "change": found.change,
        "low": found.low,
        "high": found.high,
    }


ONE: dict[str, Callable[[int, str], Row]] = {"search": search, "ramp": ramp, "guard": guard, "compare": compared}


def work() -> Iterator[tuple[str, int, str]]:
    """Long ones first; what OUT holds already is not done again."""
    profile = os.environ.get("PROFILE", "default")
    done = {
        (row["what"], row.get("number"), row.get("profile") or row.get("peer") or row.get("kind"))
        for row in (kept() if OUT.exists() else [])
    }
    yield from (task for task in _all(profile) if task not in done)


def _all(profile: str) -> Iterator[tuple[str, int, str]]:
    yield from (("ramp", number, peer) for peer in PEERS for number in range(RAMPS))
    yield from (("search", number, profile) for number in range(SEARCHES))
    yield from (("guard", number, kind) for kind in ("starved", "quiet") for number in range(GUARD))
    yield from (("compare", number, kind) for kind in ("same", "slower") for number in range(COMPARES))


def one(what: str, number: int, which: str) -> Row:
    """One run in a process of its own. Raises RuntimeError with its last words."""
    command = [sys.executable, "-m", "tests.live.bench_capacity", what, str(number), which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{what} {number} {which} ended with {done.returncode}: {done.stderr[-400:]}")
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return {**found, "load": round(os.getloadavg()[0], 1)}


def play(task: tuple[str, int, str]) -> None:
    try:
        row = json.dumps(one(*task))
    except RuntimeError as error:
        print(error, file=sys.stderr, flush=True)
        return
    with OUT.open("a", encoding="utf-8") as out:
        out.write(f"{row}\n")
    print(row[:200], file=sys.stderr, flush=True)


def accuracy(rows: Sequence[Row]) -> str:
    errors = [row["error"] for row in rows if row["error"] is not None]
    if not errors:
        return f"| {len(rows)} | – | – | – | – | – |"
    size = np.abs(errors)
    held = [row["holds"] for row in rows if row.get("holds") is not None]
    covered = f"{sum(held)} of {len(held)}" if held else "no interval"
    seconds = statistics.median(row["seconds"] for row in rows)
    return f"| {len(rows)} | {np.median(size):.1%} | {np.quantile(size, 0.9):.1%} | {np.mean(errors):+.1%} | {covered} | {seconds:.0f} s |"


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| what | runs | median error | p90 error | bias | interval holds the truth | median time |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    searches = [row for row in rows if row["what"] == "search"]
    for profile in dict.fromkeys(row["profile"] for row in searches):
        mine = [row for row in searches if row["profile"] == profile]
        lines.append(f"| **cmctl, {profile}** {accuracy(mine)}")
        services = dict.fromkeys(row["service"] for row in mine)
        lines += [f"| {service} {accuracy([row for row in mine if row['service'] == service])}" for service in services]
    peers = dict.fromkeys(row["peer"] for row in rows if row["what"] == "ramp")
    lines += [f"| {peer}, M/M/8 {accuracy([row for row in rows if row.get('peer') == peer])}" for peer in peers]
    for starved, name, right in ((True, "starved", "INVALID"), (False, "quiet", "PASS")):
        probes = [row for row in rows if row["what"] == "guard" and row["starved"] is starved]
        if probes:
            lines += ["", f"{name} generator: {sum(row['verdict'] == right for row in probes)} of {len(probes)} runs {right}"]
    for kind, says, wrong in (
        ("same", "called slower, the same service twice", "FAIL"),
        ("slower", "found, a service that answers 10 % less", "FAIL"),
    ):
        turns = [row for row in rows if row["what"] == "compare" and row["kind"] == kind]
        if turns:
            lines += ["", f"by turns, {says}: {sum(row['verdict'] == wrong for row in turns)} of {len(turns)}"]
    loads = [row["load"] for row in rows if "load" in row]
    return "\n".join(
        [*lines, "", f"{this_machine().text}; load average {min(loads):.1f} to {max(loads):.1f} while it ran" if loads else ""]
    )


def kept() -> list[Row]:
    return [json.loads(line) for line in OUT.read_text(encoding="utf-8").splitlines()]


def main(argv: list[str]) -> None:
    if argv[1:2] == ["table"]:
        print(table(kept()))
    elif len(argv) == 4:
        print(json.dumps(ONE[argv[1]](int(argv[2]), argv[3])))
    else:
        with ThreadPoolExecutor(JOBS) as together:
            list(together.map(play, work()))
        print(table(kept()))


if __name__ == "__main__":
    main(sys.argv)
