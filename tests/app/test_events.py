"""Events between services: written down first, sent at least once, handled in order of their truth."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as Gone

from app import events, store, tracing
from app.tracing import Exporter, Span


class Collection:
    """As much of a MongoDB collection as events use."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    async def insert_one(self, row: dict[str, Any]) -> None:
        self.rows[row["id"]] = row

    async def delete_one(self, query: dict[str, Any]) -> None:
        self.rows.pop(query["id"], None)

    async def find_one(self, query: dict[str, Any], _: dict[str, Any]) -> dict[str, Any] | None:
        return self.rows.get(query["id"])

    async def update_one(self, query: dict[str, Any], change: dict[str, Any], upsert: bool) -> None:
        self.rows[query["id"]] = {**self.rows.get(query["id"], {}), **change["$set"]}

    def find(self, *_: Any) -> Collection:
        return self

    def sort(self, *_: Any) -> Collection:
        return self

    async def limit(self, count: int) -> AsyncIterator[dict[str, Any]]:
        for row in sorted(self.rows.values(), key=lambda one: one["created_at"])[:count]:
            yield row


class Client:
    """A Redis that may be gone; `stream` is what was sent."""

    def __init__(self) -> None:
        self.stream: list[dict[str, str]] = []
        self.away = False

    async def xadd(self, name: str, fields: dict[str, str], maxlen: int, approximate: bool) -> str:
        if self.away:
            raise Gone("away")
        self.stream.append(fields)
        return f"{len(self.stream)}-0"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(store, "PAUSE_S", 0.0)
    session_store = store.Store("redis://127.0.0.1:1/0")
    session_store.client = Client()  # type: ignore[assignment]
    database = SimpleNamespace(write=SimpleNamespace(outbox=Collection(), mentees=Collection()))
    return SimpleNamespace(database=database, session_store=session_store)


async def test_an_event_outlives_a_redis_that_is_away(parts: Any) -> None:
    """What cannot be sent stays written down, is sent once Redis is back, and is then forgotten."""
    client = parts.session_store.client
    client.away = True
    await events.tell(parts, events.USER_UPDATED, {"user_id": "u1", "name": "Asha", "changed_at": "1"})
    assert len(parts.database.write.outbox.rows) == 1
    assert await events.send_leftovers(parts) == 0
    client.away = False
    assert await events.send_leftovers(parts) == 1
    assert parts.database.write.outbox.rows == {}
    assert json.loads(client.stream[0]["data"])["name"] == "Asha"


async def test_an_older_event_changes_nothing(parts: Any) -> None:
    """Events may come twice and out of order: the newest change stays."""
    handle = events.remember_user(parts)
    await handle({"user_id": "u1", "name": "New", "changed_at": "2"})
    await handle({"user_id": "u1", "name": "Old", "changed_at": "1"})
    await handle({"user_id": "u1", "name": "New", "changed_at": "2"})
    assert parts.database.write.mentees.rows["u1"]["name"] == "New"


class Stream:
    """A stream as a listener sees it: `left` of a dead process, `fresh` for this one; `acked` numbers."""

    def __init__(self, left: list[Any], fresh: list[Any]) -> None:
        self.left, self.fresh, self.acked = left, fresh, []  # type: ignore[var-annotated]

    async def xautoclaim(self, *_: Any, **__: Any) -> tuple[str, list[Any], list[str]]:
        return "0-0", self.left, []

    async def xreadgroup(self, *_: Any, **__: Any) -> list[Any]:
        return [[events.USER_UPDATED, self.fresh]]

    async def xack(self, _: str, __: str, number: str) -> None:
        self.acked.append(number)


async def test_only_what_was_handled_is_acknowledged() -> None:
    """A dead process's events are taken over; one that fails comes again; one that nobody can read is let go."""
    seen: list[str] = []

    async def handle(data: dict[str, Any]) -> None:
        if data["name"] == "fails":
            raise OSError("the database is away")
        seen.append(data["name"])

    listener = events.Listener("redis://127.0.0.1:1/0", events.USER_UPDATED, "booking", "me", handle)
    stream = Stream(
        [("1-0", {"data": '{"name": "left"}'})],
        [("2-0", {"data": '{"name": "fails"}'}), ("3-0", {"data": "no JSON"}), ("4-0", {"data": '{"name": "new"}'})],
    )
    listener._store.client = stream  # type: ignore[assignment]
    assert await listener.once() == 3
    assert seen == ["left", "new"]
    assert stream.acked == ["1-0", "3-0", "4-0"]


@pytest.mark.parametrize("url", ["redis+sentinel://:pw@/name/0", "redis+sentinel://:pw@a:26379"])
def test_a_broken_sentinel_url_is_refused(url: str) -> None:
    """A sentinel URL without addresses or without a name is an error at the start, not silence later."""
    with pytest.raises(ValueError, match="sentinel URL is"):
        store.client(url, 1.0)


def test_a_sentinel_url_names_watchers_and_primary() -> None:
    """All addresses are asked, with the password of both, for the primary of that name; the database is the last part."""
    found = store.client("redis+sentinel://:p%40w@a.ns.svc:26379,b.ns.svc:26380/redis-sessions/2", 1.0)
    pool: Any = found.connection_pool
    assert pool.service_name == "redis-sessions"
    assert [one.connection_pool.connection_kwargs["port"] for one in pool.sentinel_manager.sentinels] == [26379, 26380]
    assert {one.connection_pool.connection_kwargs["password"] for one in pool.sentinel_manager.sentinels} == {"p@w"}
    assert pool.connection_kwargs["db"] == 2
    assert pool.connection_kwargs["password"] == "p@w"


async def test_spans_hold_no_personal_data() -> None:
    """A span has the route's template, never the path: an address or an id that somebody typed is not in it."""
    kept = Exporter("http://127.0.0.1:1", "user", "1.0.0")

    async def app(scope: Any, _: Any, send: Any) -> None:
        scope["route"] = SimpleNamespace(path="/api/users/{user_id}")
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def quiet(_: Any) -> None:
        return

    parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/users/asha@example.com",
        "query_string": b"q=asha",
        "headers": [(b"traceparent", parent.encode())],
    }
    await tracing.Traced(app, kept)(scope, None, quiet)  # type: ignore[arg-type]
    shown = json.dumps(tracing.document({"service.name": "user"}, list(kept._spans)))
    assert "asha" not in shown
    (span,) = json.loads(shown)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["parentSpanId"], span["name"]) == ("a" * 32, "b" * 16, "GET /api/users/{user_id}")


async def test_a_receiver_that_is_away_costs_spans_only() -> None:
    """Sending to nobody loses the spans, raises nothing and keeps no more than so many."""
    kept = Exporter("http://127.0.0.1:1", "user", "1.0.0")
    for _ in range(tracing.KEPT + 10):
        kept.add(Span("a" * 32, "b" * 16, "", "GET /", 1, 2, 200))
    assert len(kept._spans) == tracing.KEPT
    assert await kept.send() == 0
    assert len(kept._spans) == 0
