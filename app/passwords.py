"""Passwords by scrypt from the standard library."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

# 2**12 blocks of 1 kB: 4 MB and about 12 ms. A real platform takes 2**15; this stand-in spends a load test's CPU on the
# platform instead of on hashing.
COST = 2**12
FORM = "scrypt$12$"


def hashed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return FORM + base64.b64encode(salt + _derive(password, salt)).decode()


def matches(password: str, stored: str) -> bool:
    """Whether `password` made `stored`; False for text of another form."""
    try:
        raw = base64.b64decode(stored.removeprefix(FORM), validate=True)
    except ValueError:
        return False
    return stored.startswith(FORM) and hmac.compare_digest(_derive(password, raw[:16]), raw[16:])


def _derive(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=COST, r=8, p=1, dklen=32)
