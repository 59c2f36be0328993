"""What everybody may read: companies, pricing plans, interview types, free time slots. All through the cache."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.parts import Parts, PartsOf, now

router = APIRouter()
Date = Annotated[str, Query(pattern=r"^\d{4}-\d{2}-\d{2}$")]
INTERVIEW_TYPES = [
    {"id": "coding", "name": "Coding", "minutes": 60},
    {"id": "system-design", "name": "System design", "minutes": 60},
    {"id": "behavioural", "name": "Behavioural", "minutes": 45},
    {"id": "hr", "name": "HR round", "minutes": 30},
]


@router.get("/api/companies")
async def companies(parts: PartsOf) -> Any:
    return await parts.cache.get("companies", (), lambda: _all(parts, "companies"))


@router.get("/api/pricing-plans")
async def pricing(parts: PartsOf) -> Any:
    return await parts.cache.get("pricing", (), lambda: _all(parts, "pricing_plans"))


@router.get("/api/interview-types")
async def interview_types() -> Any:
    return INTERVIEW_TYPES


@router.get("/api/time-slots")
async def slots(parts: PartsOf, date: Date | None = None) -> Any:
    """Free slots, of one day or the next hundred from today on."""
    return await parts.cache.get("slots", (date or "all",), lambda: free(parts, date))


async def free(parts: Parts, date: str | None = None) -> list[dict[str, Any]]:
    """The free slots themselves, in an order that does not change by itself."""
    query: dict[str, Any] = {"status": "available", "date": date or {"$gte": now()[:10]}}
    rows = parts.database.read.time_slots.find(query, {"_id": 0}).sort([("date", 1), ("id", 1)]).limit(100)
    return [row async for row in rows]


async def _all(parts: Parts, collection: str) -> list[dict[str, Any]]:
    return [row async for row in parts.database.read[collection].find({}, {"_id": 0}).sort("id", 1).limit(1000)]


async def warm(parts: Parts) -> None:
    """Fill the caches of what every page needs."""
    await companies(parts)
    await pricing(parts)
