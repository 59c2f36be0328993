"""The stand-in Codementee: the whole monolith, or one of three services on the same paths."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app import events, faults, metrics, stopping, tracing, upkeep
from app.parts import Parts, assemble
from app.routes import auth, bookings, catalog, changes, health, payments
from app.settings import Settings, load

log = logging.getLogger("app")
ROUTERS = {
    "user": (auth.router,),
    "booking": (catalog.router, changes.router, bookings.router),
    "payment": (payments.router,),
    "all": (auth.router, catalog.router, changes.router, bookings.router, payments.router),
}


def create(settings: Settings | None = None) -> FastAPI:
    """The application for `settings`, by default the environment's. Uvicorn's factory."""
    settings = settings or load()
    wrong = faults.load()
    app = FastAPI(title="Codementee stand-in", version=settings.version, lifespan=_lifespan, openapi_url=None)
    app.state.settings, app.state.faults, app.state.ready_at = settings, wrong, float("-inf")
    for router in (health.router, *ROUTERS[settings.service]):
        app.include_router(router)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    if wrong != faults.Faults():
        app.add_middleware(faults.Faulty, faults=wrong)
    app.add_middleware(metrics.Measured, headers=_headers(settings))
    app.state.exporter = tracing.Exporter(settings.traces, settings.service, settings.version) if settings.traces else None
    if app.state.exporter is not None:
        app.add_middleware(tracing.Traced, exporter=app.state.exporter)
    metrics.BUILD.labels(settings.version, settings.slot, settings.service).set(1)
    return app


def _headers(settings: Settings) -> tuple[tuple[bytes, bytes], ...]:
    named = {"x-served-by": settings.instance, "x-version": settings.version, "x-slot": settings.slot}
    return tuple((name.encode(), value.encode()) for name, value in named.items() if value)


def _listener(parts: Parts) -> events.Listener | None:
    """Who keeps a copy of what users are called hears of their changes."""
    settings = parts.settings
    if settings.service not in {"all", "booking"}:
        return None
    me = f"{settings.instance}-{os.getpid()}"
    return events.Listener(settings.redis_sessions_url, events.USER_UPDATED, "booking", me, events.remember_user(parts))


def _beside(app: FastAPI, parts: Parts, listener: events.Listener | None) -> Iterator[Coroutine[Any, Any, None]]:
    """What a process does beside its requests, for as long as it lives."""
    if parts.settings.service in {"all", "user"}:
        yield upkeep.forever(parts)
        yield events.keep_sending(parts)
    if listener is not None:
        yield listener.forever()
    if app.state.exporter is not None:
        yield app.state.exporter.forever()


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts = assemble(app.state.settings)
    app.state.parts = parts
    app.state.board = changes.Board(lambda: catalog.free(parts), asyncio.Event())
    if app.state.settings.service in {"all", "booking"}:
        try:
            await catalog.warm(parts)
        except Exception as error:  # noqa: BLE001 - a cold cache is no reason not to start
            log.warning("the cache starts cold: %s", error)
    listener = _listener(parts)
    beside = [asyncio.create_task(one) for one in _beside(app, parts, listener)]
    with stopping.heard(app.state.board.stop):
        yield
    for one in beside:
        one.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    if listener is not None:
        await listener.close()
    await parts.database.close()
    await parts.cache_store.close()
    await parts.session_store.close()
