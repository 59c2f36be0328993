"""Sessions: a random token, kept in Redis for speed and in MongoDB for truth, so that a lost Redis logs nobody out."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from app.database import Database
from app.settings import Settings
from app.store import Store

# The end of a session slides with every use; MongoDB hears of it at most this often.
SLIDE_S = 300


@dataclass(frozen=True)
class Session:
    token: str
    user_id: str
    role: str
    ends: int


class Sessions:
    def __init__(self, store: Store, database: Database, settings: Settings) -> None:
        self._store, self._database = store, database
        self._ttl_s, self._sliding = settings.session_ttl_s, settings.session_sliding

    async def start(self, user_id: str, role: str) -> Session:
        session = Session(secrets.token_urlsafe(24), user_id, role, int(time.time()) + self._ttl_s)
        await self._database.write.sessions.insert_one(_document(session))
        await self._cache(session)
        return session

    async def find(self, token: str) -> Session | None:
        """The session of a token that has not ended; its end moves on."""
        text = await self._store.ask(self._store.client.get(_key(token)))
        if text:
            session = _session(token, json.loads(text))
        else:
            row = await self._database.write.sessions.find_one({"token": token}, {"_id": 0})
            if row is None:
                return None
            session = _session(token, row)
        if session.ends <= time.time():
            return None
        return await self._slid(session, cached=bool(text))

    async def _slid(self, session: Session, *, cached: bool) -> Session | None:
        ends = int(time.time()) + self._ttl_s
        if not self._sliding or ends - session.ends < SLIDE_S:
            if not cached:
                await self._cache(session)
            return session
        slid = Session(session.token, session.user_id, session.role, ends)
        done = await self._database.write.sessions.update_one({"token": session.token}, {"$set": {"ends": ends}})
        if not done.matched_count:
            # Logged out while Redis was away, which then came back with the old entry.
            await self._store.ask(self._store.client.delete(_key(session.token)))
            return None
        await self._cache(slid)
        return slid

    async def end(self, token: str) -> None:
        await self._store.ask(self._store.client.delete(_key(token)))
        await self._database.write.sessions.delete_one({"token": token})

    async def _cache(self, session: Session) -> None:
        value = json.dumps({"user_id": session.user_id, "role": session.role, "ends": session.ends})
        # Not longer than SLIDE_S, so that MongoDB, which knows every logout, is asked again.
        await self._store.ask(self._store.client.set(_key(session.token), value, ex=min(self._ttl_s, SLIDE_S)))


def _session(token: str, row: dict[str, Any]) -> Session:
    """Named fields only: a newer version beside this one may keep more."""
    return Session(token, str(row["user_id"]), str(row["role"]), int(row["ends"]))


def _key(token: str) -> str:
    return f"session:{token}"


def _document(session: Session) -> dict[str, Any]:
    return {"token": session.token, "user_id": session.user_id, "role": session.role, "ends": session.ends}
