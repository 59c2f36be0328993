"""The steps that journeys are made of, by name. A step of the form `GET /path` needs no entry here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from errors import BadInput
from loadtests.own_steps import DRAWN, PER_USER, own_steps
from loadtests.own_steps import step as own_step
from loadtests.visits import Step, Visit
from phases.model import Journey
from phases.steps import WAY, Request

LITERAL = re.compile(r"^(GET|HEAD) (\S+)$")
OK = frozenset({200})
MADE = frozenset({200, 201})
# An administrator who was not the first to confirm a booking is told so; that is the platform working.
DONE_OR_TAKEN = frozenset({200, 409})
ANY_GOOD = frozenset(range(200, 400))
Own = Mapping[str, Request] | None


def _registration(visit: Visit) -> dict[str, Any]:
    return {"name": "Load Test", "email": visit.values["email"], "password": visit.values["password"]}


def _credentials(visit: Visit) -> dict[str, Any]:
    return {"email": visit.values["email"], "password": visit.values["password"]}


def _admin_credentials(visit: Visit) -> dict[str, Any]:
    return {"email": visit.values["admin_email"], "password": visit.values["admin_password"]}


def _booking(visit: Visit) -> dict[str, Any]:
    return {
        "company_id": visit.values["company_id"],
        "interview_type": visit.values["interview_type"],
        "slot_ids": [visit.values["slot_id"]],
    }


def _order(visit: Visit) -> dict[str, Any]:
    return {"plan_id": visit.values.get("plan_id", "starter")}


def _payment(visit: Visit) -> dict[str, Any]:
    return {"order_id": visit.values["order_id"], **visit.values["checkout"]}


def _confirmation(visit: Visit) -> dict[str, Any]:
    return {"booking_id": visit.values["pending_id"], "slot_id": visit.values["pending_slot_id"]}


def _keep_token(visit: Visit, answer: Any) -> None:
    visit.values["token"] = answer["token"]


def _keep_company(visit: Visit, answer: Any) -> None:
    visit.values["company_id"] = visit.random.choice(answer)["id"]


def _keep_plan(visit: Visit, answer: Any) -> None:
    visit.values["plan_id"] = visit.random.choice(answer)["id"]


def _keep_interview_type(visit: Visit, answer: Any) -> None:
    visit.values["interview_type"] = visit.random.choice(answer)["id"]


def _keep_slot(visit: Visit, answer: Any) -> None:
    visit.values["slot_id"] = visit.random.choice(answer)["id"]


def _keep_order(visit: Visit, answer: Any) -> None:
    visit.values["order_id"] = answer["id"]
    visit.values["checkout"] = {name: answer["checkout"][name] for name in ("payment_id", "signature")}


def _keep_pending(visit: Visit, answer: Any) -> None:
    """Any pending booking; with none there is nothing to confirm, and the journey ends here."""
    if answer:
        chosen = visit.random.choice(answer)
        visit.values["pending_id"], visit.values["pending_slot_id"] = chosen["id"], chosen["slot_ids"][0]


CATALOGUE: Mapping[str, Step] = {
    step.name: step
    for step in (
        Step("landing", "GET", "/", OK),
        Step("companies", "GET", "/api/companies", OK, keep=_keep_company, gives=("company_id",)),
        Step("pricing", "GET", "/api/pricing-plans", OK, keep=_keep_plan, gives=("plan_id",)),
        Step("interview_types", "GET", "/api/interview-types", OK, keep=_keep_interview_type, gives=("interview_type",)),
        Step("slots", "GET", "/api/time-slots", OK, keep=_keep_slot, gives=("slot_id",)),
        Step("register", "POST", "/api/auth/register-free", MADE, body=_registration, keep=_keep_token, gives=("token",)),
        Step("login", "POST", "/api/auth/login", OK, body=_credentials, keep=_keep_token, account=True, gives=("token",)),
        Step("dashboard", "GET", "/api/booking-requests", OK, signed_in=True),
        Step(
            "book", "POST", "/api/booking-requests", MADE, body=_booking, signed_in=True, reads=("company_id", "interview_type", "slot_id")
        ),
        Step(
            "create_order",
            "POST",
            "/api/payment/create-order",
            MADE,
            body=_order,
            keep=_keep_order,
            signed_in=True,
            gives=("order_id", "checkout"),
        ),
        Step("verify_payment", "POST", "/api/payment/verify-payment", OK, body=_payment, signed_in=True, reads=("order_id", "checkout")),
        Step(
            "admin_login",
            "POST",
            "/api/auth/login",
            OK,
            body=_admin_credentials,
            keep=_keep_token,
            variables=("admin_email", "admin_password"),
            gives=("token",),
        ),
        Step(
            "admin_bookings",
            "GET",
            "/api/admin/booking-requests?status=pending",
            OK,
            keep=_keep_pending,
            signed_in=True,
            gives=("pending_id", "pending_slot_id"),
        ),
        Step(
            "admin_confirm", "POST", "/api/admin/confirm-booking", DONE_OR_TAKEN, body=_confirmation, signed_in=True, needs=("pending_id",)
        ),
    )
}


def step(name: str, own: Own = None) -> Step:
    """The step called `name`, or the one that `GET /path` spells out; the platform's `own` goes before a known one of that name.

    Raises BadInput that lists the known ones.
    """
    literal = LITERAL.match(name)
    if literal and WAY.match(literal[2]):
        request = Request.model_validate({literal[1].lower(): literal[2]})
        return replace(own_step(name, request, name), expects=ANY_GOOD, stays=True)
    known = {**CATALOGUE, **own_steps(own or {})}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        guess = (
            f"did you mean {close[0]}?"
            if close
            else f"known: {', '.join(sorted(own or {}) + sorted(CATALOGUE.keys() - (own or {}).keys()))}"
        )
        raise BadInput(f"journeys know no step {name!r}", why=guess, hint="name a known step, or write it out: GET /path")
    return known[name]


def steps(journey: Journey, own: Own = None) -> tuple[Step, ...]:
    return tuple(step(name, own) for name in journey.steps)


def unknown(journeys: Mapping[str, Journey], own: Own = None) -> list[str]:
    """A sentence for each name of a step that there is not."""
    found = []
    for name, journey in journeys.items():
        for wanted in dict.fromkeys(journey.steps):
            try:
                step(wanted, own)
            except BadInput as error:
                found.append(f"{name}: there is no step {wanted!r}: {error.why}")
    return found


def missing_variables(journeys: Iterable[Journey], variables: Mapping[str, str], own: Own = None) -> list[str]:
    """Names of values that steps need from outside and nobody gave."""
    wanted = {name for journey in journeys for one in steps(journey, own) for name in one.variables}
    return sorted(wanted - variables.keys())


def never_found(journeys: Mapping[str, Journey], variables: Mapping[str, str], own: Own = None) -> list[str]:
    """A sentence for each step that is made of something which nobody gave and no step before it finds."""
    found = []
    ours = own_steps(own or {}).values()
    for name, journey in journeys.items():
        known = {*variables, *PER_USER, *DRAWN}
        for one in steps(journey, own):
            for lacking in sorted(set(one.wants) - known):
                givers = [other.name for other in ours if lacking in other.gives] or [
                    other.name for other in CATALOGUE.values() if lacking in other.gives
                ]
                found.append(f"{name}: {one.name} needs {lacking}, {_whence(lacking, givers, known)}")
            known.update(one.gives)
    return found


def _whence(lacking: str, givers: Sequence[str], known: Iterable[str]) -> str:
    """Why a value is not there, and how it could be."""
    if givers:
        return f"which {' or '.join(givers)} finds; {'it does not come' if len(givers) == 1 else 'none of them comes'} before it"
    close = difflib.get_close_matches(lacking, list(known), n=1)
    return f"which no step finds{f' (did you mean {close[0]}?)' if close else ''}: keep it in a step before, or --set {lacking}=VALUE"


def needs_accounts(journeys: Iterable[Journey], own: Own = None) -> bool:
    """Whether a journey starts with an account that has to exist before."""
    return any(one.account for journey in journeys for one in steps(journey, own))


def mean_requests(journeys: Mapping[str, Journey]) -> float:
    """Requests of one journey, averaged over the mix."""
    weight = sum(journey.weight for journey in journeys.values())
    return sum(journey.weight * len(journey.steps) for journey in journeys.values()) / weight


def mean_think_s(journeys: Mapping[str, Journey]) -> float:
    """Seconds that a user thinks after a request, averaged over all requests of the mix."""
    requests = sum(journey.weight * len(journey.steps) for journey in journeys.values())
    return sum(journey.weight * len(journey.steps) * sum(journey.think_s) / 2 for journey in journeys.values()) / requests
