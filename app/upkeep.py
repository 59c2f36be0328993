"""What a process does once a minute beside its requests: ended sessions go, and users are counted for Prometheus."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime, timedelta

from pymongo.errors import PyMongoError

from app import metrics
from app.database import Database
from app.parts import Parts
from app.settings import DAY_S

EVERY_S = 60.0
PAID_WITHIN = timedelta(days=30)
BASES = ("registered", "active", "paying")
log = logging.getLogger("app")


async def forever(parts: Parts) -> None:
    """Until cancelled. A database that is away makes the counts unknown, and nothing else."""
    while True:
        try:
            await clean(parts.database)
            await count(parts.database, parts.settings.session_ttl_s)
        except PyMongoError as error:
            log.warning("users are not counted: %s", error)
            for basis in BASES:
                metrics.USERS.labels(basis).set(float("nan"))
        # Not all processes in the same moment.
        await asyncio.sleep(EVERY_S * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, hides nothing


async def clean(database: Database) -> None:
    """Remove the sessions that have ended. Not left to an index that expires: the local database has none."""
    await database.write.sessions.delete_many({"ends": {"$lte": int(time.time())}})


async def count(database: Database, ttl_s: int) -> None:
    """Accounts; users seen within a day (their session ends less than a day before a new one would); payers within 30 days."""
    seen = int(time.time()) + ttl_s - DAY_S
    paid = (datetime.now(UTC) - PAID_WITHIN).isoformat(timespec="milliseconds")
    active = await database.read.sessions.distinct("user_id", {"ends": {"$gt": seen}})
    paying = await database.read.orders.distinct("user_id", {"created_at": {"$gt": paid}, "status": "paid"})
    metrics.USERS.labels("registered").set(await database.read.users.estimated_document_count())
    metrics.USERS.labels("active").set(len(active))
    metrics.USERS.labels("paying").set(len(paying))
