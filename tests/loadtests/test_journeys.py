"""Journeys as data: which requests they make and what they need."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from errors import BadInput
from loadtests import journeys
from loadtests.visits import Visit
from phases.load import load, names
from phases.model import Journey

# What the platform's API answers, by path.
ANSWERS: dict[str, tuple[int, Any]] = {
    "/": (200, "<html>"),
    "/api/auth/register-free": (201, {"token": "t-1", "user": {"id": "user-1"}}),
    "/api/auth/login": (200, {"token": "t-2", "user": {"id": "user-2"}}),
    "/api/companies": (200, [{"id": "company-1"}, {"id": "company-2"}]),
    "/api/pricing-plans": (200, [{"id": "growth"}]),
    "/api/interview-types": (200, [{"id": "coding"}]),
    "/api/time-slots": (200, [{"id": "slot-1"}]),
    "/api/booking-requests": (201, {"id": "booking-1"}),
    "/api/payment/create-order": (201, {"id": "order-1", "checkout": {"payment_id": "pay-1", "signature": "s", "more": 1}}),
    "/api/payment/verify-payment": (200, {"status": "paid"}),
    "/api/admin/booking-requests?status=pending": (200, [{"id": "booking-1", "slot_ids": ["slot-1"]}]),
    "/api/admin/confirm-booking": (200, {}),
}
VALUES = {"email": "a@example.invalid", "password": "secret-1", "admin_email": "admin@example.invalid", "admin_password": "secret-2"}


def visit(*steps: str) -> Visit:
    return Visit("test", tuple(journeys.step(name) for name in steps), Random(1), dict(VALUES), "198.18.0.7")


def body(content: Any) -> Callable[[], bytes]:
    return lambda: json.dumps(content).encode()


def walk(going: Visit) -> list[tuple[str, str, Any]]:
    """Play a visit against ANSWERS: (method, path, body) of each request."""
    made = []
    while (step := going.step) is not None:
        call = going.call(step)
        made.append((call.method, call.path, json.loads(call.body) if call.body else None))
        status, content = ANSWERS[call.path]
        status = 200 if call.method == "GET" else status
        assert going.answered(step, status, body(content)), step.name
    return made


def test_every_journey_of_every_platform_has_known_steps() -> None:
    """Every step that a platform's journeys name can be played."""
    for name in names():
        for journey in load(name).platform.journeys.values():
            assert journeys.steps(journey)


def test_booking_goes_from_landing_to_payment() -> None:
    """The booking journey registers, books what it was offered, and pays the order it was given."""
    booking = load("codementee").platform.journeys["booking"]
    made = walk(visit(*booking.steps))
    assert [path for _, path, _ in made] == [
        "/", "/api/auth/register-free", "/api/booking-requests", "/api/companies", "/api/interview-types", "/api/time-slots",
        "/api/booking-requests", "/api/payment/create-order", "/api/payment/verify-payment",
    ]  # fmt: skip
    assert made[6][2]["company_id"] in {"company-1", "company-2"}
    assert made[6][2] | {"company_id": ""} == {"company_id": "", "interview_type": "coding", "slot_ids": ["slot-1"]}
    assert made[8][2] == {"order_id": "order-1", "payment_id": "pay-1", "signature": "s"}


def test_signed_in_steps_carry_the_token_that_was_given() -> None:
    """After registering, requests that need it carry the token; others do not."""
    going = visit("register", "companies", "dashboard")
    walk(going)
    assert going.values["token"] == "t-1"
    assert going.call(journeys.step("dashboard")).headers["Authorization"] == "Bearer t-1"
    assert "Authorization" not in going.call(journeys.step("companies")).headers


def test_every_request_names_its_client() -> None:
    """A visit's requests carry its own address; without addresses the header is left out."""
    going = visit("companies")
    assert going.call(journeys.step("companies")).headers["X-Forwarded-For"] == "198.18.0.7"
    going.address = ""
    assert "X-Forwarded-For" not in going.call(journeys.step("companies")).headers


def test_an_administrator_without_work_confirms_nothing() -> None:
    """With no pending booking the journey ends before the confirmation."""
    going = visit("admin_bookings", "admin_confirm")
    step = going.step
    assert step is not None
    assert going.answered(step, 200, body([]))
    assert going.step is None


@pytest.mark.parametrize(
    ("status", "content"), [(500, b"{}"), (200, b"not json"), (200, b"{}"), (200, b"[]"), (404, b"[]"), (200, b'[{"name": "no id"}]')]
)
def test_an_answer_that_is_not_what_was_asked_for_is_a_failure(status: int, content: bytes) -> None:
    """A wrong status, no JSON, or JSON without what the next step needs does not count as a good answer."""
    going = visit("companies", "slots")
    step = going.step
    assert step is not None
    assert not going.answered(step, status, lambda: content)


def test_content_is_read_only_where_it_is_needed() -> None:
    """A step that keeps nothing never looks at the body."""

    def never() -> bytes:
        raise AssertionError

    going = visit("landing")
    assert going.answered(journeys.step("landing"), 200, never)


def test_any_path_can_be_a_step() -> None:
    """`GET /path` needs no entry: another platform's journeys can be written down at once."""
    step = journeys.step("GET /api/jobs?page={2}")
    call = Visit("test", (step,), Random(1)).call(step)
    assert (call.method, call.path) == ("GET", "/api/jobs?page={2}")
    assert 204 in step.expects


@pytest.mark.parametrize(
    ("wrong", "says"), [("registr", "did you mean register"), ("fly", "known: admin_bookings"), ("POST /api", "known:")]
)
def test_an_unknown_step_is_refused_with_a_guess(wrong: str, says: str) -> None:
    """A misspelt step names the one that was probably meant."""
    with pytest.raises(BadInput, match=wrong.split(maxsplit=1)[0]) as caught:
        journeys.step(wrong)
    assert says in caught.value.why


def test_requests_and_think_time_of_the_mix() -> None:
    """Means are weighted by how often journeys and their requests happen."""
    mix = {
        "short": Journey(weight=3, steps=("landing",), think_s=(1, 3)),
        "long": Journey(weight=1, steps=("landing", "companies", "pricing", "slots", "landing"), think_s=(5, 7)),
    }
    assert journeys.mean_requests(mix) == pytest.approx((3 * 1 + 1 * 5) / 4)
    assert journeys.mean_think_s(mix) == pytest.approx((3 * 2 + 5 * 6) / 8)


def test_values_from_outside_are_asked_for() -> None:
    """A journey with an administrator needs an account that only the operator can give."""
    mix = load("codementee").platform.journeys.values()
    assert journeys.missing_variables(mix, {"admin_email": "x"}) == ["admin_password"]
    assert journeys.needs_accounts(mix)


def journey(*steps: str) -> Journey:
    return Journey(weight=1, steps=steps, think_s=(0.0, 1.0))


@pytest.mark.parametrize(
    ("steps", "lacking"),
    [
        (("landing", "GET /a", "pricing"), []),
        (("login", "companies", "interview_types", "slots", "book", "create_order", "verify_payment"), []),
        (("book",), ["company_id", "interview_type", "slot_id", "token"]),
        (("login", "dashboard"), []),
        (("dashboard", "login"), ["token"]),
        (("register", "verify_payment"), ["checkout", "order_id"]),
        (("admin_login", "admin_confirm"), ["pending_id"]),
    ],
)
def test_what_no_step_finds_is_named(steps: tuple[str, ...], lacking: list[str]) -> None:
    """A step made of what no step before it finds is named with the value and the step that would find it; a given value counts as found."""
    found = journeys.never_found({"mine": journey(*steps)}, {})
    assert [text.split(" needs ")[1].split(",")[0] for text in found] == lacking
    assert all(text.startswith("mine: ") and " finds" in text for text in found)
    assert journeys.never_found({"mine": journey(*steps)}, dict.fromkeys(lacking, "given")) == []


@pytest.mark.parametrize("name", sorted(journeys.CATALOGUE))
def test_steps_find_what_they_say(name: str) -> None:
    """With what it reads a step makes its request, and its answer leaves what it says it gives."""
    step = journeys.step(name)
    going = visit(name)
    going.values.update({one: {} if one == "checkout" else "given" for one in (*step.wants, "pending_slot_id") if one not in going.values})
    before = set(going.values) - set(step.gives)
    call = going.call(step)
    status, content = ANSWERS[call.path] if call.method == "POST" else (200, ANSWERS[call.path][1])
    if name == "dashboard":
        content = []
    assert going.answered(step, status, body(content))
    assert set(going.values) - before == set(step.gives)


def test_a_path_with_two_slashes_is_no_step() -> None:
    """`//host` would be another host's: it is refused as a step; so is what no request line can carry."""
    for wrong in ("GET //evil", "GET https://evil", "GET /a#b", "GET /a\x7f", "GET {a}{b}", "GET a"):
        with pytest.raises(BadInput, match="journeys know no step"):
            journeys.step(wrong)
