"""A platform's own steps: what they send, what they ask of an answer, and what later steps get from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from uuid import UUID

import pytest

from errors import BadInput
from loadtests import journeys
from loadtests.audience import Audience
from loadtests.own_steps import own_steps
from loadtests.recorder import outcome_of, word
from loadtests.visits import Step, Visit
from phases.model import Journey
from phases.steps import Request

SITE = "https://shop.example.org:8443"
SHOP = {
    "sign_in": {"post": "/api/login", "json": {"email": "{email}", "password": "{password}"}, "keep": {"token": "access_token", "sid": "cookie:sid"}},
    "catalogue": {"get": "/api/products?page={page}", "keep": {"product": "items.0.id", "any": "items.*.id"}},
    "add": {
        "post": "/api/cart", "json": {"product": "{product}"}, "headers": {"Authorization": "Bearer {token}"}, "expect": 201,
        "keep": {"cart": "header:Location"},
    },
    "order": {"post": "/api/orders", "form": {"cart": "{cart}"}, "expect": [200, 201, 302], "contains": "order of {email}"},
    "see": {"get": "{cart}"},
    "pay": {"put": "/api/pay/{uuid}", "body": "<pay n='{random}'/>", "headers": {"content-type": "text/xml", "Accept": "text/xml"}},
}  # fmt: skip


def requests(given: Mapping[str, Any] = SHOP) -> dict[str, Request]:
    return {name: Request.model_validate(one) for name, one in given.items()}


def visit(*names: str, given: Mapping[str, Any] = SHOP, **values: Any) -> Visit:
    steps = tuple(journeys.step(name, requests(given)) for name in names)
    return Visit("buy", steps, Random(3), {"email": "a@example.invalid", "password": "p", **values}, site=SITE)


def reply(going: Visit, status: int = 200, content: Any = b"", **headers: str | list[str]) -> bool:
    """Answer the visit's next step."""
    step = going.step
    assert step is not None
    going.call(step)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    def header(name: str) -> Sequence[str]:
        found = headers.get(name.lower().replace("-", "_"), [])
        return found if isinstance(found, list) else [found]

    return going.answered(step, status, lambda: body, header)


def test_a_purchase_from_sign_in_to_order() -> None:
    """Token, cookie, product and cart go from the answer that gave them to the requests that need them, with their types."""
    going = visit("sign_in", "catalogue", "add", "order", "see", page="1 & 2")
    assert reply(going, 200, {"access_token": "t"}, set_cookie=["sid=s; Path=/", "ad=1; Path=/ads"])
    call = going.call(going.steps[1])
    assert (call.method, call.path, call.body, call.headers["Cookie"]) == ("GET", "/api/products?page=1%20%26%202", b"", "sid=s")
    assert reply(going, 200, {"items": [{"id": 17}, {"id": 18}]})
    assert going.values["any"] in (17, 18)
    call = going.call(going.steps[2])
    assert (json.loads(call.body), call.headers["Authorization"], call.headers["Content-Type"]) == (
        {"product": 17},
        "Bearer t",
        "application/json",
    )
    assert reply(going, 201, b"", location="https://shop.example.org:8443/api/carts/5?full=1")
    call = going.call(going.steps[3])
    assert (call.body, call.headers["Content-Type"]) == (b"cart=%2Fapi%2Fcarts%2F5%3Ffull%3D1", "application/x-www-form-urlencoded")
    assert reply(going, 302, b"order of a@example.invalid", location="https://elsewhere.example.com/")
    assert going.call(going.steps[4]).path == "/api/carts/5?full=1"
    assert going.values["sid"] == "s"


def test_half_a_character_is_no_request() -> None:
    """What JSON can say and no request can is replaced when it is kept."""
    going = visit("sign_in", "add", product=1)
    assert reply(going, 200, b'{"access_token": "a\\ud800b"}', set_cookie="sid=s")
    assert going.call(going.steps[1]).headers["Authorization"] == "Bearer a?b"


@pytest.mark.parametrize(
    ("name", "status", "content", "headers", "why"),
    [
        ("catalogue", 404, {"items": [{"id": 1}]}, {}, ""),
        ("catalogue", 302, b"", {"location": "/"}, ""),
        ("catalogue", 200, b"no json", {}, "its answer has no JSON"),
        ("catalogue", 200, b"[" * 100_000, {}, "its answer has no JSON"),
        ("catalogue", 200, {"items": []}, {}, "its answer has no items.0.id in its JSON and no items.*.id in its JSON"),
        ("catalogue", 200, {"items": [{"id": None}]}, {}, "its answer has no items.0.id in its JSON and no items.*.id in its JSON"),
        ("catalogue", 200, {"items": {"0": 5}}, {}, "its answer has no items.0.id in its JSON and no items.*.id in its JSON"),
        ("add", 200, b"", {"location": "/x"}, ""),
        ("add", 201, b"", {}, "its answer has no header Location"),
        ("order", 200, b"order of b@example.invalid", {}, "its answer does not contain 'order of {email}'"),
        ("sign_in", 200, {"access_token": "t"}, {}, "its answer has no cookie sid"),
    ],
)
def test_what_an_answer_lacks_is_told(name: str, status: int, content: Any, headers: dict[str, str], why: str) -> None:
    """Another status, a text, a value, a header or a cookie that is not there is a failure, and the visit knows which, without any value."""
    going = visit(name, page=1, product=1, token="t", cart="/c")
    assert not reply(going, status, content, **headers)
    assert going.why == why


def test_without_expect_any_2xx_is_good() -> None:
    """A step without `expect` wants 200 to 299; `expect` says exactly which."""
    assert all(reply(visit("see", cart="/c"), status) == (200 <= status < 300) for status in (200, 204, 299, 300, 302, 404, 500))
    named = {"one": {"get": "/x", "expect": 404}}
    assert [reply(visit("one", given=named), status) for status in (404, 200)] == [True, False]


def test_what_is_drawn_is_new_for_each_request() -> None:
    """`uuid` and `random` differ from request to request, and own headers go before the client's, whatever their case."""
    going = visit("pay")
    first, second = going.call(going.steps[0]), going.call(going.steps[0])
    assert first.path != second.path
    assert UUID(first.path.removeprefix("/api/pay/")).version == 4
    assert re.fullmatch(rb"<pay n='\d{1,6}'/>", first.body)
    assert {name.lower(): value for name, value in first.headers.items()} == {
        "accept-encoding": "gzip",
        "content-type": "text/xml",
        "accept": "text/xml",
    }
    assert (mine := visit("pay", uuid="mine")).call(mine.steps[0]).path == "/api/pay/mine"


def test_an_answer_is_held_against_its_own_request() -> None:
    """`contains` of a drawn value means the one that this request was sent with."""
    going = visit("echo", "echo", given={"echo": {"post": "/echo", "body": "{uuid}", "contains": "{uuid} of {email}"}})
    first, second = going.call(going.steps[0]).body, going.call(going.steps[0]).body
    assert first != second
    assert going.answered(going.steps[0], 200, lambda: second + b" of a@example.invalid")
    assert not going.answered(going.steps[0], 200, lambda: first + b" of a@example.invalid")


def test_every_user_has_values_of_its_own() -> None:
    """E-mail and number differ for every user of every process; what was given goes before what everybody has."""
    mix = {"buy": Journey(weight=1, steps=("sign_in",), think_s=(0, 0))}

    def audience(part: int, **given: str) -> Audience:
        return Audience(mix, 4, Random(1), "0123abcd", part=part, parts=2, variables=given, own=requests(), site=SITE)

    users = [one.arrive() for one in (audience(0), audience(1)) for _ in range(50)]
    assert len({one.values["email"] for one in users}) == len({one.values["user"] for one in users}) == 100
    assert {one.values["run"] for one in users} == {"0123abcd"}
    assert audience(0, email="me@example.org").arrive().values["email"] == "me@example.org"
    assert {one.site for one in users} == {SITE}


def test_reports_name_requests_and_no_values() -> None:
    """A step is called by its method and path as written; two of the same request line have their names behind."""
    assert [one.shown for one in own_steps(requests()).values()][:3] == [
        "POST /api/login",
        "GET /api/products?page={page}",
        "POST /api/cart",
    ]
    twins = {"ask": {"post": "/graphql", "body": "a"}, "tell": {"post": "/graphql", "body": "b"}}
    assert [one.shown for one in own_steps(requests(twins)).values()] == ["POST /graphql (ask)", "POST /graphql (tell)"]


def journey(*steps: str) -> dict[str, Journey]:
    return {"buy": Journey(weight=1, steps=steps, think_s=(0, 1))}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (("sign_in", "catalogue", "add", "order", "see", "pay"), ["buy: catalogue needs page, which no step finds: keep it in a step before, or --set page=VALUE"]),
        (("add", "sign_in"), ["buy: add needs product, which catalogue finds; it does not come before it", "buy: add needs token, which sign_in finds; it does not come before it"]),
        (("GET /carts/{crt}",), ["buy: GET /carts/{crt} needs crt, which no step finds: keep it in a step before, or --set crt=VALUE"]),
        (("pay", "GET /x/{email}/{user}/{run}/{random}/{2}"), []),
        (("companies", "GET /companies/{company_id}"), []),
        (("sign_in", "catalogue", "add", "GET {cart}"), ["buy: catalogue needs page, which no step finds: keep it in a step before, or --set page=VALUE"]),
    ],
)  # fmt: skip
def test_values_that_nothing_gives_are_told_before_any_load(steps: tuple[str, ...], said: list[str]) -> None:
    """Every value of path, headers and content has to be given, kept by a step before, or one that every user has."""
    assert journeys.never_found(journey(*steps), {}, requests()) == said


def test_a_value_that_is_nearly_there_is_guessed() -> None:
    """A misspelt value names the one that was probably meant."""
    given = {**SHOP, "typo": {"get": "/x", "headers": {"A": "{tokn}"}}}
    (said,) = journeys.never_found(journey("sign_in", "typo"), {}, requests(given))
    assert "did you mean token?" in said


def test_every_step_that_there_is_not_is_named() -> None:
    """All unknown names are told at once; own steps are among what is meant."""
    said = journeys.unknown(journey("sign_n", "landing", "fly", "GET /x"), requests())
    assert said[0] == "buy: there is no step 'sign_n': did you mean sign_in?"
    assert said[1].startswith("buy: there is no step 'fly': known: add, catalogue, order, pay, see, sign_in, admin_bookings, ")
    assert len(said) == 2
    with pytest.raises(BadInput, match="sign_n"):
        journeys.step("sign_n", requests())


def test_an_own_step_goes_before_a_known_one_of_its_name() -> None:
    """A platform may call its steps login or book: its own is played, and needs none of the accounts that Codementee's would."""
    own = requests({"login": {"post": "/mine", "json": {}}})
    assert (journeys.step("login", own).path, journeys.step("login").path) == ("/mine", "/api/auth/login")
    assert not journeys.needs_accounts(journey("login").values(), own)
    assert journeys.needs_accounts(journey("login").values())


def literal(status: int, **headers: str) -> tuple[bool, str, Step, Visit]:
    going = Visit("j", (journeys.step("GET /a"),), Random(1), site=SITE)
    good = reply(going, status, b"", **headers)
    return good, word(outcome_of(going, going.steps[0], status, good=good)), going.steps[0], going


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("https://www.example.org/", "www.example.org"), ("//www.example.org/x", "www.example.org"), ("/b", ""), ("b?c", ""), ("", ""),
        ("http://shop.example.org/", ""), ("https://SHOP.example.org:9/", ""), ("http://[broken", ""),
    ],
)  # fmt: skip
def test_a_redirect_to_another_host_is_no_success(location: str, host: str) -> None:
    """A literal step is content with redirects within its host only; one that leads away is a failure of its own word."""
    good, said, _, going = literal(301, location=location)
    assert (good, going.left, said) == (not host, host, "301 to another host" if host else "301")
    assert literal(200, location=location)[0]


def test_an_own_step_may_expect_to_be_sent_away() -> None:
    """Who names the redirect as expected means it, wherever it leads."""
    assert reply(visit("one", given={"one": {"get": "/out", "expect": 302}}), 302, b"", location="https://pay.example.com/")


def test_cookies_go_with_the_visit() -> None:
    """Cookies of any answer, a failed one too, go with what follows and with nobody else's visit; an own Cookie header goes before."""
    going = visit("sign_in", "see", cart="/c")
    assert not reply(going, 401, b"", set_cookie="sid=s; Path=/")
    assert going.call(going.steps[1]).headers["Cookie"] == "sid=s"
    assert "Cookie" not in visit("sign_in", "see", cart="/c").call(going.steps[1]).headers
    own = visit("one", "one", given={"one": {"get": "/", "headers": {"cookie": "mine=1"}}})
    reply(own, 200, b"", set_cookie="sid=s; Path=/")
    assert {name.lower(): value for name, value in own.call(own.steps[1]).headers.items()}["cookie"] == "mine=1"
