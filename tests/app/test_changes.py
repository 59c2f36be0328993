"""The long poll: answered when there is news, when the wait is over, and when the process is asked to stop; its waiting is no slowness."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app import metrics, stopping
from app.routes import changes

PATH = "/api/time-slots/changes"


class Calendar:
    """Free slots that tests change, and how often they were read."""

    def __init__(self) -> None:
        self.slots: list[dict[str, Any]] = [{"id": "slot-1", "date": "2026-11-21"}]
        self.reads = 0

    async def free(self) -> list[dict[str, Any]]:
        self.reads += 1
        await asyncio.sleep(0.001)
        return list(self.slots)


@asynccontextmanager
async def asking(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch, look_s: float = 0.02
) -> AsyncIterator[tuple[httpx.AsyncClient, FastAPI]]:
    monkeypatch.setattr(changes, "LOOK_S", look_s)
    app = FastAPI()
    app.include_router(changes.router)
    app.add_middleware(metrics.Measured)
    app.state.board = changes.Board(calendar.free, asyncio.Event())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        yield client, app


def timed(route: str = PATH) -> float:
    return float(metrics.LATENCY.labels("GET", route)._sum.get())


async def test_news_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds the poll hears of a change within a look, with the slots; who comes with an old mark hears of it at once."""
    calendar = Calendar()
    async with asking(calendar, monkeypatch) as (client, _):
        first = (await client.get(PATH, params={"wait": 0})).json()
        assert first == {"mark": first["mark"], "changed": False, "slots": None}
        begun = time.monotonic()
        held = asyncio.create_task(client.get(PATH, params={"wait": 20}))
        await asyncio.sleep(0.05)
        assert not held.done()
        calendar.slots.append({"id": "slot-2", "date": "2026-11-22"})
        news = (await held).json()
        late = (await client.get(PATH, params={"since": first["mark"]})).json()
    assert (news["changed"], news["slots"]) == (True, calendar.slots)
    assert late == news
    assert news["mark"] != first["mark"]
    assert time.monotonic() - begun < 5


async def test_waiting_is_no_slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll counts as answered under its own route, and what it waited on purpose is not in the time to answer."""
    async with asking(Calendar(), monkeypatch) as (client, app):
        before, counted = timed(), metrics.REQUESTS.labels("GET", PATH, "200")._value.get()
        held = asyncio.create_task(client.get(PATH))
        await asyncio.sleep(0.3)
        app.state.board.stop.set()
        assert (await held).json()["changed"] is False
    assert metrics.REQUESTS.labels("GET", PATH, "200")._value.get() == counted + 1
    assert timed() - before < 0.2


async def test_a_stop_is_never_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All polls are answered properly as soon as the process is asked to stop, later ones at once; their connections end."""
    async with asking(Calendar(), monkeypatch, look_s=10) as (client, app):
        held = [asyncio.create_task(client.get(PATH)) for _ in range(20)]
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        app.state.board.stop.set()
        answers = [*await asyncio.gather(*held), await client.get(PATH)]
    assert time.monotonic() - begun < 2
    assert {(one.status_code, one.json()["changed"], one.headers["connection"]) for one in answers} == {(200, False, "close")}


async def test_however_many_wait_the_database_is_asked_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty that wait together through four looks cost a few reads, not two hundred."""
    calendar = Calendar()
    async with asking(calendar, monkeypatch, look_s=0.1) as (client, app):
        held = [asyncio.create_task(client.get(PATH)) for _ in range(50)]
        await asyncio.sleep(0.4)
        app.state.board.stop.set()
        await asyncio.gather(*held)
    assert 2 <= calendar.reads <= 20


async def test_a_client_that_hangs_up_ends_its_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for who is gone."""
    async with asking(Calendar(), monkeypatch) as (_, app):
        scope = {
            "type": "http", "method": "GET", "path": PATH, "query_string": b"wait=20", "headers": [], "app": app, "http_version": "1.1",
            "scheme": "http", "server": ("app", 80), "client": ("10.0.0.1", 1), "root_path": "",
        }  # fmt: skip

        async def gone() -> dict[str, str]:
            return {"type": "http.disconnect"}

        async def unheard(_: Any) -> None: ...

        async with asyncio.timeout(5):
            await app(scope, gone, unheard)  # type: ignore[arg-type]


@pytest.mark.parametrize("asked", ["since=now", "since=0123", "wait=-1", "wait=21", "wait=long", "since=%00"])
async def test_odd_questions_are_refused(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark that is none, and a wait that is none or longer than any route lets it be, are refused without a look."""
    calendar = Calendar()
    async with asking(calendar, monkeypatch) as (client, _):
        assert (await client.get(f"{PATH}?{asked}")).status_code == 422
    assert calendar.reads == 0


async def test_a_database_that_is_away_fails_the_poll_and_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll that cannot look is an error, and the next one looks again."""
    calendar = Calendar()
    sound = calendar.free
    async with asking(calendar, monkeypatch) as (client, app):

        async def away() -> list[dict[str, Any]]:
            raise ConnectionError

        app.state.board._free = away
        assert (await client.get(PATH)).status_code == 500
        app.state.board._free = sound
        assert (await client.get(PATH, params={"wait": 0})).status_code == 200


def test_the_same_slots_have_the_same_mark() -> None:
    """Two processes name the same slots alike, whatever the order of a row's fields; other slots are named otherwise."""
    one, same = [{"id": "a", "date": "d"}], [{"date": "d", "id": "a"}]
    assert changes.mark(one) == changes.mark(same)
    assert changes.mark(one) != changes.mark([]) != changes.mark([*one, *same])


async def test_a_signal_is_heard_and_handed_on() -> None:
    """SIGTERM sets the word at once and still reaches who handled it before; afterwards that one alone handles it."""
    heard: list[int] = []

    def server(number: int, _: FrameType | None) -> None:
        heard.append(number)

    former = signal.signal(signal.SIGTERM, server)
    try:
        stop = asyncio.Event()
        with stopping.heard(stop):
            signal.raise_signal(signal.SIGTERM)
            async with asyncio.timeout(2):
                await stop.wait()
        assert heard == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is server
    finally:
        signal.signal(signal.SIGTERM, former)


async def test_a_signal_that_nobody_handles_keeps_its_meaning() -> None:
    """Where nothing handles SIGTERM, it goes on ending the process."""
    former = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with stopping.heard(asyncio.Event()):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, former)
