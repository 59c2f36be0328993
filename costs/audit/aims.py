"""Goals against the tables: limits on the cost of a user, revenue, margin, what "users" means, capacity, shares, numbers of pods."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

from costs.audit.model import Facts, Finding, Goal, Table, Where
from costs.audit.sums import between, money, of_user, unit
from costs.audit.text import Text
from costs.audit.words import NUMBER, amounts, number
from costs.books import Book
from costs.exchange import convert
from costs.money import Money

HUNDRED = Decimal(100)
SHARE = re.compile(rf"({NUMBER})\s?GB[^()]{{0,20}}\((\d{{1,3}})%", re.IGNORECASE)
PODS = re.compile(r"\b(\d{1,4})\s?[-–]\s?(\d{1,4})\s+(?:\w+ )?(pods|replicas|instances)\b", re.IGNORECASE)
PLANNED = {
    "e-mail": ("mail", "resend", "sendgrid", "ses"),
    "domain": ("domain", "dns"),
    "backups": ("backup",),
    "bandwidth": ("bandwidth", "traffic", "transfer", "egress"),
    "staging": ("staging",),
    "tax": ("tax", "vat", "gst"),
    "payment fees": ("payment", "razorpay", "stripe"),
}


def findings(facts: Facts, book: Book | None) -> list[Finding]:
    checks: tuple[Callable[[Facts], list[Finding]], ...] = (
        _limits,
        _revenue,
        _margins,
        _bases,
        _capacities,
        _unpriced_phases,
        _unexplained,
        _no_line,
        _pools,
    )
    return [*(finding for check in checks for finding in check(facts)), *_claims(facts, book), *_fees(facts, book)]


def of(facts: Facts, kind: str) -> list[Goal]:
    return [goal for goal in facts.goals if goal.kind == kind]


def _true(facts: Facts, currency: str) -> list[tuple[Table, Decimal]]:
    """Tables in `currency` for users with the true cost of one, at the range's top."""
    return [
        (table, costs[1]) for table in facts.tables if table.currency == currency and (costs := of_user(table)) is not None and costs[1] > 0
    ]


def _limits(facts: Facts) -> list[Finding]:
    """A goal "below X for each user": missed, or so far above the truth that it forbids nothing."""
    done = []
    for goal in of(facts, "per user below"):
        true, own = _true(facts, goal.currency), goal.currency
        if not true:
            continue
        table, dearest = max(true, key=lambda pair: pair[1])
        if dearest >= goal.high:
            text = f"{table.title} costs {unit(dearest, own)} for each user, the goal is below {money(goal.high, own)}"
        elif goal.high >= dearest * HUNDRED:
            most = max(one.users[0] for one, _ in true)
            stated = [one for one in facts.tables if one.per_user and one.currency == own and one.per_user.low >= goal.high]
            figures = " and ".join(money(one.per_user.low, own) for one in stated if one.per_user)
            wrong = f"; read for 1,000 users, {figures} do not meet it" if stated else ""
            allowed = money(goal.high * most, own)
            text = f"the dearest table costs {unit(dearest, own)} for each user, {goal.high / dearest:,.0f} times less: the goal allows {allowed} a month at {most:,.0f} users{wrong}"
        else:
            continue
        done.append(Finding("limit", goal.where, text))
    return done


def _revenue(facts: Facts) -> list[Finding]:
    """Revenue over users × conversion is what each payer must pay; a plan's price says whether they do."""
    shares = of(facts, "conversion")
    done = []
    for goal in of(facts, "revenue"):
        people = [one for one in of(facts, "users") if one.where.file == goal.where.file]
        near = [one for one in shares if one.where.file == goal.where.file]
        if not people or not near:
            continue
        users, share = max(one.high for one in people), near[0].low
        payers = users * share / HUNDRED
        if not payers:
            continue
        each = goal.low / payers
        text = f"{money(goal.low, goal.currency)} / ({users:,.0f} users × {share.normalize():f} %) = {money(each, goal.currency)} for each payer"
        price = next(iter(of(facts, "plan price")), None)
        if price is None:
            done.append(Finding("implies", goal.where, text))
            continue
        paid = convert(Money(price.low, price.currency), goal.currency).money.amount
        if paid * payers < goal.low:
            needed = convert(Money(each, goal.currency), price.currency).money
            text += f"; the plan of {Money(price.low, price.currency)} ({price.where}) is {money(paid, goal.currency)}, which makes at most {money(paid * payers, goal.currency)}; it would have to be {needed}"
            done.append(Finding("revenue", goal.where, text))
    return done


def _margins(facts: Facts) -> list[Finding]:
    """A margin of one figure from a cost that is a range, or a margin that revenue and cost do not give."""
    done = []
    for goal in of(facts, "margin"):
        revenue = next((one for one in of(facts, "revenue") if one.thing == goal.thing), None)
        cost = next((one for one in of(facts, "cost") if one.thing == goal.thing), None)
        if revenue is None or cost is None or not revenue.low or revenue.currency != cost.currency:
            continue
        worst, best = ((1 - amount / revenue.low) * HUNDRED for amount in (cost.high, cost.low))
        if round(worst, 1) <= goal.low <= round(best, 1) and round(worst, 1) == round(best, 1):
            continue
        said = f"1 - {between(cost.low, cost.high, cost.currency)} / {money(revenue.low, cost.currency)} = {worst:.1f}-{best:.1f} %, stated {goal.low.normalize():f} %"
        only = f"; it holds only at {money(cost.high, cost.currency)}" if round(worst, 1) == goal.low else ""
        done.append(Finding("margin", goal.where, f"{said}{only}; infrastructure is the only cost counted"))
    return done


def _bases(facts: Facts) -> list[Finding]:
    """A number of users that is concurrent in one place and what the cost is divided by in another; a load test far below."""
    done = []
    for goal in of(facts, "concurrent"):
        tables = [table for table in facts.tables if table.users and table.where.file == goal.where.file]
        priced = max(tables, key=lambda table: table.users[0], default=None)
        if priced is None or priced.users[0] != goal.high or "total users" in goal.text.lower():
            continue
        text = f"{goal.high:,.0f} users are concurrent here; the table in line {priced.where.line} is for {priced.users[0]:,.0f} users"
        tested = next((one for one in of(facts, "load test") if one.where.file == goal.where.file and one.high < goal.high), None)
        text += f", and the load test (line {tested.where.line}) is for {tested.high:,.0f}" if tested else ""
        served = next((one for one in of(facts, "serves") if one.where.file == goal.where.file and one.high), None)
        if served is not None:
            text += f"; the {served.high:,.0f} requests a second of line {served.where.line} are one for each in {goal.high / served.high:,.0f} s"
        done.append(Finding("basis", goal.where, text))
    return done


def _capacities(facts: Facts) -> list[Finding]:
    """The first phase is to hold no more at once than what is there already."""
    present = next((goal for goal in of(facts, "concurrent") if goal.thing == "present"), None)
    first = next(
        (goal for goal in of(facts, "concurrent") if goal.thing == "phase 1" and present and goal.where.file == present.where.file), None
    )
    if present is None or first is None or first.high > present.high:
        return []
    text = f"phase 1 holds {first.high:,.0f} at once; the present setup is said to hold {present.low:,.0f}-{present.high:,.0f} already (line {present.where.line})"
    return [Finding("capacity", first.where, text)]


def _unpriced_phases(facts: Facts) -> list[Finding]:
    """Phases with users in their headings that no table is for, where some table is."""
    priced = {table.thing for table in facts.tables} | {f"{table.users[0]:f}" for table in facts.tables if table.users}
    files = {table.where.file for table in facts.tables if table.total}
    without = [
        goal for goal in of(facts, "phase") if goal.where.file in files and goal.thing not in priced and f"{goal.high:f}" not in priced
    ]
    if not without:
        return []
    return [
        Finding("no price", without[0].where, f"{', '.join(goal.thing for goal in without)}: named with users, but no table gives a cost")
    ]


def _unexplained(facts: Facts) -> list[Finding]:
    done = []
    for table in facts.tables:
        for item in table.items:
            vague = re.match(r"^(?:other|misc|various|rest)\b", item.name, re.IGNORECASE)
            if vague and item.amount and table.total and table.total.low and item.amount.low >= table.total.low / 10:
                share = item.amount.low / table.total.low * HUNDRED
                done.append(
                    Finding(
                        "unexplained", item.where, f"{item.name}: {money(item.amount.low, table.currency)} is {share:.1f} % of the total"
                    )
                )
    return done


def _no_line(facts: Facts) -> list[Finding]:
    """What is usually paid for and stands in no table."""
    tables = [table for table in facts.tables if any(item.amount for item in table.items) and table.total]
    if not tables:
        return []
    said = " ".join(item.name.lower() for table in tables for item in table.items)
    missing = [name for name, marks in PLANNED.items() if not any(mark in said for mark in marks)]
    return [Finding("no line", tables[0].where, f"no table has a line for {', '.join(missing)}")] if missing else []


def _claims(facts: Facts, book: Book | None) -> list[Finding]:
    """`10x cheaper than S3` at list prices."""
    done = []
    for goal in of(facts, "cheaper"):
        name, price, unit = goal.text.split(" ")
        other = next(
            (one for one in (book.prices if book else {}).values() if name in one.id and one.price and unit in one.unit.lower()), None
        )
        if other is not None and other.price is not None and Decimal(price):
            factor = other.price / Decimal(price)
            if factor < goal.low * Decimal("0.9"):
                text = f"{other.title} is {money(other.price)} for a {other.unit}, {factor:.2f} times {money(Decimal(price))}, not {goal.low:f} times"
                done.append(Finding("claim", goal.where, text))
    return done


def _fees(facts: Facts, book: Book | None) -> list[Finding]:
    """What taking the revenue costs, beside the whole infrastructure."""
    fee = [book.prices[name].price or Decimal(0) for name in ("payment-fee", "payment-tax") if book and name in book.prices]
    revenue = next((goal for goal in of(facts, "revenue") if goal.currency == "USD"), None)
    table = max(
        (one for one in facts.tables if one.total and one.currency == "USD"),
        key=lambda one: cast("Decimal", one.total and one.total.high),
        default=None,
    )
    if not fee or revenue is None or table is None or table.total is None or not table.total.high:
        return []
    percent = sum(fee, Decimal(0))
    cost = revenue.low * percent / HUNDRED
    text = f"payment fees of {percent.normalize():f} % on {money(revenue.low)} are {money(cost)}, {cost / table.total.high:.1f} times the {money(table.total.high)} of {table.title}"
    return [Finding("implies", revenue.where, text + _of_a_sale(facts, percent))]


def _of_a_sale(facts: Facts, percent: Decimal) -> str:
    """The fee on one sale of the plan, beside what one user costs."""
    plan, true = next(iter(of(facts, "plan price")), None), _true(facts, "USD")
    if plan is None or not true:
        return ""
    fee = Money(plan.low * percent / HUNDRED, plan.currency)
    dollars = convert(fee, "USD").money.amount
    table, dearest = max(true, key=lambda pair: pair[1])
    return f"; on each sale of {Money(plan.low, plan.currency)} {fee} ({money(dollars)}), {dollars / dearest:,.0f} times what a user costs in {table.title}"


def _pools(facts: Facts) -> list[Finding]:
    """Connections for each piece, when each of its workers opens as many."""
    done = []
    for goal in of(facts, "connections"):
        workers, pods = (next((one for one in of(facts, kind) if one.where.file == goal.where.file), None) for kind in ("workers", "pods"))
        if workers is not None and pods is not None and workers.high > 1:
            each = goal.high * workers.high
            text = f"{goal.high:,.0f} connections for each piece are {each:,.0f} where each of its {workers.high:f} workers (line {workers.where.line}) has a pool, {each * pods.high:,.0f} in {pods.high:f} (line {pods.where.line})"
            done.append(Finding("implies", goal.where, text))
    return done


def of_lines(found: Sequence[Text]) -> list[Finding]:
    """Shares with both figures in the text, and numbers of pods given in several ways."""
    return [*_shares(found), *_pods(found)]


def _shares(found: Sequence[Text]) -> list[Finding]:
    """`1.2GB (70% of available)` beside `2GB RAM`."""
    sizes: dict[str, tuple[Decimal, Where]] = {}
    for line in found:
        for size, noun in re.findall(rf"({NUMBER})\s?GB\s+(RAM|SSD)", line.text, re.IGNORECASE):
            sizes.setdefault("memory" if noun.lower() == "ram" else "storage", (number(size), line.where))
    done = []
    for line in found:
        match = SHARE.search(line.text)
        whole = next((pair for noun, pair in sizes.items() if noun in line.text.lower()), None)
        if match and whole and whole[0] and not amounts(line.text):
            share = number(match[1]) / whole[0] * HUNDRED
            if abs(share - number(match[2])) >= 1:
                text = f"{match[1]} of {whole[0].normalize():f} GB (line {whole[1].line}) is {share:.1f} %, stated {match[2]} %"
                done.append(Finding("percent", line.where, text))
    return done


def _pods(found: Sequence[Text]) -> list[Finding]:
    """Ranges of pods that differ, said once, with every place."""
    said: dict[str, Where] = {}
    for line in found:
        text = " ".join(line.cells) or line.text
        ranges = PODS.findall(text)
        for low, high, _ in ranges if len(ranges) == 1 else ():
            said.setdefault(f"{low}-{high}", line.where)
    tops = {key.partition("-")[2] for key in said}
    if len(tops) < 2 and len(said) < 2:
        return []
    places = ", ".join(f"{key} (line {where.line})" for key, where in said.items())
    return [Finding("pods", next(iter(said.values())), f"pods are {places}")]
