"""The stand-in Codementee: the whole monolith, or one of three services on the same paths."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app import faults, metrics, upkeep
from app.parts import assemble
from app.routes import auth, bookings, catalog, health, payments
from app.settings import Settings, load

log = logging.getLogger("app")
ROUTERS = {
    "user": (auth.router,),
    "booking": (catalog.router, bookings.router),
    "payment": (payments.router,),
    "all": (auth.router, catalog.router, bookings.router, payments.router),
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
    metrics.BUILD.labels(settings.version, settings.slot, settings.service).set(1)
    return app


def _headers(settings: Settings) -> tuple[tuple[bytes, bytes], ...]:
    named = {"x-served-by": settings.instance, "x-version": settings.version, "x-slot": settings.slot}
    return tuple((name.encode(), value.encode()) for name, value in named.items() if value)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts = assemble(app.state.settings)
    app.state.parts = parts
    if app.state.settings.service in {"all", "booking"}:
        try:
            await catalog.warm(parts)
        except Exception as error:  # noqa: BLE001 - a cold cache is no reason not to start
            log.warning("the cache starts cold: %s", error)
    keeping = asyncio.create_task(upkeep.forever(parts)) if app.state.settings.service in {"all", "user"} else None
    yield
    if keeping is not None:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    await parts.database.close()
    await parts.cache_store.close()
    await parts.session_store.close()
