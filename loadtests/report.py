"""A finished search for people and for CI: one offline HTML page, a Markdown summary, JUnit cases. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from loadtests import findings
from loadtests.charts import Axis, Chart, Points, Rule
from loadtests.result import CapacityResult, Endpoint, FoundLimit, Latency, Measured, PhaseCapacity, Result, Step, percent

NONE = "–"
KINDS = {"alone": "one user", "saturation": "saturation", "ramp": "ramp", "probe": "probe", "sustain": "sustained"}
STOPPED = {
    "": "", "interrupted": "interrupted", "requests": "number of requests reached", "in-flight": "given up: requests piled up",
    "errors": "given up: most requests failed",
}  # fmt: skip
ABOVE = {"point": "", "band": " (a cliff)", "above": " or more", "below": " or less"}


class Row(NamedTuple):
    left: Sequence[str]
    right: Sequence[str]
    last: str = ""


class ProbeRow(NamedTuple):
    name: str
    right: Sequence[str]
    why: str


class Mark(NamedTuple):
    mark: str
    text: str


class Drawn(NamedTuple):
    title: str
    svg: str
    key: Sequence[Mark]


def html(result: CapacityResult, base: CapacityResult | None = None) -> str:
    """One page without any request to elsewhere; `base` is drawn beside it."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    page = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template("report.html.j2")
    return page.render(**view(result, base))


def view(result: CapacityResult, base: CapacityResult | None = None) -> dict[str, Any]:
    """Everything the page shows, in words: the template decides nothing."""
    near = near_limit(result)
    return {
        "title": f"How many users does phase {result.phase} of {result.platform} hold?",
        "subtitle": f"{result.environment} ({result.target}), {result.when}, version {result.version or 'not named'}, {result.machine.text}",
        "verdict": result.verdict.value, "reasons": result.reasons, "phases": [_phase_row(one) for one in result.capacities],
        "notes": result.notes, "users_note": findings.users_note(result), "charts": _charts(result, base), "endpoints": [_endpoint_row(one) for one in near.endpoints] if near else [],
        "endpoints_note": f"From the probe at {near.offered_rps:.0f} requests/s; late: failed or above {near.limits_ms[0]:.0f} ms." if near else "",
        "binds": findings.binds(result), "peak": findings.peak(result), "uses": _uses(result), "probes": [_probe_row(one) for one in result.steps],
        "probes_note": "Latencies count from the moment a request was meant to leave. Probes with remarks in them may not have counted.",
        "footer": f"Run {result.run}, profile {result.profile}, {result.seconds:.0f} s. Schema cmctl/capacity-test/1.",
    }  # fmt: skip


def near_limit(result: CapacityResult) -> Measured | None:
    """The probe that came nearest to the own limit."""
    tried = [step.measured for step in result.steps if step.told and step.kind in ("probe", "ramp", "sustain") and step.measured.requests]
    if not tried:
        return None
    rate = result.capacities[0].limit.rate if result.capacities else max(one.offered_rps for one in tried)
    return min(tried, key=lambda one: abs(one.offered_rps - rate))


def _phase_row(one: PhaseCapacity) -> Row:
    limit = one.limit
    return Row(
        (str(one.phase), slo_text(limit)),
        (
            f"{limit.rate:,.0f}{ABOVE[limit.kind]}", f"{limit.low:,.0f} to {limit.high:,.0f}", f"{one.concurrent.middle:,}",
            f"{one.concurrent.low:,} to {one.concurrent.high:,}", f"{one.registered.middle:,}",
        ),
    )  # fmt: skip


def phase_cells(one: PhaseCapacity) -> tuple[str, ...]:
    """Phase, SLO, rate, interval, users at once, interval, registered users."""
    row = _phase_row(one)
    return (*row.left, *row.right)


def slo_text(limit: FoundLimit) -> str:
    return f"p95 < {limit.limit:.0f} ms" if limit.slo == "p95" else f"errors < {percent(limit.limit)}"


def _endpoint_row(one: Endpoint) -> Row:
    answers = ", ".join(f"{name}: {count:,}" for name, count in one.statuses.items())
    figures = (f"{one.requests:,}", f"{one.failed:,}", f"{one.late[0]:,}", *_times(one.latency))
    return Row((one.name, f"{one.method} {one.path}"), figures, answers)


def _times(latency: Latency | None) -> tuple[str, str, str]:
    return (_ms(latency.p50_ms), _ms(latency.p95_ms), _ms(latency.p99_ms)) if latency else (NONE, NONE, NONE)


def _ms(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _uses(result: CapacityResult) -> list[tuple[str, str]]:
    shares = result.binding.uses if result.binding else {}
    return [(name, f"{share:.0%}") for name, share in sorted(shares.items(), key=lambda pair: -pair[1])[:12]]


def _probe_row(step: Step) -> ProbeRow:
    one, how = step.measured, step.measured.generator
    remarks = [KINDS[step.kind], STOPPED[one.stopped], f"recovered after {one.recovery_s:.1f} s" if one.recovery_s else ""]
    remarks.append("" if step.told else f"does not count: {step.why}")
    figures = (
        f"{one.offered_rps:,.0f}", f"{one.achieved_rps:,.0f}", f"{one.requests:,}", f"{one.failed:,}", f"{one.late[0]:,}",
        _ms(one.latency.p95_ms if one.latency else None), _ms(how.start_lag_p99_ms), f"{how.cpu_share:.0%}",
    )  # fmt: skip
    return ProbeRow(one.probe.name, figures, "; ".join(remark for remark in remarks if remark))


def _charts(result: CapacityResult, base: CapacityResult | None) -> list[Drawn]:
    return [drawn for drawn in (_latency_chart(result, base), _knee_chart(result), _trace_chart(result)) if drawn is not None]


def _open_steps(result: CapacityResult) -> list[Step]:
    return [step for step in result.steps if step.measured.probe.kind == "open" and step.measured.latency]


def _curve(result: CapacityResult) -> list[tuple[float, float, str]]:
    found = []
    for step in _open_steps(result):
        one = step.measured
        p95 = one.latency.p95_ms if one.latency else 0.0
        found.append((one.offered_rps, p95, f"{one.probe.name}: {one.offered_rps:.0f}/s, p95 {p95:.0f} ms, {one.failed} failed"))
    return sorted(found)


def _latency_chart(result: CapacityResult, base: CapacityResult | None) -> Drawn | None:
    points, other = _curve(result), _curve(base) if base else []
    if not points:
        return None
    limits = sorted({one.p95_ms for one in result.capacities} or {float(result.slo.p95_ms)})
    highest = max([*(y for _, y, _ in [*points, *other]), *limits])
    lowest = min([*(y for _, y, _ in [*points, *other]), *limits])
    loads = [x for x, _, _ in [*points, *other]]
    series = [Points("base", "base", other, line=True)] if other else []
    series.append(Points("this run", "probe", points, line=True))
    bands = [
        (one.limit.low, one.limit.high, f"phase {one.phase}: {one.limit.low:.0f} to {one.limit.high:.0f}/s")
        for one in result.capacities[:1]
    ]
    chart = Chart(
        "p95 against load", Axis("requests per second", min(loads) * 0.95, max(loads) * 1.03),
        Axis("p95, ms", max(lowest * 0.7, 0.1), highest * 1.4, log=True), series, [Rule(limit, f"{limit:.0f} ms") for limit in limits], bands,
    )  # fmt: skip
    key = [
        _mark("probe", "a probe of this run"),
        _line("limit", "limit of a phase"),
        _mark("band", "95 % interval of the limit", square=True),
    ]
    return Drawn("Latency against load", chart.svg(), [*key, *([_mark("base", f"run {base.run}")] if base else [])])


def _knee_chart(result: CapacityResult) -> Drawn | None:
    points = [(one.measured.offered_rps, one.measured.achieved_rps, one.measured.probe.name) for one in _open_steps(result)]
    if not points:
        return None
    highest = max(max(x, y) for x, y, _ in points) * 1.05
    even = Points("all answered", "even", [(0.0, 0.0, ""), (highest, highest, "")], line=True, marks=False)
    chart = Chart(
        "Answered against offered", Axis("requests per second offered", 0, highest), Axis("answered well, requests/s", 0, highest),
        [even, Points("probes", "probe", sorted(points))], [Rule(result.saturation_rps, "saturation")] if result.saturation_rps else [],
    )  # fmt: skip
    key = [
        _mark("probe", "a probe"),
        _line("even", "everything answered"),
        *([_line("limit", "saturation")] if result.saturation_rps else []),
    ]
    return Drawn("Offered and answered", chart.svg(), key)


def _trace_chart(result: CapacityResult) -> Drawn | None:
    steps = [step for step in result.steps if step.measured.probe.kind == "open"]
    if len(steps) < 2:
        return None
    told = [(float(at), one.measured.offered_rps, one.measured.probe.name) for at, one in enumerate(steps, 1) if one.told]
    untold = [(float(at), one.measured.offered_rps, f"did not count: {one.why}") for at, one in enumerate(steps, 1) if not one.told]
    rates = [rate for _, rate, _ in [*told, *untold]]
    found = [Rule(one.limit.rate, f"phase {one.phase}", "limit") for one in result.capacities]
    chart = Chart(
        "Search trace", Axis("probe", 0.5, len(steps) + 0.5), Axis("requests per second", min(rates) * 0.95, max(rates) * 1.05),
        [Points("counted", "probe", told, line=True), Points("not counted", "uncounted", untold)], found,
    )  # fmt: skip
    return Drawn("The search", chart.svg(), [_mark("probe", "a probe"), _line("limit", "limit found"), _mark("uncounted", "did not count")])


def _mark(style: str, text: str, *, square: bool = False) -> Mark:
    shape = f'<rect class="{style}" width="12" height="12"/>' if square else f'<circle class="{style}" cx="6" cy="6" r="4"/>'
    return Mark(f'<svg viewBox="0 0 12 12" aria-hidden="true">{shape}</svg>', text)


def _line(style: str, text: str) -> Mark:
    return Mark(f'<svg viewBox="0 0 12 12" aria-hidden="true"><line class="{style}" x1="0" x2="12" y1="6" y2="6"/></svg>', text)


def markdown(result: CapacityResult) -> str:
    """A summary for a pull request."""
    lines = [
        f"### Capacity of phase {result.phase} in {result.environment}: {result.verdict.value}", "", *[f"- {reason}" for reason in result.reasons], "",
    ]  # fmt: skip
    if result.capacities:
        lines += ["| phase | SLO | requests/s | 95 % interval | users at once | registered |", "|---|---|---:|---:|---:|---:|"]
        for one in result.capacities:
            row = _phase_row(one)
            lines.append(f"| {row.left[0]} | {row.left[1]} | {row.right[0]} | {row.right[1]} | {row.right[2]} | {row.right[4]} |")
        lines += ["", findings.users_note(result), findings.binds(result)]
    lines += ["", findings.peak(result)] if findings.peak(result) else []
    lines += [f"- {note}" for note in result.notes]
    lines += ["", f"{result.machine.text}; run {result.run}, {result.when}"]
    return "\n".join(lines).rstrip() + "\n"


def markdown_of_probe(result: Result) -> str:
    """The same for one probe at one rate."""
    judged = result.judgement
    lines = [
        f"### {result.profile} of phase {result.phase} in {result.environment}: {judged.verdict.value}",
        "",
        *[f"- {reason}" for reason in judged.reasons],
    ]
    measured = result.measured
    if measured is not None:
        lines += ["", "| endpoint | requests | failed | p50 | p95 | p99 |", "|---|---:|---:|---:|---:|---:|"]
        rows = [(one.name, one.requests, one.failed, one.latency) for one in measured.endpoints]
        for name, requests, failed, latency in [*rows, ("all", measured.requests, measured.failed, measured.latency)]:
            lines.append(f"| {name} | {requests:,} | {failed:,} | {' | '.join(_times(latency))} |")
    lines += ["", f"{result.machine.text}; run {result.run}, {result.when}"]
    return "\n".join(lines) + "\n"
