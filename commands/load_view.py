"""Load tests as a person sees them: the plan from the files, lines while it runs, the verdict with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from commands import ui
from environments.certificates import certificate
from environments.home import home
from environments.load import load as load_environment
from environments.model import Environment
from errors import BadInput
from loadtests import progress
from loadtests.plan import Plan, Probe, plan_for
from loadtests.result import Latency, Result
from phases.load import load
from phases.model import Platform
from templates import names

STYLES = {"PASS": "bold green", "FAIL": "bold red"}


@dataclass(frozen=True)
class Asked:
    """What to load: `values` are what journeys need from outside."""

    platform: str
    phase: int
    environment: str
    url: str | None = None
    values: Mapping[str, str] | None = None
    i_own_this: bool = False


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """`name=value` texts as a mapping. Raises BadInput for one without a name or a value."""
    wrong = [text for text in texts if not all(text.partition("="))]
    if wrong:
        raise BadInput(f"--set {wrong[0]!r} is not name=value")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def smoke_plan(asked: Asked, rate: float, seconds: float) -> Plan:
    loaded, environment = load(asked.platform), load_environment(asked.environment)
    probe = Probe(name="smoke", rate_per_s=rate, seconds=seconds)
    return plan_for(
        loaded.platform, loaded.phase(asked.phase), environment, (probe,), authority=authority(loaded.platform, environment), url=asked.url,
        variables=asked.values or None, version=loaded.platform.version, i_own_this=asked.i_own_this,
    )  # fmt: skip


def authority(platform: Platform, environment: Environment) -> str:
    """The PEM text of the authority that an environment's own certificates come from; empty where the world's are used."""
    if environment.tls.origin != "generated":
        return ""
    return certificate(environment, names.all_domains(platform, environment), home()).authority


@contextmanager
def shown() -> Iterator[Callable[[progress.Progress], None]]:
    """A listener for the generator's events: one line each."""
    yield line


def line(event: progress.Progress) -> None:
    if isinstance(event, progress.Checking):
        ui.say(f"{event.target} answers")
    elif isinstance(event, progress.Prepared):
        slowest = ", ".join(f"{name} {ms:.0f} ms" for name, ms in event.steps[:3])
        ui.say(f"every journey was played once ({event.seconds:.1f} s); slowest steps for one user: {slowest}")
    elif isinstance(event, progress.Started):
        probe = event.probe
        load_text = f"{probe.rate_per_s:.0f} requests/s" if probe.kind == "open" else f"{probe.users} users without a pause"
        ui.say(f"{load_text} for {probe.seconds:.0f} s after {probe.warmup_s:.0f} s of warming up")
    elif isinstance(event, progress.Second):
        ui.say(second(event), style="dim" if event.warming_up else None)


def second(event: progress.Second) -> str:
    p95 = "p95      –" if event.p95_ms is None else f"p95 {event.p95_ms:4.0f} ms"
    warm = "  warming up" if event.warming_up else ""
    return f"  {event.at_s:4.0f} s  {event.offered:5d} sent  {event.answered:5d} answered  {event.failed:4d} failed  {p95}  {event.left_s:3.0f} s left{warm}"


def show(result: Result) -> None:
    """Figures and endpoints on stdout, the verdict and its reasons on stderr."""
    measured = result.measured
    if measured is not None:
        ui.table(
            ("endpoint", "requests", "failed", "p50", "p95", "p99"),
            [
                (one.name, one.requests, one.failed, *_times(one.latency))
                for one in sorted(measured.endpoints, key=lambda one: -one.requests)
            ]
            + [("all", measured.requests, measured.failed, *_times(measured.latency))],
            right=("requests", "failed", "p50", "p95", "p99"),
        )
        used = measured.generator
        ui.say(
            f"{measured.offered_rps:.1f} requests/s offered, {measured.achieved_rps:.1f} answered well; "
            f"the generator used {used.cpu_share:.0%} of a core and sent up to {used.start_lag_p99_ms or 0:.0f} ms late (p99)"
        )
    verdict = result.judgement.verdict.value
    ui.say(f"{verdict}: phase {result.phase} in {result.environment}", style=STYLES.get(verdict, "bold yellow"))
    for reason in result.judgement.reasons:
        ui.say(f"  {reason}")
    if result.judgement.worst:
        ui.say(f"  nearest to its limit: {result.judgement.worst}, p95 {result.judgement.worst_p95_ms or 0:.0f} ms")


def _times(latency: Latency | None) -> tuple[str, str, str]:
    if latency is None:
        return "–", "–", "–"
    return f"{latency.p50_ms:.0f} ms", f"{latency.p95_ms:.0f} ms", f"{latency.p99_ms:.0f} ms"
