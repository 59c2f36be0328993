"""The parts that requests use, hung on the application; and the two questions each route asks first: who, and may they."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query, Request

from app.cache import Cache
from app.database import Database
from app.sessions import Session, Sessions
from app.settings import Settings
from app.store import Store


@dataclass
class Parts:
    settings: Settings
    database: Database
    cache_store: Store
    session_store: Store
    cache: Cache
    sessions: Sessions


def assemble(settings: Settings) -> Parts:
    database = Database(settings)
    cache_store, session_store = Store(settings.redis_cache_url), Store(settings.redis_sessions_url)
    return Parts(
        settings,
        database,
        cache_store,
        session_store,
        Cache(cache_store, settings.cache_ttl_s),
        Sessions(session_store, database, settings),
    )


def parts(request: Request) -> Parts:
    found: Parts = request.app.state.parts
    return found


PartsOf = Annotated[Parts, Depends(parts)]


async def session(request: Request, found: PartsOf) -> Session:
    """The caller's session. 401 without a token or with one that has ended."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    known = await found.sessions.find(token) if scheme.lower() == "bearer" and token else None
    if known is None:
        raise HTTPException(401, "log in first")
    return known


SessionOf = Annotated[Session, Depends(session)]


async def admin(known: SessionOf) -> Session:
    """The caller's session, which has to be an administrator's. 403 otherwise."""
    if known.role != "admin":
        raise HTTPException(403, "only administrators may do this")
    return known


AdminOf = Annotated[Session, Depends(admin)]
Skip = Annotated[int, Query(ge=0, le=100_000)]
Limit = Annotated[int, Query(ge=1, le=100)]


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(8)}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def page(collection: Any, query: dict[str, Any], skip: int, limit: int) -> list[dict[str, Any]]:
    """Documents newest first, without MongoDB's own `_id`."""
    rows = collection.find(query, {"_id": 0}).sort("created_at", -1).skip(skip).limit(limit)
    return [row async for row in rows]
