"""What the generator is told, and what it refuses to be told."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.load import load as load_environment
from environments.model import Environment
from errors import BadInput
from loadtests import plan as plans
from loadtests.plan import Plan, Probe, plan_for
from phases.load import load
from phases.model import Journey
from phases.steps import Request

CODEMENTEE = load("codementee")
LOCAL = load_environment("local")
PROBE = Probe(name="smoke", rate_per_s=50, seconds=30)


def made(environment: Environment = LOCAL, **more: object) -> Plan:
    return plan_for(CODEMENTEE.platform, CODEMENTEE.phase(2), environment, (PROBE,), **more)  # type: ignore[arg-type]


def cloud(**changes: object) -> Environment:
    return LOCAL.model_copy(update={"name": "production", "kind": "cloud", "domain": "codementee.io", "trusted_proxies": (), **changes})


def test_a_local_plan_goes_to_the_declared_address_under_the_domains_name() -> None:
    """Locally the name leads to the declared address and port, with many client addresses and the phase's own limit."""
    plan = made(authority="PEM")
    assert (plan.target.url, plan.target.address, plan.target.port) == ("https://localhost:8443", "127.0.0.1", 8443)
    assert plan.client_addresses == plans.ADDRESS_POOL
    assert plan.limits_ms == (200.0,)
    assert plan.accounts == 20


def test_a_plan_names_the_platforms_long_poll() -> None:
    """The long poll comes from the platform's file; a platform without one has a plan all the same."""
    assert (found := made().long_poll) is not None
    assert found == CODEMENTEE.platform.long_poll
    quiet = CODEMENTEE.platform.model_copy(update={"long_poll": None})
    assert plan_for(quiet, CODEMENTEE.phase(2), LOCAL, (PROBE,)).long_poll is None


def test_a_plan_survives_its_journey_to_the_child() -> None:
    """What the child reads is what the parent wrote."""
    plan = made(others=[CODEMENTEE.phase(number) for number in (1, 2, 3)])
    assert plans.parse(plan.model_dump_json()) == plan
    assert plan.limits_ms == (200.0, 300.0, 150.0)
    assert set(plan.slos) == {1, 2, 3}


@pytest.mark.parametrize(
    "url", ["https://example.org", "https://codementee.io", "http://127.0.0.2:8443", "https://localhost.example.org:8443"]
)
def test_a_host_that_is_not_declared_is_refused(url: str) -> None:
    """Load goes to hosts of the environment's file and nowhere else."""
    with pytest.raises(BadInput, match="does not declare the host"):
        made(url=url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost",
        "localhost:8443",
        "https://localhost:8443/path",
        "https://user@localhost",
        "https://LOCALHOST",
        "https://localhost:99999",
        "https://localhost:0",
    ],
)
def test_a_target_is_a_scheme_and_a_host(url: str) -> None:
    """Anything but scheme, host and port is refused."""
    with pytest.raises(BadInput, match="is no target"):
        made(url=url)


def test_a_declared_name_is_allowed() -> None:
    """Each name of the platform in the environment may be aimed at."""
    assert made(url="https://api.localhost:8443").target.host == "api.localhost"


def test_production_needs_a_word_of_ones_own() -> None:
    """Production is refused without --i-own-this; with it, the name is resolved as it is for everybody and one client is one client."""
    with pytest.raises(BadInput, match="not a test environment") as caught:
        made(cloud())
    assert "--i-own-this" in caught.value.hint
    plan = made(cloud(), i_own_this=True, variables={"admin_email": "a", "admin_password": "b"})
    assert (plan.target.address, plan.client_addresses, plan.production) == (None, 0, True)


def test_a_stand_in_account_is_never_tried_on_production() -> None:
    """Production's own accounts have to be given."""
    with pytest.raises(BadInput, match="admin_email, admin_password"):
        made(cloud(), i_own_this=True)


def test_an_account_that_was_given_is_the_one_that_is_used() -> None:
    """With an e-mail address and a password of one's own no accounts are made; with one of them alone they are."""
    assert made(variables={"email": "me@example.org", "password": "mine"}).accounts == 0
    assert made(variables={"email": "me@example.org"}).accounts == 20


def test_a_plan_brings_the_platforms_own_steps() -> None:
    """Own steps go to the generator as they stand in the file, and a name that nothing gives or a step that there is not is refused before."""
    own = {"ask": Request.model_validate({"post": "/ask", "json": {"a": ["{question}"]}, "expect": 201})}
    shop = CODEMENTEE.platform.model_copy(update={"steps": own, "journeys": {"j": Journey(weight=1, steps=("ask",), think_s=(0, 0))}})
    plan = plan_for(shop, CODEMENTEE.phase(2), LOCAL, (PROBE,), variables={"question": "why"})
    assert plans.parse(plan.model_dump_json()).steps == own
    with pytest.raises(BadInput, match="cannot be played") as caught:
        plan_for(shop, CODEMENTEE.phase(2), LOCAL, (PROBE,))
    assert "--set question=VALUE" in caught.value.why
    with pytest.raises(BadInput, match="steps that there are not") as caught:
        plan_for(shop.model_copy(update={"steps": {}}), CODEMENTEE.phase(2), LOCAL, (PROBE,))
    assert "j: there is no step 'ask'" in caught.value.why


def test_a_platform_without_journeys_cannot_be_loaded() -> None:
    """No journeys, no load: the error says where they belong."""
    bare = CODEMENTEE.platform.model_copy(update={"journeys": {}})
    with pytest.raises(BadInput, match="names no journeys"):
        plan_for(bare, CODEMENTEE.phase(2), LOCAL, (PROBE,))


@pytest.mark.parametrize(
    "change",
    [
        {"max_requests": 0}, {"max_in_flight": 901}, {"client_addresses": 200_000}, {"unknown": 1}, {"journeys": {}}, {"limits_ms": []},
        {"timeout_s": 0}, {"probes": [{"name": "x", "seconds": 30}]}, {"probes": [{"name": "x", "rate_per_s": 10, "seconds": 4000}]},
        {"probes": [{"name": "x", "kind": "closed", "rate_per_s": 10, "seconds": 5}]}, {"run": "no hex"}, {"format": "cmctl/load-plan/0"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_plan_beyond_its_bounds_is_refused(change: dict[str, object]) -> None:
    """Time, requests, connections and addresses are bounded, unknown keys refused, and the error names the key."""
    text = json.dumps({**json.loads(made().model_dump_json()), **change})
    with pytest.raises(BadInput, match="not usable") as caught:
        plans.parse(text)
    assert next(iter(change)).split("_")[0] in caught.value.why


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is in the file, the answer is a plan or BadInput."""
    with pytest.raises(BadInput):
        plans.parse(text)


@pytest.mark.parametrize(
    ("trusted", "sent_from", "many"),
    [
        (("173.245.48.0/20",), [["192.0.2.7"]], False),
        (("192.0.2.0/24",), [["127.0.0.1", "192.0.2.7"]], True),
        (("192.0.2.0/24",), [["192.0.2.8"], ["192.0.2.7"]], True),
        (("192.0.2.0/24",), [["192.0.2.8"], ["198.51.100.7"]], False),
        (("192.0.2.0/24",), [], False),
        ((), [["192.0.2.7"]], False),
    ],
)
def test_many_clients_only_where_the_generator_is_believed(trusted: tuple[str, ...], sent_from: list[list[str]], many: bool) -> None:
    """In a cloud that trusts a network of proxies, the generator is many clients only when it sends from there: elsewhere it is one, and the figures say so."""
    there = cloud(trusted_proxies=tuple(IPv4Network(one) for one in trusted))
    made_there = made(there, i_own_this=True, sent_from=sent_from, variables=plans.STAND_IN_ADMIN)
    assert bool(made_there.client_addresses) is many


def test_a_value_of_ones_own_leaves_the_others() -> None:
    """`--set` for one value does not take the stand-in's administrator away."""
    assert made(variables={"plan_id": "growth"}).variables == {**plans.STAND_IN_ADMIN, "plan_id": "growth"}
    assert made(variables={"admin_email": "me@example.org"}).variables["admin_email"] == "me@example.org"


def test_a_journey_that_cannot_be_played_is_refused_by_name() -> None:
    """A step made of what nobody finds is wrong input (exit 2), all such steps at once, before anything is asked."""
    broken = CODEMENTEE.platform.model_copy(
        update={
            "journeys": {
                "a": Journey(weight=1, steps=("book",), think_s=(0, 1)),
                "b": Journey(weight=1, steps=("dashboard",), think_s=(0, 1)),
            }
        }
    )
    with pytest.raises(BadInput) as caught:
        plan_for(broken, CODEMENTEE.phase(2), LOCAL, (PROBE,))
    assert "a: book needs company_id, which companies finds" in caught.value.why
    assert "b: dashboard needs token, which register or login or admin_login finds" in caught.value.why
