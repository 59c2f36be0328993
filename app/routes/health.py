"""Probes. `/livez` asks nobody, `/readyz` asks the database at most once a second, `/health` is for people and dashboards."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psutil
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pymongo.errors import PyMongoError

from app import metrics
from app.parts import Parts, PartsOf, now
from app.store import Store

router = APIRouter()
READY_FOR_S = 1.0
ASK_S = 2.0


@router.get("/livez", include_in_schema=False)
async def livez() -> PlainTextResponse:
    return PlainTextResponse("ok\n")


@router.get("/readyz", include_in_schema=False)
async def readyz(request: Request, parts: PartsOf) -> PlainTextResponse:
    """200 while the database answers; Redis may be away."""
    state = request.app.state
    if state.faults.never_ready:
        return PlainTextResponse("never ready, as FAULT_READY asks\n", 503)
    if time.monotonic() - state.ready_at > READY_FOR_S:
        problem = await _database(parts)
        if problem["status"] != "connected":
            return PlainTextResponse("the database does not answer\n", 503)
        state.ready_at = time.monotonic()
    return PlainTextResponse("ok\n")


@router.get("/metrics", include_in_schema=False)
async def scrape() -> Response:
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")


@router.get("/health")
@router.get("/api/health")
async def health(parts: PartsOf) -> JSONResponse:
    """The state of the parts: `healthy`, or `degraded` with what is away. 503 only without the database."""
    database, store = await asyncio.gather(_database(parts), _redis(parts.cache_store))
    whole = database["status"] == store["status"] == "connected"
    body = {
        "status": "healthy" if whole else "degraded", "timestamp": now(), "version": parts.settings.version,
        "services": {"database": database, "redis": store},
        "system": {"cpu_percent": psutil.cpu_percent(), "memory_percent": psutil.virtual_memory().percent, "disk_percent": psutil.disk_usage("/").percent},
    }  # fmt: skip
    return JSONResponse(body, 200 if database["status"] == "connected" else 503)


async def _database(parts: Parts) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        async with asyncio.timeout(ASK_S):
            await parts.database.ping()
    except (PyMongoError, TimeoutError) as error:
        return {"status": "error", "error": type(error).__name__}
    return {"status": "connected", "latency_ms": round((time.perf_counter() - start) * 1000, 2)}


async def _redis(store: Store) -> dict[str, Any]:
    start = time.perf_counter()
    answer = await store.ask(store.client.ping())
    if not answer:
        return {"status": "error", "error": "away"}
    return {"status": "connected", "latency_ms": round((time.perf_counter() - start) * 1000, 2)}
