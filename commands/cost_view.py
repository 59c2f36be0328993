"""How estimates are shown: tables with bars on a terminal, the other forms as they are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from commands import options, ui
from costs import books, report
from costs.estimate import Estimate, estimate
from errors import BadInput, CannotTell
from phases.load import Loaded, load

if TYPE_CHECKING:
    from costs.live import Denominators
    from costs.per_user import PerUserReport
    from environments.model import Environment


@dataclass(frozen=True)
class Wish:
    """What a cost command is asked about."""

    platform: str
    env: str
    book: str
    users: int | None = None
    currency: str | None = None
    prometheus: str | None = None


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def estimated(wish: Wish, number: int, loaded: Loaded | None = None) -> Estimate:
    """The estimate of a phase; the hosts of an environment in the cloud are counted, elsewhere the phase's own figures stand."""
    return estimate(loaded or load(wish.platform), number, _book(wish), users=wish.users, environment=place(wish))


def place(wish: Wish) -> Environment | None:
    """The environment whose hosts are counted; None for `local`, which buys nothing."""
    if wish.env == "local":
        return None
    from environments import load as environments

    return environments.load(wish.env)


def _book(wish: Wish) -> books.Book:
    book = books.load(wish.book)
    return book.in_currency(wish.currency.upper()) if wish.currency else book


def for_users(wish: Wish, one: Estimate, *, counted: bool) -> PerUserReport:
    """Costs of one user at the capacity that the last load test of this phase and environment left.

    With `counted` the environment's Prometheus is asked who is there; what it does not tell is said in the notes.
    """
    from costs import capacity
    from costs.per_user import per_user
    from environments.home import home

    measured = capacity.read(home(), wish.platform, wish.env, one.phase)
    live, notes = _counted(wish) if counted else (None, [])
    found = per_user(one, measured, live)
    return replace(found, notes=(*found.notes, *notes))


def _counted(wish: Wish) -> tuple[Denominators | None, list[str]]:
    from commands import cost_live
    from environments import load as environments

    url = cost_live.address(wish.prometheus, environments.load(wish.env))
    if url is None:
        return None, [f"nobody was counted: environment {wish.env} names no prometheus_url (or give --prometheus)"]
    return cost_live.asked(url, cost_live.questions(load(wish.platform)))


def phase(wish: Wish, number: int, *, per_user: bool, form: str) -> None:
    """One phase in the form asked for; ends with exit 6 when a price is missing."""
    one = estimated(wish, number)
    forms: dict[str, Callable[[], None]] = {
        "table": lambda: _table(wish, one, per_user=per_user),
        "json": lambda: _json(wish, one, counted=per_user),
        "csv": lambda: print(report.to_csv(one), end=""),
        "markdown": lambda: print(_markdown(one)),
        "html": lambda: print(_html(wish, one, counted=per_user)),
        "openmetrics": lambda: print(_openmetrics(wish, one, counted=per_user), end=""),
    }
    if form not in forms:
        raise BadInput(f"--format {form} is not known", why=f"known: {', '.join(forms)}", hint="--format table")
    forms[form]()
    refuse_unknown(one)


def refuse_unknown(one: Estimate) -> None:
    if one.unknown:
        names = ", ".join(line.title for line in one.unknown)
        raise CannotTell(
            f"the total of phase {one.phase} is only a lower bound: {names} {'has' if len(one.unknown) == 1 else 'have'} no price",
            why="\n".join(line.why for line in one.unknown),
            hint="put the prices into a book of your own (base: " + one.book + ") and name it with --book",
        )


def _table(wish: Wish, one: Estimate, *, per_user: bool) -> None:
    ui.table(report.COLUMNS, report.rows(one), title=f"{one.platform}, phase {one.phase}: {one.title}", right=("a month",))
    for name, text in report.summary(one, today()):
        print(f"{f'{name}:':<18}{text}")
    if per_user:
        found = for_users(wish, one, counted=True)
        ui.table(report.PER_USER_COLUMNS, report.per_user_rows(found), right=("users", "a month"))
        if found.used is not None and found.headroom is not None:
            print(f"of the total, {found.used} is used now and {found.headroom} is headroom")
        for note in found.notes:
            ui.say(f"note: {note}")
    ui.hint(
        f"cmctl cost decide --users {one.users.registered:.0f}{_same(wish, per_user=False)}"
        if per_user
        else f"cmctl cost --phase {one.phase}{_same(wish)}"
    )


def _same(wish: Wish, *, per_user: bool = True) -> str:
    """The options that ask about the same thing again; what goes without saying is left out."""
    platform = "" if wish.platform == options.PLATFORM else f" --platform {wish.platform}"
    env = "" if wish.env == "local" else f" --env {wish.env}"
    book = "" if wish.book == "seed" else f" --book {wish.book}"
    return f"{platform}{env}{book}{' --per-user' if per_user else ''}"


def _json(wish: Wish, one: Estimate, *, counted: bool) -> None:
    found = for_users(wish, one, counted=counted)
    ui.emit("cmctl/cost/1", {**report.as_dict(one, today()), "denominators": report.per_user_dict(found), "notes": list(found.notes)})


def _markdown(one: Estimate) -> str:
    facts = "\n".join(f"- **{name}**: {text}" for name, text in report.summary(one, today()))
    return f"{report.markdown_table(report.COLUMNS, report.rows(one))}\n\n{facts}"


def _html(wish: Wish, one: Estimate, *, counted: bool) -> str:
    from costs import page

    return page.of_estimate(one, for_users(wish, one, counted=counted), today())


def _openmetrics(wish: Wish, one: Estimate, *, counted: bool) -> str:
    from costs import openmetrics

    return openmetrics.text([(one, for_users(wish, one, counted=counted))])


def phases(wish: Wish, *, as_json: bool) -> None:
    """All phases beside each other."""
    loaded = load(wish.platform)
    found = [estimated(wish, number, loaded) for number in sorted(loaded.phases)]
    if as_json:
        ui.emit("cmctl/costs/1", {"phases": [report.as_dict(one, today()) for one in found]})
    else:
        ui.table(
            report.PHASE_COLUMNS, report.phase_rows(found), title=f"{loaded.platform.title}, book {wish.book}", right=("users", "a month")
        )
        ui.hint(f"cmctl cost --phase {found[-1].phase}{_same(wish)}")
    for one in found:
        refuse_unknown(one)
