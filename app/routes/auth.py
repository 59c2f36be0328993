"""Accounts: register free, log in, log out, read and change the own profile."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field
from pymongo.errors import DuplicateKeyError

from app import events, metrics, passwords
from app.parts import PartsOf, SessionOf, new_id, now

router = APIRouter()
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}\.[^@\s]{1,60}$")]
Password = Annotated[str, Field(min_length=8, max_length=128)]


class Registration(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    email: Email
    password: Password


class Credentials(BaseModel):
    email: Email
    password: Password


class Profile(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=100)]


def public(user: dict[str, Any]) -> dict[str, Any]:
    return {name: user[name] for name in ("id", "name", "email", "role", "status", "created_at") if name in user}


@router.post("/api/auth/register-free", status_code=201)
@router.post("/api/auth/register", status_code=201)
async def register(body: Registration, parts: PartsOf) -> dict[str, Any]:
    """Make a free account and log it in. 409 when the address is taken."""
    stored = await asyncio.to_thread(passwords.hashed, body.password)
    user = {
        "id": new_id("user"),
        "name": body.name,
        "email": body.email.lower(),
        "password": stored,
        "role": "mentee",
        "status": "free",
        "created_at": now(),
    }
    try:
        await parts.database.write.users.insert_one(dict(user))
    except DuplicateKeyError as error:
        raise HTTPException(409, "there is an account with this address") from error
    metrics.REGISTRATIONS.labels("free").inc()
    session = await parts.sessions.start(user["id"], user["role"])
    return {"token": session.token, "user": public(user)}


@router.post("/api/auth/login")
async def login(body: Credentials, parts: PartsOf) -> dict[str, Any]:
    user = await parts.database.write.users.find_one({"email": body.email.lower()}, {"_id": 0})
    right = user is not None and await asyncio.to_thread(passwords.matches, body.password, user["password"])
    if user is None or not right:
        raise HTTPException(401, "address or password is wrong")
    session = await parts.sessions.start(user["id"], user["role"])
    return {"token": session.token, "user": public(user)}


@router.post("/api/auth/logout", status_code=204)
async def logout(session: SessionOf, parts: PartsOf) -> None:
    await parts.sessions.end(session.token)


@router.get("/api/users/{user_id}")
async def profile(user_id: str, session: SessionOf, parts: PartsOf) -> dict[str, Any]:
    """A profile, for its owner and for administrators."""
    if session.user_id != user_id and session.role != "admin":
        raise HTTPException(403, "not your profile")
    user = await parts.database.read.users.find_one({"id": user_id}, {"_id": 0})
    if user is None:
        raise HTTPException(404, "no such user")
    return public(user)


@router.put("/api/users/{user_id}")
async def change(user_id: str, body: Profile, session: SessionOf, parts: PartsOf) -> dict[str, Any]:
    if session.user_id != user_id:
        raise HTTPException(403, "not your profile")
    await parts.database.write.users.update_one({"id": user_id}, {"$set": {"name": body.name}})
    user = await parts.database.write.users.find_one({"id": user_id}, {"_id": 0})
    if user is None:
        raise HTTPException(404, "no such user")
    await events.tell(parts, events.USER_UPDATED, {"user_id": user_id, "name": user["name"], "changed_at": now()})
    return public(user)
