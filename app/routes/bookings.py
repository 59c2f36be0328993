"""Booking requests: a mentee asks, an administrator confirms."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from app import metrics
from app.parts import AdminOf, Limit, PartsOf, SessionOf, Skip, new_id, now, page

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
    return await page(parts.database.write.booking_requests, {"status": status} if status else {}, skip, limit)


@router.post("/api/admin/confirm-booking")
async def confirm(body: Confirmation, known: AdminOf, parts: PartsOf) -> dict[str, Any]:
    """Give a pending booking its slot and meeting link. 409 when somebody was faster."""
    link = await parts.database.write.meet_links.find_one({"status": "free"}, {"_id": 0})
    change = {"status": "confirmed", "slot_id": body.slot_id, "mentor_id": known.user_id, "meet_link": link["url"] if link else None}
    done = await parts.database.write.booking_requests.update_one({"id": body.booking_id, "status": "pending"}, {"$set": change})
    if not done.matched_count:
        raise HTTPException(409, "this booking is not pending")
    await parts.database.write.mocks.insert_one(
        {
            "id": new_id("mock"),
            "booking_id": body.booking_id,
            "mentor_id": known.user_id,
            "date": now()[:10],
            "status": "scheduled",
            "created_at": now(),
        }
    )
    metrics.BOOKINGS.labels("confirmed").inc()
    return {"id": body.booking_id, **change}
