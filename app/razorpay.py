"""Razorpay's signatures, made and checked here with HMAC-SHA256 as its documentation describes. No request leaves the machine."""

from __future__ import annotations

import hashlib
import hmac


def payment_signature(order_id: str, payment_id: str, secret: str) -> str:
    """What a checkout hands back with a payment: the signature of `order_id|payment_id`."""
    return _sign(f"{order_id}|{payment_id}".encode(), secret)


def webhook_signature(body: bytes, secret: str) -> str:
    return _sign(body, secret)


def same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _sign(message: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
