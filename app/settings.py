"""The settings of one process, read once from the environment. NAME_FILE names a file that holds NAME."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("all", "user", "booking", "payment")
DAY_S = 86_400


@dataclass(frozen=True)
class Pool:
    """A MongoDB driver pool of this process; milliseconds where the name says so."""

    max: int
    min: int
    idle_ms: int


@dataclass(frozen=True)
class Settings:
    service: str
    version: str
    slot: str
    instance: str
    port: int
    workers: int
    mongo_url: str
    database: str
    write_pool: Pool
    read_pool: Pool
    select_ms: int
    redis_cache_url: str
    redis_sessions_url: str
    session_ttl_s: int
    session_sliding: bool
    cache_ttl_s: dict[str, int]
    jwt_secret: str
    razorpay_key_id: str
    razorpay_key_secret: str
    traces: str = ""


class SettingsError(ValueError):
    """All settings that are missing or wrong, in one text."""


class _Source:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        path = self.environment.get(f"{name}_FILE")
        if path:
            try:
                return Path(path).read_text(encoding="utf-8").strip()
            except OSError as error:
                self.problems.append(f"{name}_FILE: {path}: {error.strerror}")
                return ""
        value = self.environment.get(name, default)
        if value is None:
            self.problems.append(f"{name} is not set, nor {name}_FILE")
            return ""
        return value

    def secret(self, name: str) -> str:
        value = self.text(name)
        if not value and not any(name in problem for problem in self.problems):
            self.problems.append(f"{name} is empty")
        return value

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal():
            self.problems.append(f"{name}: {value!r} is no whole number")
            return default
        return int(value)

    def pool(self, kind: str, largest: int, smallest: int) -> Pool:
        prefix = f"MONGO_{kind}_POOL"
        return Pool(self.number(f"{prefix}_MAX", largest), self.number(f"{prefix}_MIN", smallest), self.number(f"{prefix}_IDLE_MS", 30_000))


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings. Raises SettingsError that lists everything wrong at once."""
    source = _Source(environment)
    service = source.text("SERVICE", "all")
    if service not in SERVICES:
        source.problems.append(f"SERVICE: {service!r} is none of {', '.join(SERVICES)}")
    pays = service in {"all", "payment"}
    settings = Settings(
        service=service,
        version=source.text("VERSION", "0.0.0"),
        slot=source.text("SLOT", ""),
        instance=source.text("INSTANCE_ID", socket.gethostname()),
        port=source.number("PORT", 8001),
        workers=max(1, source.number("WEB_CONCURRENCY", 1)),
        mongo_url=source.text("MONGO_URL"),
        database=source.text("DB_NAME", "codementee"),
        write_pool=source.pool("WRITE", 50, 5),
        read_pool=source.pool("READ", 50, 5),
        select_ms=source.number("MONGO_SELECT_MS", 5_000),
        redis_cache_url=source.text("REDIS_CACHE_URL"),
        redis_sessions_url=source.text("REDIS_SESSIONS_URL"),
        session_ttl_s=source.number("SESSION_TTL_S", DAY_S),
        session_sliding=source.text("SESSION_SLIDING", "true") == "true",
        cache_ttl_s={name: source.number(f"CACHE_TTL_{name.upper()}_S", 300) for name in ("companies", "pricing", "slots", "default")},
        jwt_secret=source.secret("JWT_SECRET"),
        razorpay_key_id=source.secret("RAZORPAY_KEY_ID") if pays else "",
        razorpay_key_secret=source.secret("RAZORPAY_KEY_SECRET") if pays else "",
        traces=source.text("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    )
    if source.problems:
        raise SettingsError("; ".join(source.problems))
    return settings
