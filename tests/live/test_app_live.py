"""The stand-in app on a real database and a real Redis: what must hold when several ask at once, and what it does beside requests."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pymongo.errors import PyMongoError

from app import main, metrics, settings, upkeep
from app.jobs import indexes, seed
from app.parts import Parts, assemble
from images import engine
from images.resolve import resolve
from tools.toolchain import ferretdb

pytestmark = pytest.mark.live
LIMIT_S = 30.0
POLL = "/api/time-slots/changes"


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[str, str]]:
    """A database and a Redis from the catalogue's images, and the app's settings that lead to them."""
    found = resolve(["mongo", "redis"], "1.0.0", {"ferretdb": ferretdb}, print)
    names = {image: f"cmctl-test-app-{image}-{os.getpid()}" for image in found}
    volatile = ["--tmpfs", "/data:mode=0700,uid=999,gid=1000"]
    try:
        engine.docker(["run", "-d", "--name", names["mongo"], "-p", "127.0.0.1::27017", found["mongo"].reference])
        engine.docker(["run", "-d", "--name", names["redis"], "-p", "127.0.0.1::6379", *volatile, found["redis"].reference,
                       "redis-server", "--save", "", "--protected-mode", "no", "--dir", "/data"])  # fmt: skip
        mongo, redis = (engine.docker(["port", names[image]]).split()[-1] for image in ("mongo", "redis"))
        secrets = dict.fromkeys(("JWT_SECRET", "RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"), "only-for-this-test")
        yield {
            "MONGO_WRITE_POOL_MIN": "0",
            "MONGO_READ_POOL_MIN": "0",
            "MONGO_URL": f"mongodb://{mongo}/",
            "REDIS_CACHE_URL": f"redis://{redis}/0",
            "REDIS_SESSIONS_URL": f"redis://{redis}/1",
            **secrets,
        }
    finally:
        for name in names.values():
            engine.docker(["rm", "--force", "--volumes", name])


@asynccontextmanager
async def client(stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """The running app with its indexes and initial data."""
    for name, value in stores.items():
        monkeypatch.setenv(name, value)
    await until_there(settings.load())
    await indexes.main()
    await seed.main()
    app = main.create()
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as asking:
        yield app, asking


async def until_there(found: settings.Settings) -> None:
    end = time.monotonic() + LIMIT_S
    while True:
        parts = assemble(found)
        try:
            await parts.database.ping()
        except PyMongoError:
            assert time.monotonic() < end, "the database does not answer"
            await asyncio.sleep(0.2)
        else:
            return
        finally:
            await parts.database.close()


async def user(asking: httpx.AsyncClient, name: str) -> dict[str, str]:
    body = {"name": name, "email": f"{name}@example.org", "password": "long enough"}
    made = await asking.post("/api/auth/register-free", json=body)
    assert made.status_code == 201, made.text
    return {"authorization": f"Bearer {made.json()['token']}"}


async def admin(asking: httpx.AsyncClient) -> dict[str, str]:
    email, password = seed.ADMIN
    found = await asking.post("/api/auth/login", json={"email": email, "password": password})
    return {"authorization": f"Bearer {found.json()['token']}"}


async def test_a_meeting_link_is_given_once(stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve confirmations at once share out five links, one each; the rest have none; no booking is confirmed twice."""
    async with client(stores, monkeypatch) as (app, asking):
        mentee = await user(asking, "mentee")
        wish = {"company_id": "company-1", "interview_type": "coding", "slot_ids": ["s1"]}
        made = [(await asking.post("/api/booking-requests", json=wish, headers=mentee)).json()["id"] for _ in range(12)]
        boss = await admin(asking)
        twice = [{"booking_id": booking, "slot_id": "s1"} for booking in made for _ in range(2)]
        done = await asyncio.gather(*(asking.post("/api/admin/confirm-booking", json=body, headers=boss) for body in twice))
        confirmed = [one.json() for one in done if one.status_code == 200]
        links = [one["meet_link"] for one in confirmed if one["meet_link"]]
        assert sorted(one.status_code for one in done) == [200] * 12 + [409] * 12
        assert (len(links), len(set(links))) == (5, 5)
        kept = [(await asking.get(f"/api/booking-requests/{one['id']}", headers=mentee)).json() for one in confirmed]
        assert [one["meet_link"] for one in kept] == [one["meet_link"] for one in confirmed]
        parts: Parts = app.state.parts
        mocks = [row async for row in parts.database.write.mocks.find({}, {"_id": 0})]
        assert {row["mentee_id"] for row in mocks} == {kept[0]["mentee_id"]}
        assert len(mocks) == 12


async def test_ended_sessions_go_and_users_are_counted(stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that has ended is removed, a living one stays; accounts, active and paying users are what Prometheus reads."""
    async with client(stores, monkeypatch) as (app, asking):
        parts: Parts = app.state.parts
        first, _ = await user(asking, "first"), await user(asking, "second")
        order = (await asking.post("/api/payment/create-order", json={"plan_id": "starter"}, headers=first)).json()
        await asking.post("/api/payment/verify-payment", json={"order_id": order["id"], **order["checkout"]}, headers=first)
        before = await parts.database.write.sessions.count_documents({})
        token = first["authorization"].removeprefix("Bearer ")
        await parts.database.write.sessions.update_one({"token": token}, {"$set": {"ends": int(time.time()) - 1}})
        await upkeep.clean(parts.database)
        assert await parts.database.write.sessions.count_documents({}) == before - 1
        assert await parts.database.write.sessions.find_one({"token": token}) is None
        await upkeep.count(parts.database, parts.settings.session_ttl_s)
        accounts = await parts.database.write.users.count_documents({})
        counted = {basis: metrics.USERS.labels(basis)._value.get() for basis in upkeep.BASES}
        print(f"  counted {counted}")
        assert counted == {"registered": accounts, "active": accounts - 1, "paying": 1}
        assert 'platform_users{basis="paying"} 1.0' in (await asking.get("/metrics")).text


async def test_a_new_slot_is_told_to_who_waits(stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot that becomes free reaches the open long poll within three seconds, and the mark of one process is that of another."""
    async with client(stores, monkeypatch) as (app, asking):
        mark = (await asking.get(POLL, params={"wait": 0})).json()["mark"]
        held = asyncio.create_task(asking.get(POLL, params={"since": mark}))
        await asyncio.sleep(1.5)
        assert not held.done()
        slot = {"id": "slot-new", "date": "2999-01-01", "time": "10:00", "status": "available"}
        await app.state.parts.database.write.time_slots.insert_one(dict(slot))
        begun = time.monotonic()
        news = (await held).json()
        print(f"  told after {time.monotonic() - begun:.2f} s")
        assert time.monotonic() - begun < 3
        assert news["changed"]
        assert slot in news["slots"]
    async with client(stores, monkeypatch) as (_, asking):
        assert (await asking.get(POLL, params={"since": news["mark"], "wait": 0})).json()["changed"] is False


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_held_poll_does_not_hold_a_stop_up(stores: dict[str, str], workers: int) -> None:
    """The real server answers its long polls properly at SIGTERM and ends within seconds, with one worker and with several."""
    await until_there(settings.load(stores))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {**os.environ, **stores, "PORT": str(port), "WEB_CONCURRENCY": str(workers)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app", env=variables, cwd=Path(__file__).parents[2])
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=LIMIT_S) as asking:
            await until_ready(asking)
            held = [asyncio.create_task(asking.get(POLL)) for _ in range(8)]
            await asyncio.sleep(1.5)
            assert not any(one.done() for one in held)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            answers = await asyncio.gather(*held)
            answered = time.monotonic() - begun
            await asyncio.wait_for(process.wait(), LIMIT_S)
        print(f"  {workers} workers: answered after {answered:.2f} s, ended after {time.monotonic() - begun:.2f} s")
        assert {(one.status_code, one.json()["changed"]) for one in answers} == {(200, False)}
        assert time.monotonic() - begun < 5
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_ready(asking: httpx.AsyncClient) -> None:
    end = time.monotonic() + LIMIT_S
    while True:
        with suppress(httpx.TransportError):
            if (await asking.get("/readyz")).status_code == 200:
                return
        assert time.monotonic() < end, "the app does not get ready"
        await asyncio.sleep(0.1)
