"""How decisions are shown."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from commands import ui
from commands.cost_out import write
from commands.cost_view import Wish, estimated, place
from costs import books, capacity, inverse, objectives, report
from costs import curve as curves
from costs import tornado as tornados
from costs.curves import Segment
from costs.decide import BreakEven, Decision, Marginal, Switch, break_evens, hysteresis, marginal, of_phases
from costs.money import Money, shown, shown_unit
from costs.variants import decide_among
from environments.home import home
from errors import BadInput
from phases.load import Loaded, load

__all__ = ["Needs", "Terms", "Wish", "crossover", "curve", "decide", "needs", "slo", "tornado"]


SEGMENTS = ("from user", "to user", "cheapest", "a month at its end", "for each at its end")
SWITCHES = ("from user", "before", "after", "adds", "because")


@dataclass(frozen=True)
class Terms:
    """Growth in percent a month, what one move costs, and what may be chosen from."""

    growth: float
    migration: float
    variants: bool
    measured: bool


@dataclass(frozen=True)
class Needs:
    total: float
    users: int
    fixed: float
    pod: float | None
    price: float | None
    fee: float
    each: float | None
    conversion: float | None


def decided(wish: Wish, *, variants: bool, measured: bool) -> tuple[Decision, list[str]]:
    """The decision, and what must be said beside it."""
    loaded, book = load(wish.platform), books.load(wish.book)
    held = _held(wish, loaded) if measured else {}
    if variants:
        found = decide_among(loaded, book, capacities=held)
        skipped = [f"no price: {', '.join(found.skipped)}"] if found.skipped else []
        machines = [f"variants have the phases' machines, not those of {wish.env}"] if place(wish) is not None else []
        return found.decision, [*found.assumed, *skipped, *machines]
    decision = of_phases(loaded, book, capacities=held, environment=place(wish))
    notes = [f"phase {number}: measured, {users:,} registered users" for number, users in held.items()]
    rest = ["capacities of the other phases are their targets, not measurements"] if len(held) < len(loaded.phases) else []
    bounds = [f"{', '.join(decision.bounds)}: lower bounds, a price is missing"] if decision.bounds else []
    return decision, [*notes, *rest, *bounds]


def _held(wish: Wish, loaded: Loaded) -> dict[int, int]:
    """Registered users by phase, from the records of load tests at the phase's ratio of registered to concurrent."""
    found = {}
    for number, phase in loaded.phases.items():
        record = capacity.read(home(), wish.platform, wish.env, number)
        if record is not None:
            found[number] = record.users.middle * phase.target.users // phase.target.concurrent
    return found


def decide(wish: Wish, terms: Terms, *, as_json: bool) -> None:
    decision, notes = decided(wish, variants=terms.variants, measured=terms.measured)
    users, growth = 1 if wish.users is None else wish.users, Decimal(str(terms.growth)) / 100
    after = marginal(decision, users, growth)
    if as_json:
        ui.emit("cmctl/cost-decide/1", {**_document(decision, after), "notes": notes})
        return
    ui.table(SEGMENTS, [_segment(decision, one) for one in decision.segments], right=SEGMENTS[:2])
    ui.table(SWITCHES, [_switch_row(one) for one in decision.switches], right=("from user", "adds"))
    cost = decision.cost(users)
    best, mark = decision.best(users).name, _mark(decision, decision.best(users).name)
    print(f"{users:,} users: {best}, {mark}{shown(cost)} a month, {mark}{shown_unit(cost.per(users))} each")
    print(*_after(after), *_back(decision, users, terms, growth), sep="\n")
    for one in () if terms.variants else break_evens(decision.options, decision.currency):
        print(_average(one))
    for note in notes:
        ui.say(f"note: {note}")


def _document(decision: Decision, after: Marginal) -> dict[str, object]:
    return {
        "users": after.users,
        "best": decision.best(after.users).name,
        "cost": str(decision.cost(after.users).amount),
        "next_user": str(after.next_user.amount),
        "lower_bounds": list(decision.bounds),
        "switches": [_switch(one) for one in decision.switches],
    }


def _average(one: BreakEven) -> str:
    """From how many users on a later option's average is as good as an earlier one's best."""
    if one.users is None:
        when = "never"
    elif one.never:
        when = f"never: only at {one.users:,}, above what it holds"
    else:
        when = f"from {one.users:,} users"
    return f"{one.later} beats the best average of {one.earlier} ({shown_unit(one.best)}) {when}"


def _segment(decision: Decision, one: Segment) -> tuple[str, ...]:
    cost, mark = decision.cost(one.end), _mark(decision, one.option.name)
    return (f"{one.start:,}", f"{one.end:,}", one.option.name, mark + shown(cost), mark + shown_unit(cost.per(one.end)))


def _mark(decision: Decision, name: str) -> str:
    return "≥ " if name in decision.bounds else ""


def _switch_row(one: Switch) -> tuple[str, ...]:
    return (f"{one.at:,}", one.before, one.after, report.signed(one.step), "the former is full" if one.forced else "it is cheaper")


def _switch(one: Switch) -> dict[str, object]:
    return {"at": one.at, "before": one.before, "after": one.after, "step": str(one.step.amount), "forced": one.forced}


def _after(after: Marginal) -> list[str]:
    found = [f"the next user costs {shown_unit(after.next_user)} ({shown_unit(after.usage)} usage, {shown(after.step)} step)"]
    if after.switch is not None:
        when = f", in {after.months} months at this growth" if after.months is not None else ""
        spread = f", {shown_unit(after.mean)} for each seat it adds" if after.mean is not None else ""
        found.append(f"user {after.switch.at:,} costs {report.signed(after.switch.step)}{spread}; {after.seats:,} seats are left{when}")
    return found


def _back(decision: Decision, users: int, terms: Terms, growth: Decimal) -> list[str]:
    """When going back below the last switching point pays."""
    last = next((one for one in reversed(decision.switches) if one.at <= users), decision.switches[0] if decision.switches else None)
    if last is None or terms.migration <= 0:
        return []
    found = hysteresis(last, Money(Decimal(str(terms.migration)), decision.currency), growth)
    if found.payback is None:
        return [f"going back from {last.after} saves nothing"]
    below = f"only below {found.down_at:,} users" if found.down_at else "at no number of users"
    return [
        f"going back from {last.after} to {last.before} saves {shown(found.saving)} a month and pays after {found.payback:.1f} months: {below}"
    ]


def curve(wish: Wish, html: Path | None, *, variants: bool) -> None:
    decision, notes = decided(wish, variants=variants, measured=False)
    if html is None:
        print(curves.text(decision))
    else:
        from costs import page

        write(html, page.of_curve(decision, f"{wish.platform}: cost of one user, book {wish.book}"))
        ui.say(f"written: {html}")
    for note in notes:
        ui.say(f"note: {note}")


def slo(wish: Wish, *, as_json: bool) -> None:
    loaded = load(wish.platform)
    pairs = [(estimated(wish, number, loaded), phase.slo.availability) for number, phase in sorted(loaded.phases.items())]
    targets = objectives.targets(pairs)
    found = objectives.steps(targets)
    cheapest = objectives.frontier(targets)
    rows = [_slo(step) for step in found]
    bounds = [f"phase {one.phase}" for one, _ in pairs if one.unknown]
    if bounds:
        ui.say(f"note: {', '.join(bounds)}: lower bounds, a price is missing")
    if as_json:
        ui.emit(
            "cmctl/cost-slo/1",
            {
                "steps": [dict(zip(("from", "to", "minutes", "adds", "per_minute", "seats", "beyond"), row, strict=True)) for row in rows],
                "lower_bounds": bounds,
            },
        )
        return
    ui.table(
        ("from", "to", "minutes avoided", "adds", "for a minute", "its seats are worth", "beyond the seats"),
        rows,
        right=("minutes avoided", "adds"),
    )
    ui.say("note: for a minute is an upper bound: the same money also buys seats")
    ui.say(
        "note: the cheapest for each availability: "
        + ", ".join(
            f"{(one.availability * 100).normalize():f} % {one.name} {'≥ ' if one.name in bounds else ''}{shown(one.total)}"
            for one in cheapest
        )
    )


def _slo(step: objectives.Step) -> tuple[str, ...]:
    def share(target: objectives.Target) -> str:
        return f"{target.name} ({(target.availability * 100).normalize():f} %)"

    each = [shown(one) if one is not None else "none avoided" for one in (step.per_minute, step.beyond)]
    return (share(step.before), share(step.after), f"{step.minutes.normalize():f}", shown(step.added), each[0], shown(step.seats), each[1])


def tornado(wish: Wish, number: int, *, as_json: bool) -> None:
    one = estimated(wish, number)
    found = tornados.tornado(one, capacity.read(home(), wish.platform, wish.env, number))
    if one.unknown:
        ui.say(f"note: lower bounds, no price for {', '.join(line.title for line in one.unknown)}")
    if as_json:
        ui.emit(
            "cmctl/cost-tornado/1",
            {"inputs": [{"input": swing.input, "low": str(swing.low.amount), "high": str(swing.high.amount)} for swing in found]},
        )
        return
    widest = max((swing.width for swing in found), default=Decimal(0))
    rows = [(swing.input, swing.text, shown_unit(swing.low), shown_unit(swing.high), report.bar(swing.width, widest)) for swing in found]
    ui.table(
        ("input", "from low to high", "a user at low", "a user at high", ""),
        rows,
        title=f"{one.platform}, phase {number}: {'≥ ' if one.unknown else ''}{shown_unit(one.per_user)} for each user",
    )


def needs(asked: Needs, *, as_json: bool) -> None:
    total, fixed = (Money(Decimal(str(one))) for one in (asked.total, asked.fixed))
    found: dict[str, str] = {"for each user": shown_unit(total.per(asked.users))}
    if asked.pod is not None:
        pod = Money(Decimal(str(asked.pod)))
        held = inverse.users_for_each_pod(asked.users, total, fixed, pod)
        pods = inverse.pods_within(total, fixed, pod)
        found["one pod must hold"] = "no pod is left in the budget" if held is None else f"{held:,} users ({pods} pods)"
    if asked.price is not None:
        share = inverse.conversion_for(total, asked.users, Money(Decimal(str(asked.price))), Decimal(str(asked.fee)))
        found["must pay"] = f"{share:.4%} of the users" + ("" if share <= 1 else ": more than there are")
    if asked.each is not None:
        found["must share it"] = f"{inverse.users_for(total, Money(Decimal(str(asked.each)))):,} users"
    if asked.conversion is not None:
        found["a payer must pay"] = shown_unit(inverse.price_for(total, asked.users, Decimal(str(asked.conversion)) / 100))
    if as_json:
        ui.emit("cmctl/cost-needs/1", {key.replace(" ", "_"): text for key, text in found.items()})
        return
    for key, text in found.items():
        print(f"{key}: {text}")


def crossover(usage: str, plan: str, name: str, *, as_json: bool) -> None:
    book = books.load(name)
    unknown = [one for one in (usage, plan) if one not in book.prices]
    if unknown:
        close = [match for one in unknown for match in difflib.get_close_matches(one, book.prices, n=1)]
        raise BadInput(
            f"book {name} has no price {', '.join(unknown)}",
            why=f"did you mean {', '.join(close)}?" if close else "",
            hint=f"cmctl cost prices check {name}",
        )
    found = inverse.crossover(book.prices[usage], book.prices[plan])
    price = book.prices[usage]
    unit = price.currency if price.unit == "percent" else price.unit
    if as_json:
        ui.emit("cmctl/cost-crossover/1", {"usage": usage, "plan": plan, "from": found, "unit": unit})
    else:
        print(
            f"{plan} never costs less than {usage}"
            if found is None
            else f"{plan} costs no more than {usage} from {found:,} {unit} a month on"
        )
