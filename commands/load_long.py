"""`loadtest --soak`, `--spike` and `--compare`: one rate for long, a burst, two builds by turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from commands import load_files, load_live, load_plan, load_probe, load_view, load_watch, ui
from costs import capacity
from environments.home import home
from errors import BadInput
from loadtests import compare, findings, run, soak, spike
from loadtests.result import Verdict

# Shares of the load that was measured to hold: usual load leaves room, a burst goes beyond.
SOAK_SHARE, USUAL_SHARE, BURST_SHARE = 0.7, 0.5, 1.5


def held_rps(asked: load_plan.Asked, why: str) -> float:
    """Requests/s that the phase was measured to hold. Raises BadInput where nobody measured."""
    record = capacity.read(home(), asked.platform, asked.environment, asked.phase)
    if record is None:
        raise BadInput(
            f"{why} needs a rate: what phase {asked.phase} holds in {asked.environment} was not measured yet",
            hint=f"give --rate, or measure first: cmctl loadtest {asked.where}",
        )
    return record.rps


def soaked(asked: load_plan.Asked, rate: float | None, seconds: float | None, report: Path | None, *, as_json: bool) -> int:
    """Hold the rate; the exit code of the verdict."""
    folder = load_files.folder(report)
    rate = rate or round(SOAK_SHARE * held_rps(asked, "--soak"), 1)
    whole = seconds or soak.Length().seconds
    length = soak.Length(whole, window_s=min(soak.Length().window_s, max(5.0, whole / soak.FEWEST_WINDOWS)))
    plan, watch = load_plan.probes_plan(asked), load_watch.watching(asked)
    title = load_live.heading(plan, f"soak at {rate:.0f} requests/s")
    with load_plan.sent(asked, plan) as crewed, load_live.shown(title, whole + length.warmup_s + 15, plan.slo.p95_ms) as on_progress:
        found = run.soaked(crewed, length, rate, on_progress, watch).model_copy(update={"watched": watch.told()})
    if as_json:
        ui.emit(soak.SCHEMA, found.document())
    else:
        ui.table(
            ("window", "p95"),
            [(number, "–" if p95 is None else f"{p95:.0f} ms") for number, p95 in enumerate(found.p95_ms, 1)],
            right=("p95",),
        )
        _say(
            found.verdict,
            f"soak of phase {asked.phase} in {asked.environment}, {ui.took(found.seconds)} at {rate:.0f} requests/s",
            [*found.reasons, *filter(None, [findings.unseen(found.watched)])],
        )
    _write(folder, soak.SCHEMA, found)
    return found.exit_code


def spiked(asked: load_plan.Asked, rate: float | None, report: Path | None, *, allow_overload: bool, as_json: bool) -> int:
    """Usual load, burst, usual load. `rate` is the burst's; the usual one is a third of it."""
    if not allow_overload:
        raise BadInput("a spike is overload on purpose", hint="add --allow-overload if this environment may be hurt for a minute")
    folder = load_files.folder(report)
    burst = rate or round(BURST_SHARE * held_rps(asked, "--spike"), 1)
    plan, usual = load_plan.probes_plan(asked), round(burst * USUAL_SHARE / BURST_SHARE, 1)
    shape = spike.Shape(usual, burst, after_s=load_probe.enough_s(usual, plan.slo.error_ratio))
    title = load_live.heading(plan, f"spike from {shape.usual:.0f} to {shape.burst:.0f} requests/s")
    with load_plan.sent(asked, plan) as crewed, load_live.shown(title, shape.seconds + 15, plan.slo.p95_ms) as on_progress:
        found = run.spiked(crewed, shape, on_progress)
    if as_json:
        ui.emit(spike.SCHEMA, found.document())
    else:
        ui.table(
            ("part", "offered", "answered", "failed", "p95"),
            [
                (
                    one.probe.name,
                    f"{one.offered_rps:.0f}/s",
                    f"{one.achieved_rps:.0f}/s",
                    one.failed,
                    f"{one.latency.p95_ms:.0f} ms" if one.latency else "–",
                )
                for one in found.steps
            ],
            right=("offered", "answered", "failed", "p95"),
        )
        _say(found.verdict, f"spike on phase {asked.phase} in {asked.environment}", found.reasons)
    _write(folder, spike.SCHEMA, found)
    return found.exit_code


def compared(asked: load_plan.Asked, base: str, report: Path | None, *, as_json: bool) -> int:
    """The phase beside the same phase elsewhere: `base` is an environment, or the URL of a declared host."""
    folder = load_files.folder(report)
    head = load_plan.probes_plan(asked)
    other = load_plan.probes_plan(load_plan.elsewhere(asked, base))
    if other.target == head.target:
        raise BadInput(
            f"{base} is what would be compared with it: {head.target.url}", hint="give another environment, or another declared host"
        )
    turns = compare.Turns()
    title = f"{head.platform} phase {head.phase}: {head.target.url} beside {other.target.url}, {turns.pairs} pairs by turns"
    length_s = turns.pairs * 2 * (turns.seconds + turns.warmup_s + 1)
    with (
        load_plan.sent(asked, other) as crewed_other, load_plan.sent(asked, head) as crewed,
        load_live.shown(title, length_s, head.slo.p95_ms) as on_progress,
    ):  # fmt: skip
        found = run.comparison(
            crewed_other, crewed, (f"{base} {other.version}".strip(), f"{asked.environment} {head.version}".strip()), on_progress, turns
        )
    if as_json:
        ui.emit(compare.SCHEMA, found.document())
    else:
        ui.table(
            ("pair", "base", "head", "change"),
            [(number, f"{one.base_rps:.0f}/s", f"{one.head_rps:.0f}/s", f"{one.ratio:+.1%}") for number, one in enumerate(found.pairs, 1)],
            right=("base", "head", "change"),
        )
        _say(found.verdict, f"{found.head} beside {found.base}", found.reasons)
    _write(folder, compare.SCHEMA, found)
    return found.exit_code


def _say(verdict: Verdict, what: str, reasons: Sequence[str]) -> None:
    ui.say(f"{verdict.value}: {what}", style=load_view.STYLES.get(verdict.value, "bold yellow"))
    for reason in reasons:
        ui.say(f"  {reason}")


def _write(folder: Path | None, schema: str, found: soak.Soaked | spike.Spiked | compare.Compared) -> None:
    if folder is not None:
        load_files.document(folder, schema, found.document(), found.verdict, found.reasons)
        ui.say(f"report: {folder}")
