"""The stand-in app's parts: cache, settings, metrics, signatures, passwords, faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app import faults, metrics, passwords, razorpay, settings
from app.cache import Cache, key


class Redis:
    """A Redis in a dictionary; `away` makes it one that is gone."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.away = False

    async def get(self, name: str) -> str | None:
        return self.data.get(name)

    async def set(self, name: str, value: str, ex: int) -> None:
        self.data[name] = value

    async def delete(self, name: str) -> None:
        self.data.pop(name, None)


class Store:
    def __init__(self) -> None:
        self.client = Redis()

    async def ask(self, question: Awaitable[Any]) -> Any:
        answer = await question
        return None if self.client.away else answer


def cache(store: Store, now: list[float] | None = None) -> Cache:
    clock = now or [0.0]
    return Cache(store, {"companies": 600, "default": 300}, clock=lambda: clock[0])  # type: ignore[arg-type]


async def test_an_expired_key_is_filled_once() -> None:
    """However many ask at once, the database is asked once, and all get its answer."""
    asked = 0

    async def fill() -> list[int]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return [asked]

    one = cache(Store())
    assert await asyncio.gather(*(one.get("companies", (), fill) for _ in range(50))) == [[1]] * 50
    assert asked == 1


async def test_levels() -> None:
    """A second process finds the value in Redis; with Redis away the database answers; what is empty is not kept."""
    store, now = Store(), [0.0]

    async def fill() -> list[str]:
        return ["fresh"]

    async def empty() -> list[str]:
        return []

    assert await cache(store).get("companies", (), fill) == ["fresh"]
    assert await cache(store).get("companies", (), empty) == ["fresh"]
    store.client.away = True
    assert await cache(store, now).get("companies", (), fill) == ["fresh"]
    assert await cache(Store()).get("slots", (1,), empty) == []


async def test_a_failed_fill_reaches_everybody() -> None:
    """When the database fails, everybody who waited hears of it, and the next one asks again."""

    async def broken() -> None:
        await asyncio.sleep(0.01)
        raise ConnectionError("gone")

    one = cache(Store())
    answers = await asyncio.gather(*(one.get("companies", (), broken) for _ in range(5)), return_exceptions=True)
    assert all(isinstance(answer, ConnectionError) for answer in answers)


@given(st.text(max_size=10), st.text(max_size=10), st.text(max_size=10), st.text(max_size=10))
def test_keys_are_stable_and_apart(a: str, b: str, c: str, d: str) -> None:
    """Different parts have different keys, the same parts the same key."""
    assert (key("slots", a, b) == key("slots", c, d)) == ((a, b) == (c, d))


def test_settings_list_every_problem() -> None:
    """All missing and wrong settings are told at once."""
    with pytest.raises(settings.SettingsError) as caught:
        settings.load({"SERVICE": "shop", "PORT": "http", "JWT_SECRET_FILE": "/none"})
    for part in ("MONGO_URL", "REDIS_CACHE_URL", "SERVICE: 'shop'", "PORT: 'http'", "JWT_SECRET_FILE"):
        assert part in str(caught.value)


def measured() -> FastAPI:
    app = FastAPI()

    @app.get("/things/{name}")
    async def thing(name: str) -> str:
        if name == "broken":
            raise ZeroDivisionError
        return name

    @app.get("/livez")
    async def livez() -> str:
        return "ok"

    app.add_middleware(metrics.Measured, headers=((b"x-slot", b"blue"),))
    return app


def counted(status: str, route: str) -> float:
    return metrics.REQUESTS.labels("GET", route, status)._value.get()  # type: ignore[no-any-return]


async def test_metrics_count_routes_and_exceptions() -> None:
    """Requests count by route template, an unhandled exception counts as 500, an unknown path as unmatched, probes not at all."""
    transport = httpx.ASGITransport(measured(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        before = {status: counted(status, "/things/{name}") for status in ("200", "500")}
        good = await client.get("/things/a", headers={"X-Request-ID": "r1"})
        await client.get("/things/broken")
        await client.get("/nothing")
        await client.get("/livez")
    assert counted("200", "/things/{name}") == before["200"] + 1
    assert counted("500", "/things/{name}") == before["500"] + 1
    assert counted("404", "unmatched") >= 1
    assert b'route="/livez"' not in metrics.exposition()
    assert (good.headers["x-slot"], good.headers["x-request-id"]) == ("blue", "r1")
    assert float(good.headers["x-process-time"]) >= 0


def test_buckets_hold_every_limit() -> None:
    """Every phase's latency limit is a bucket's bound, so that the share below it is exact."""
    assert {0.15, 0.2, 0.3, 0.5} <= set(metrics.BUCKETS)


def test_signatures() -> None:
    """A right signature is taken, one for another order, payment or secret is not."""
    good = razorpay.payment_signature("order", "pay", "secret")
    assert razorpay.same(good, razorpay.payment_signature("order", "pay", "secret"))
    for other in (("order2", "pay", "secret"), ("order", "pay2", "secret"), ("order", "pay", "secret2")):
        assert not razorpay.same(good, razorpay.payment_signature(*other))


@given(st.text(max_size=40))
def test_any_stored_text_is_no_password(stored: str) -> None:
    """Text of another form never matches, and never breaks the login."""
    assert not passwords.matches("password", stored)


def test_passwords() -> None:
    """The right password matches, another does not, and the same one is stored differently each time."""
    assert passwords.matches("secret", passwords.hashed("secret"))
    assert not passwords.matches("Secret", passwords.hashed("secret"))
    assert passwords.hashed("secret") != passwords.hashed("secret")


def test_faults_are_off_by_default() -> None:
    """Without CMCTL_FAULTS=1 no variable puts a fault in; with it each does what it says, and probes are spared."""
    assert faults.load({"FAULT_STATUS": "500"}) == faults.Faults()
    assert faults.load({"CMCTL_FAULTS": "1", "FAULT_STATUS": "500"}).hits("/api/companies")
    assert not faults.load({"CMCTL_FAULTS": "1", "FAULT_STATUS": "500"}).hits("/readyz")
    assert not faults.load({"CMCTL_FAULTS": "1", "FAULT_DELAY_MS": "5", "FAULT_ROUTE": "/api/x"}).hits("/api/y")
    with pytest.raises(SystemExit, match="FAULT_EXIT"):
        faults.load({"CMCTL_FAULTS": "1", "FAULT_EXIT": "at-start"})
