"""Who knows what is in use while load is on: a Prometheus where one is named, else the hosts' own figures, else nobody, with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from commands import cost_live, load_plan
from environments.load import load as load_environment
from environments.model import Environment
from hosts import door
from hosts.figures import Figures
from layout.release import Target
from loadtests import scraped, uses
from loadtests.result import Watched
from loadtests.uses import Look, Window
from monitoring.gateway import BadQuery, Gateway, NoData, Unreachable, Value, shown
from stacks.deployment import Facts, Wish, facts, targets

Shares = Mapping[str, float]
ASK_S = 3.0
# All questions about all probes together; an hour's soak asks some 700, each a few milliseconds.
RECALL_S = 15.0
HINT = "name its Prometheus: --prometheus URL, or prometheus_url in the environment's file"


@dataclass
class Watching:
    """A load test's watch, made of those who answer. Nothing in it raises: a figure that is missing is no reason to end a load test.

    `looking` is asked beside the load, `looks_at` says at what; `memory` is asked afterwards.
    """

    looking: Callable[[], Shares] | None = None
    looks_at: str = ""
    memory: Memory | None = None
    why: list[str] = field(default_factory=list)
    _knew: set[str] = field(default_factory=set)

    @property
    def asked(self) -> list[str]:
        """Who is asked, in words."""
        return [*([self.looks_at] if self.looking else []), *([self.memory.place] if self.memory else [])]

    def look(self) -> Shares:
        if self.looking is None:
            return {}
        try:
            return self._noted(self.looks_at, self.looking())
        except Exception as error:  # noqa: BLE001 - whatever it is, the load goes on, and the report says it
            self.tell(f"a look at {self.looks_at} failed: {type(error).__name__}: {error}")
            return {}

    def recall(self, windows: Sequence[Window]) -> Mapping[str, Shares]:
        found: dict[str, Shares] = {}
        if self.memory is None:
            return found
        try:
            for probe, shares in self.memory.recalled(windows, self.tell):
                found[probe] = self._noted(self.memory.place, shares)
        except Exception as error:  # noqa: BLE001 - as above
            self.tell(f"{self.memory.place} was not asked to the end: {type(error).__name__}: {error}")
        return found

    def told(self) -> Watched:
        """Whom the shares come from, and what is missing in them."""
        knew = [one for one in self.asked if one in self._knew]
        silent = [f"{one} had no figures" for one in self.asked if one not in self._knew]
        return Watched(by=" and ".join(knew), why="; ".join([*self.why, *silent, *([] if knew else [HINT])]))

    def _noted(self, who: str, shares: Shares) -> Shares:
        if shares:
            self._knew.add(who)
        return shares

    def tell(self, text: str) -> None:
        """Note, once, what is missing and why."""
        if text not in self.why:
            self.why.append(text)


class Memory:
    """What a Prometheus kept. It is asked when the last probe is over: it knows when each one was, and no question meets the load."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.place = f"Prometheus at {shown(url)}"

    def absent(self) -> str:
        """Why it cannot be asked; empty where it can."""
        with Gateway(self._url, ASK_S) as gateway:
            found = gateway.ask("up")
        if isinstance(found, NoData):
            return f"{self.place} scrapes nothing"
        return "" if isinstance(found, Value) else f"Prometheus: {found.why}"

    def recalled(self, windows: Sequence[Window], tell: Callable[[str], None]) -> Iterator[tuple[str, Shares]]:
        """Probe → shares in its window, as far as time and Prometheus allow; what is missing is told."""
        until = time.monotonic() + RECALL_S
        with Gateway(self._url, ASK_S) as gateway:
            ahead, scrape_s = _ahead_s(gateway), _scrape_s(gateway)
            for window in windows:
                ask = partial(_rows, gateway, window.ended + ahead, until, tell)
                try:
                    shares = scraped.shares(ask, scraped.looked_back_s(window.ended - window.began, scrape_s))
                except ConnectionError as error:
                    tell(str(error))
                    return
                yield window.probe, shares


def _rows(gateway: Gateway, at: float, until: float, tell: Callable[[str], None], expression: str) -> list[scraped.Row]:
    """Raises ConnectionError where nobody is there any more, or the time for asking is over."""
    if time.monotonic() > until:
        raise ConnectionError(f"Prometheus at {gateway.place} is slow: it was not asked about every probe")
    found = gateway.ask(expression, at=at)
    if isinstance(found, Unreachable):
        raise ConnectionError(found.why)
    if isinstance(found, BadQuery):
        tell(f"{gateway.place} does not understand a question: {found.why}")
    return [(one.labels, one.value) for one in found.samples] if isinstance(found, Value) else []


def _ahead_s(gateway: Gateway) -> float:
    """How much later it is by Prometheus' clock than by this machine's."""
    before = time.time()
    found = gateway.ask("time()")
    return found.number - (before + time.time()) / 2 if isinstance(found, Value) and found.number is not None else 0.0


def _scrape_s(gateway: Gateway) -> float:
    found = gateway.ask(scraped.INTERVAL)
    return found.number if isinstance(found, Value) and found.number else scraped.SCRAPE_S


class OnHosts:
    """Shares since the call before, from the hosts' own figures; {} at first."""

    def __init__(self, there: Mapping[str, Target], prefix: str, tell: Callable[[str], None], *, one_machine: bool) -> None:
        self._there, self._prefix, self._tell, self._one_machine = there, prefix, tell, one_machine
        self._before: dict[str, Figures] = {}

    def __call__(self) -> Shares:
        seen = door.figures_now(self._there)
        for why in seen.values():
            if isinstance(why, str):
                self._tell(why)
        before, self._before = self._before, {host: one for host, one in seen.items() if isinstance(one, Figures)}
        shares: dict[str, float] = {}
        for host, now in self._before.items():
            if host in before:
                seconds = now.clock - before[host].clock
                shares |= uses.compare(self._named(host, before[host]), self._named(host, now), seconds)
        return shares

    def _named(self, host: str, figures: Figures) -> dict[str, Look]:
        """Hosts of a lab have this machine's cores, all of them, and its memory, which is others' too."""
        own = {"this machine": replace(figures.host, limit_bytes=0.0)} if self._one_machine else {f"host {host}": figures.host}
        ours = {name.removeprefix(self._prefix): look for name, look in figures.containers.items() if name.startswith(self._prefix)}
        return {**own, **{f"{name} on {host}": look for name, look in ours.items()}}


def watching(asked: load_plan.Asked) -> Watching:
    """The watch for a load test. Raises BadInput for an address of a Prometheus that is none."""
    environment = load_environment(asked.environment)
    watch = Watching()
    if url := _prometheus(asked, environment):
        memory = Memory(url)
        if why := memory.absent():
            watch.why.append(why)
        else:
            watch.memory = memory
    elif environment.kind != "local":
        watch.why.append(f"environment {environment.name} names no Prometheus")
    if environment.kind == "local":
        _here(watch, asked)
    elif watch.memory is None:
        _on_hosts(watch, asked, environment)
    return watch


def _here(watch: Watching, asked: load_plan.Asked) -> None:
    watch.looking, watch.looks_at = uses.local(asked.platform, asked.environment), "the containers' own figures"
    if watch.looking is None:
        watch.why.append("no container engine is on this machine")


def _on_hosts(watch: Watching, asked: load_plan.Asked, environment: Environment) -> None:
    there = _hosts(facts(Wish(asked.platform, asked.phase, asked.environment)))
    if not there:
        watch.why.append(f"phase {asked.phase} has no hosts that could be asked instead")
        return
    watch.looking = OnHosts(there, f"{asked.platform}-{asked.environment}-", watch.tell, one_machine=environment.kind == "lab")
    watch.looks_at = f"the figures of {', '.join(there)} and their containers"


def _hosts(found: Facts) -> dict[str, Target]:
    """The hosts that carry the phase, and what it stands on."""
    if found.in_cluster:
        return {}
    return {host: target for layer in found.layers for host, target in targets(found, layer).items()}


def _prometheus(asked: load_plan.Asked, environment: Environment) -> str | None:
    """As `cost` finds it; a local environment's own listens where its users do."""
    if environment.kind == "local" and not (asked.prometheus or environment.prometheus_url):
        port, address = environment.listen.prometheus, environment.listen.address
        # Only a phase with monitoring has one.
        phase = load_plan.phase(asked)
        return f"http://{'127.0.0.1' if address.is_unspecified else address}:{port}" if port and phase.monitoring else None
    return cost_live.address(asked.prometheus, environment)
