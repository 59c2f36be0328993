"""Payments: an order, the check of what the checkout hands back, and Razorpay's webhook."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, Field

from app import metrics, razorpay
from app.parts import PartsOf, SessionOf, new_id, now

router = APIRouter()
Id = Annotated[str, Field(min_length=1, max_length=64)]


class Order(BaseModel):
    plan_id: Id


class Payment(BaseModel):
    order_id: Id
    payment_id: Id
    signature: Annotated[str, Field(min_length=1, max_length=128)]


@router.post("/api/payment/create-order", status_code=201)
async def create(body: Order, session: SessionOf, parts: PartsOf) -> dict[str, Any]:
    """An order in paise. 404 when the plan does not exist."""
    plan = await parts.database.read.pricing_plans.find_one({"id": body.plan_id}, {"_id": 0})
    if plan is None:
        raise HTTPException(404, "no such plan")
    row = {"id": new_id("order"), "user_id": session.user_id, "plan_id": body.plan_id, "amount": plan["price_inr"] * 100, "currency": "INR"}
    await parts.database.write.orders.insert_one({**row, "status": "created", "created_at": now()})
    # The stand-in plays the checkout too: a real one gets payment and signature from Razorpay.
    payment = new_id("pay")
    checkout = {"payment_id": payment, "signature": razorpay.payment_signature(row["id"], payment, parts.settings.razorpay_key_secret)}
    return {**row, "key_id": parts.settings.razorpay_key_id, "checkout": checkout}


@router.post("/api/payment/verify-payment")
async def verify(body: Payment, session: SessionOf, parts: PartsOf) -> dict[str, Any]:
    """Mark an order paid. 400 when the signature is not Razorpay's."""
    wanted = razorpay.payment_signature(body.order_id, body.payment_id, parts.settings.razorpay_key_secret)
    if not razorpay.same(body.signature, wanted):
        metrics.PAYMENTS.labels("refused").inc()
        raise HTTPException(400, "the signature is wrong")
    await _paid(parts, body.order_id, body.payment_id, {"user_id": session.user_id})
    return {"order_id": body.order_id, "status": "paid"}


@router.post("/api/payment/webhook")
async def webhook(request: Request, parts: PartsOf) -> dict[str, str]:
    """Razorpay's own word that a payment was captured. May come twice."""
    body = await request.body()
    wanted = razorpay.webhook_signature(body, parts.settings.razorpay_key_secret)
    if not razorpay.same(request.headers.get("x-razorpay-signature", ""), wanted):
        raise HTTPException(400, "the signature is wrong")
    try:
        event = json.loads(body)
        if event["event"] != "payment.captured":
            # Razorpay sends failures and refunds to the same address; only a captured payment pays an order.
            return {"status": "ignored"}
        entity = event["payload"]["payment"]["entity"]
        await _paid(parts, entity["order_id"], entity["id"], {})
    except (ValueError, KeyError, TypeError) as error:
        raise HTTPException(400, "not a payment event") from error
    return {"status": "ok"}


async def _paid(parts: Any, order_id: str, payment_id: str, owner: dict[str, str]) -> None:
    """Mark an order paid, once however often it is told. 404 when there is no such order."""
    orders = parts.database.write.orders
    change = {"$set": {"status": "paid", "payment_id": payment_id}}
    done = await orders.update_one({"id": order_id, **owner, "status": {"$ne": "paid"}}, change)
    if done.matched_count:
        metrics.PAYMENTS.labels("paid").inc()
    elif await orders.find_one({"id": order_id, **owner}, {"id": 1}) is None:
        raise HTTPException(404, "no such order")
