"""`python -m app.jobs.indexes`: make the indexes that queries need. May run again and beside the old version.

INDEXES_JSON, a list of {collection, keys, unique}, says which; without it the list below, which the platform's file names too.
"""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from app.database import Database
from app.settings import load

UNIQUE_IDS = ("users", "booking_requests", "companies", "time_slots", "pricing_plans", "orders", "mocks", "meet_links")
DEFAULT: list[dict[str, Any]] = [
    {"collection": "users", "keys": ["email"], "unique": True},
    {"collection": "users", "keys": ["role", "status"]},
    {"collection": "users", "keys": ["-created_at"]},
    {"collection": "booking_requests", "keys": ["mentee_id", "status"]},
    {"collection": "booking_requests", "keys": ["mentor_id", "status"]},
    {"collection": "booking_requests", "keys": ["status", "-created_at"]},
    {"collection": "booking_requests", "keys": ["company_id", "interview_type"]},
    {"collection": "mocks", "keys": ["mentee_id", "-date"]},
    {"collection": "mocks", "keys": ["mentor_id", "-date"]},
    {"collection": "mocks", "keys": ["date", "status"]},
    {"collection": "orders", "keys": ["email", "status"]},
    {"collection": "orders", "keys": ["-created_at", "status"]},
    {"collection": "time_slots", "keys": ["date", "status"]},
    {"collection": "time_slots", "keys": ["interview_types", "status"]},
    *({"collection": name, "keys": ["id"], "unique": True} for name in UNIQUE_IDS),
    {"collection": "mocks", "keys": ["booking_id"], "unique": True},
    {"collection": "link_claims", "keys": ["link_id"], "unique": True},
    {"collection": "sessions", "keys": ["token"], "unique": True},
    {"collection": "sessions", "keys": ["ends"]},
]


def direction(name: str) -> tuple[str, int]:
    return (name[1:], -1) if name.startswith("-") else (name, 1)


async def main() -> None:
    wanted = json.loads(os.environ["INDEXES_JSON"]) if os.environ.get("INDEXES_JSON") else DEFAULT
    database = Database(load())
    for index in wanted:
        keys = [direction(name) for name in index["keys"]]
        await database.write[index["collection"]].create_index(keys, unique=bool(index.get("unique")))
    await database.close()
    print(f"{len(wanted)} indexes are there")


if __name__ == "__main__":
    asyncio.run(main())
