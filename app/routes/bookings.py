"""Booking requests: a mentee asks, an administrator confirms."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from pymongo.errors import DuplicateKeyError

from app import metrics
from app.parts import AdminOf, Limit, Parts, PartsOf, SessionOf, Skip, new_id, now, page

router = APIRouter()
Id = Annotated[str, Field(min_length=1, max_length=64)]


class Booking(BaseModel):
    company_id: Id
    interview_type: Id
    slot_ids: Annotated[list[Id], Field(min_length=1, max_length=5)]


class Confirmation(BaseModel):
    booking_id: Id
    slot_id: Id


@router.post("/api/booking-requests", status_code=201)
async def book(body: Booking, session: SessionOf, parts: PartsOf) -> dict[str, Any]:
    """Ask for a mock interview. 404 when the company does not exist."""
    if await parts.database.read.companies.find_one({"id": body.company_id}, {"id": 1}) is None:
        raise HTTPException(404, "no such company")
    row = {"id": new_id("booking"), "mentee_id": session.user_id, "status": "pending", "created_at": now(), **body.model_dump()}
    await parts.database.write.booking_requests.insert_one(dict(row))
    metrics.BOOKINGS.labels("pending").inc()
    return row


@router.get("/api/booking-requests")
async def own(session: SessionOf, parts: PartsOf, skip: Skip = 0, limit: Limit = 50) -> list[dict[str, Any]]:
    # From the primary: the page that follows a booking has to show it.
    return await page(parts.database.write.booking_requests, {"mentee_id": session.user_id}, skip, limit)


@router.get("/api/booking-requests/{booking_id}")
async def one(booking_id: str, session: SessionOf, parts: PartsOf) -> dict[str, Any]:
    """A booking with its company, for its owner and for administrators."""
    row = await parts.database.write.booking_requests.find_one({"id": booking_id}, {"_id": 0})
    if row is None or (row["mentee_id"] != session.user_id and session.role != "admin"):
        raise HTTPException(404, "no such booking")
    company = await parts.database.read.companies.find_one({"id": row["company_id"]}, {"_id": 0})
    return {**row, "company": company}


@router.get("/api/admin/booking-requests")
async def every(_: AdminOf, parts: PartsOf, skip: Skip = 0, limit: Limit = 50, status: str | None = None) -> list[dict[str, Any]]:
    """Bookings, each with the mentee's name where this service has heard of it (see app.events)."""
    rows = await page(parts.database.write.booking_requests, {"status": status} if status else {}, skip, limit)
    wanted = {"id": {"$in": sorted({row["mentee_id"] for row in rows})}}
    names = {row["id"]: row["name"] async for row in parts.database.read.mentees.find(wanted, {"_id": 0, "id": 1, "name": 1})}
    return [{**row, "mentee_name": names[row["mentee_id"]]} if row["mentee_id"] in names else row for row in rows]


@router.post("/api/admin/confirm-booking")
async def confirm(body: Confirmation, known: AdminOf, parts: PartsOf) -> dict[str, Any]:
    """Give a pending booking its slot and a meeting link of its own (null when none is free). 409 when somebody was faster."""
    write = parts.database.write
    booking = await write.booking_requests.find_one({"id": body.booking_id, "status": "pending"}, {"_id": 0})
    if booking is None or not await _interview(parts, booking, known.user_id):
        raise HTTPException(409, "this booking is not pending")
    link = await _link(parts, body.booking_id)
    change = {"status": "confirmed", "slot_id": body.slot_id, "mentor_id": known.user_id, "meet_link": link}
    await write.booking_requests.update_one({"id": body.booking_id}, {"$set": change})
    metrics.BOOKINGS.labels("confirmed").inc()
    return {"id": body.booking_id, **change}


# Two insert the same unique key and one of them fails: on every database that speaks this protocol, also where a
# conditional update is a read and a write.
async def _interview(parts: Parts, booking: dict[str, Any], mentor_id: str) -> bool:
    """Plan the interview of a booking; False when it has one."""
    mock = {"id": new_id("mock"), "booking_id": booking["id"], "mentee_id": booking["mentee_id"], "mentor_id": mentor_id}
    try:
        await parts.database.write.mocks.insert_one({**mock, "date": now()[:10], "status": "scheduled", "created_at": now()})
    except DuplicateKeyError:
        return False
    return True


async def _link(parts: Parts, booking_id: str) -> str | None:
    """The address of a meeting link that no other booking has; None when all are taken."""
    write = parts.database.write
    async for link in write.meet_links.find({"status": "free"}, {"_id": 0}):
        try:
            await write.link_claims.insert_one({"link_id": link["id"], "booking_id": booking_id, "created_at": now()})
        except DuplicateKeyError:
            continue
        await write.meet_links.update_one({"id": link["id"]}, {"$set": {"status": "taken"}})
        return str(link["url"])
    return None
