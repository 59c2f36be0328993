"""Which kind of load test is asked for, which options go with it, and its run."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from commands import load_long, load_plan, load_probe, load_search
from errors import BadInput
from loadtests import hunt

SMOKE_RATE, SMOKE_S = 110.0, 30.0


@dataclass(frozen=True)
class Wanted:
    """A load test as typed. `kind` is its option, empty for a search of five minutes, or for one rate where `rate` is given."""

    kind: str
    rate: float | None
    seconds: float | None
    report: Path | None
    as_json: bool
    allow_overload: bool
    users: int | None
    growth: float
    base: str

    @property
    def probe(self) -> load_probe.Wish:
        smoke = self.kind == "--smoke"
        seconds = self.seconds or (SMOKE_S if smoke else None)
        return load_probe.Wish("smoke" if smoke else "rate", self.rate or SMOKE_RATE, seconds, self.report, self.as_json)

    @property
    def terms(self) -> load_search.Terms:
        profile = hunt.QUICK if self.kind == "--quick" else hunt.DEFAULT
        return load_search.Terms(profile, self.allow_overload, self.users, self.growth, self.report, self.as_json)


def play(asked: load_plan.Asked, wanted: Wanted) -> int:
    """Play it; the exit code of its verdict."""
    with _ended_in_order():
        if wanted.kind == "--soak":
            return load_long.soaked(asked, wanted.rate, wanted.seconds, wanted.report, as_json=wanted.as_json)
        if wanted.kind == "--spike":
            return load_long.spiked(asked, wanted.rate, wanted.report, allow_overload=wanted.allow_overload, as_json=wanted.as_json)
        if wanted.kind == "--compare":
            return load_long.compared(asked, wanted.base, wanted.report, as_json=wanted.as_json)
        if wanted.kind == "--smoke" or wanted.rate is not None:
            return load_probe.play(asked, wanted.probe)
        return load_search.search(asked, wanted.terms)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM, with which CI ends a job, is heard as Ctrl-C: what was measured is kept."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def one_of(kinds: list[str], rate: float | None, seconds: float | None) -> str:
    """The kind of load test that is asked for, empty for a search. Raises BadInput for options that do not go together."""
    if len(kinds) > 1:
        raise BadInput(f"{' and '.join(kinds)} are different load tests", hint="give one of them")
    kind = kinds[0] if kinds else ""
    if rate is not None and kind in {"--quick", "--compare"}:
        raise BadInput(f"{kind} finds its own load, --rate names one", hint="give one of them")
    if seconds is not None and (kind in {"--quick", "--spike", "--compare"} or (not kind and rate is None)):
        raise BadInput(
            f"{kind or 'a search'} takes as long as it needs, five minutes at most", hint="--seconds goes with --smoke, --rate and --soak"
        )
    return kind


# What has to be there for an option to say something.
GOES_WITH = {
    "--users": "a search", "--prometheus": "a search or --soak", "--growth": "--users", "--allow-overload": "a search or --spike; other load tests send what they are told", "--bind": "--workers",
}  # fmt: skip


def none_in_vain(idle: Mapping[str, bool]) -> None:
    """Raises BadInput for the first option that would be passed over in silence."""
    for name, in_vain in idle.items():
        if in_vain:
            raise BadInput(f"{name} says nothing here", hint=f"it goes with {GOES_WITH[name]}")


def nothing_before(context: typer.Context) -> None:
    """Raises BadInput for options in front of a command that has its own."""
    named = {one.name: one.opts[0] for one in context.command.params if one.name}
    given = [option for name, option in named.items() if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    if given:
        raise BadInput(
            f"{', '.join(given)} in front of {context.invoked_subcommand} would be passed over",
            hint=f"put options behind it: cmctl loadtest {context.invoked_subcommand} --help",
        )
