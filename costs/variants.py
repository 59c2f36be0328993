"""Phases × database tiers × numbers of machines: what could be run, beyond what the phases' files declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from costs.books import Book
from costs.curves import Option
from costs.decide import Decision, decide, option
from costs.estimate import estimate
from errors import CannotTell
from phases.load import Loaded
from phases.model import Database, Phase

GROWS = ("app", "node")
MOST = 2


@dataclass(frozen=True)
class Variants:
    """The decision among all variants; `assumed` says on what their capacities rest, `skipped` what has no price."""

    decision: Decision
    assumed: tuple[str, ...]
    skipped: tuple[str, ...]


def decide_among(loaded: Loaded, book: Book, *, capacities: Mapping[int, int] | None = None) -> Variants:
    """Every phase with 1 to twice its application machines and every tier that some phase declares.

    Capacity is the smaller of two: the phase's (measured, else declared) for each machine times their number, and what the tier
    holds in the largest phase that declares it. Nobody measured a variant: measure the one you choose.
    """
    tiers = _tiers(loaded, capacities or {})
    options: list[Option] = []
    skipped: list[str] = []
    missing: dict[str, None] = {}
    for phase in loaded.phases.values():
        users = (capacities or {}).get(phase.number, phase.target.users)
        for name, changed, capacity in _of(phase, users, tiers):
            one = estimate(replace(loaded, phases={**loaded.phases, phase.number: changed}), phase.number, book, users=capacity)
            if one.unknown:
                skipped.append(name)
                missing.update(dict.fromkeys(line.title for line in one.unknown))
            else:
                options.append(option(one, capacity, name))
    assumed = (
        "users grow in proportion to the machines that run the application",
        *(f"{tier} holds {users:,} users, as in the largest phase with it" for tier, (_, users) in tiers.items()),
    )
    if skipped and not options:
        raise CannotTell(
            f"no variant can be priced with book {book.name}",
            why=f"no price for {', '.join(missing)}",
            hint=f"put the prices into a book of your own (base: {book.name}) and name it with --book",
        )
    return Variants(decide(options, book.currency), assumed, tuple(skipped))


def _tiers(loaded: Loaded, capacities: Mapping[int, int]) -> dict[str, tuple[Database, int]]:
    found: dict[str, tuple[Database, int]] = {}
    for phase in loaded.phases.values():
        users = capacities.get(phase.number, phase.target.users)
        if users > found.get(phase.database.tier, (None, 0))[1]:
            found[phase.database.tier] = (phase.database, users)
    return found


def _of(phase: Phase, users: int, tiers: Mapping[str, tuple[Database, int]]) -> Iterator[tuple[str, Phase, int]]:
    role = next((role for role in phase.hosts if role in GROWS), None)
    declared = phase.hosts[role].count if role else 1
    for count in range(1, MOST * declared + 1) if role else (1,):
        for tier, (database, holds) in tiers.items():
            hosts = {**phase.hosts, role: phase.hosts[role].model_copy(update={"count": count})} if role else phase.hosts
            changed = phase.model_copy(update={"hosts": hosts, "database": database})
            yield f"phase {phase.number}, {count} {role}, {tier}", changed, min(users * count // declared, holds)
