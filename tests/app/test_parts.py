"""The stand-in app's parts: cache, settings, metrics, signatures, passwords, faults."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.mmap_dict import MmapedDict
from pymongo.errors import ServerSelectionTimeoutError

from app import faults, metrics, passwords, razorpay, settings, upkeep
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


async def test_a_client_that_hangs_up_takes_nobody_with_it() -> None:
    """When the request that began to fill a key is cancelled, those who wait for it still get the value, and it is kept."""
    asked = 0

    async def fill() -> list[str]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        return ["fresh"]

    one = cache(Store())
    leader, *others = (asyncio.create_task(one.get("companies", (), fill)) for _ in range(4))
    await asyncio.sleep(0)
    leader.cancel()
    assert await asyncio.gather(*others) == [["fresh"]] * 3
    assert leader.cancelled()
    assert await one.get("companies", (), fill) == ["fresh"]
    assert asked == 1


async def test_a_filling_that_nobody_waits_for_any_more_is_quiet() -> None:
    """All who asked hang up and the database fails: no error is left over, and the next one asks again."""
    asked = 0

    async def broken() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise ConnectionError("gone")

    one = cache(Store())
    for _ in range(2):
        alone = asyncio.create_task(one.get("companies", (), broken))
        await asyncio.sleep(0)
        alone.cancel()
        await asyncio.sleep(0.005)
    assert asked == 2


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


def measured(wrong: faults.Faults | None = None) -> FastAPI:
    app = FastAPI()

    @app.get("/things/{name}")
    async def thing(name: str) -> str:
        if name == "broken":
            raise ZeroDivisionError
        return name

    for probe in ("/livez", "/health", "/api/health"):
        app.add_api_route(probe, lambda: "ok")
    if wrong is not None:
        app.add_middleware(faults.Faulty, faults=wrong)
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
        for probe in ("/livez", "/health", "/api/health"):
            assert (await client.get(probe)).status_code == 200
    assert counted("200", "/things/{name}") == before["200"] + 1
    assert counted("500", "/things/{name}") == before["500"] + 1
    assert counted("404", "unmatched") >= 1
    assert not any(f'route="{probe}"'.encode() in metrics.exposition() for probe in ("/livez", "/health", "/api/health"))
    assert (good.headers["x-slot"], good.headers["x-request-id"]) == ("blue", "r1")
    assert float(good.headers["x-process-time"]) >= 0


async def test_a_fault_counts_for_its_route() -> None:
    """A status put in on purpose counts for the route that it hits, so that the alert names it; nowhere else is unmatched."""
    transport = httpx.ASGITransport(measured(faults.Faults(status=503)))
    before = counted("503", "/things/{name}"), counted("503", "unmatched")
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        assert (await client.get("/things/a")).status_code == 503
        assert (await client.get("/nowhere")).status_code == 503
    assert (counted("503", "/things/{name}"), counted("503", "unmatched")) == (before[0] + 1, before[1] + 1)


def test_a_dead_worker_leaves_no_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker that is gone had checked out does not count any more; what a living one has does, and counters stay."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = [f"gauge_livesum_{dead.pid}.db", f"gauge_livesum_{os.getpid()}.db", f"counter_{dead.pid}.db"]
    for name in names:
        MmapedDict(str(tmp_path / name)).close()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    metrics.exposition()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


class Gone:
    """A database that is away."""

    def __getattr__(self, name: str) -> Any:
        raise ServerSelectionTimeoutError(name)


async def test_users_that_cannot_be_counted_are_unknown() -> None:
    """While the database is away the counts are no numbers, and the process goes on."""
    metrics.USERS.labels("active").set(5)
    parts = SimpleNamespace(database=Gone(), settings=None)
    task = asyncio.create_task(upkeep.forever(parts))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert not task.done()
    assert math.isnan(metrics.USERS.labels("active")._value.get())
    task.cancel()


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
