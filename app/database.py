"""MongoDB: one client that writes with majority, one that reads from secondaries. Reads after a write use the first."""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient, monitoring
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from app import metrics
from app.settings import Pool, Settings

Document = dict[str, Any]
# What a request may wait for a connection before it fails; without a limit a full pool hangs every request.
WAIT_MS = 2_000


class Database:
    """`write` is the truth; `read` may be a moment behind and is for pages that do not follow a write."""

    def __init__(self, settings: Settings) -> None:
        self._writer = _client(settings, settings.write_pool, "write")
        self._reader = _client(settings, settings.read_pool, "read")
        self.write: AsyncDatabase[Document] = self._writer.get_database(settings.database, write_concern=WriteConcern("majority"))
        self.read: AsyncDatabase[Document] = self._reader.get_database(
            settings.database, read_preference=ReadPreference.SECONDARY_PREFERRED
        )

    async def ping(self) -> None:
        await self.write.command("ping")

    async def close(self) -> None:
        await self._writer.close()
        await self._reader.close()


def _client(settings: Settings, pool: Pool, name: str) -> AsyncMongoClient[Document]:
    """Writes are tried again after a failover, as the driver does on its own: it leaves that out where the server is no replica set."""
    metrics.POOL_MAX.labels(name).set(pool.max)
    return AsyncMongoClient(
        settings.mongo_url,
        maxPoolSize=pool.max, minPoolSize=min(pool.min, pool.max), maxIdleTimeMS=pool.idle_ms, waitQueueTimeoutMS=WAIT_MS,
        serverSelectionTimeoutMS=settings.select_ms, connectTimeoutMS=2_000, socketTimeoutMS=10_000,
        event_listeners=[_Commands(), _PoolEvents(name)],
    )  # fmt: skip


class _Commands(monitoring.CommandListener):
    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in {"find", "insert", "update", "delete", "aggregate", "count", "distinct", "findAndModify"}:
            metrics.QUERIES.labels(str(event.command.get(event.command_name)), event.command_name).inc()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


class _PoolEvents(monitoring.ConnectionPoolListener):
    def __init__(self, name: str) -> None:
        self.out = metrics.POOL_OUT.labels(name)
        self.failures = metrics.POOL_FAILED.labels(name)

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:  # noqa: ARG002 - the listener's interface
        self.out.inc()

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:  # noqa: ARG002 - the listener's interface
        self.out.dec()

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:  # noqa: ARG002 - the listener's interface
        self.failures.inc()

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None: ...

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None: ...

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None: ...

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None: ...

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None: ...

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None: ...

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None: ...

    def connection_check_out_started(self, event: monitoring.ConnectionCheckOutStartedEvent) -> None: ...
