"""Who uses the platform now, asked of its Prometheus. What cannot be told is said and stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from costs import bills
from costs.live import QUESTIONS, WINDOW_S, Denominators, Question, denominators
from environments.model import Environment
from errors import BadInput
from monitoring.gateway import Gateway, Stale, Unreachable, Value
from phases.load import Loaded


def address(given: str | None, place: Environment) -> str | None:
    """Where Prometheus is: as `given`, else as the environment's file says, else where it opens it on this machine; None: nowhere known.

    Raises BadInput for an address that is none.
    """
    url = given or place.prometheus_url
    if url is None and place.kind == "local" and place.listen.prometheus:
        url = f"http://127.0.0.1:{place.listen.prometheus}"
    if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
        raise BadInput(f"--prometheus {url} is no address", hint="--prometheus http://127.0.0.1:9090")
    return url


def questions(loaded: Loaded) -> dict[str, Question]:
    """How users are counted: as the platform's bill says, else as the application that comes with cmctl does."""
    own = bills.load(loaded).bill.counted
    return {**QUESTIONS, **{basis: Question(one.expression, one.meaning, one.fresh) for basis, one in own.items()}}


def asked(url: str, wanted: Mapping[str, Question] = QUESTIONS) -> tuple[Denominators, list[str]]:
    """The denominators that Prometheus at `url` gives, and why it does not give the others. Nobody there is asked once only."""
    notes: list[str] = []
    away = False

    def number(question: Question) -> float | None:
        nonlocal away
        if away:
            return None
        found = gateway.ask(question.expression, fresh=question.fresh, within_s=WINDOW_S)
        if isinstance(found, Value) and found.number is not None:
            notes.extend(f"{question.expression}: {warning}" for warning in found.warnings)
            return found.number
        away = isinstance(found, Unreachable)
        told = "several values" if isinstance(found, Value) else f"too old: {found.why}" if isinstance(found, Stale) else found.why
        notes.append(f"not counted: {told}")
        return None

    with Gateway(url) as gateway:
        return denominators(number, wanted), notes
