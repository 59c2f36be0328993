"""Secrets are read back from what a release laid on its hosts."""

from __future__ import annotations

from templates.secrets import given, recovered, redis_auth
from tests.templates.places import layout


def test_what_was_written_is_read_back() -> None:
    """Each secret file gives its name's value, and Redis' own file the password that several values hold."""
    files = {"secrets/JWT_SECRET": "a", "base/secrets/redis-auth": redis_auth({"REDIS_PASSWORD": "p"}), "base/secrets/tls-key": "k"}
    assert recovered(files) == {"JWT_SECRET": "a", "REDIS_PASSWORD": "p"}
    assert recovered({}) == {}


def test_who_runs_no_redis_has_no_password() -> None:
    """A phase that runs no Redis needs no password for one; the address of somebody else's is asked for like any secret."""
    placed = layout(1, "phase1")
    bare = placed.phase.model_copy(update={"redis": {}})
    assert {"REDIS_PASSWORD"} == set(given(placed.platform, placed.phase, placed.environment)) - set(placed.platform.secrets)
    assert set(given(placed.platform, bare, placed.environment)) == set(placed.platform.secrets) - {"MONGO_URL"}


def test_nobody_gives_what_no_service_asks_for() -> None:
    """The address of a Redis that another phase's services use is not asked for where none of this phase's does."""
    placed = layout(1, "phase1")
    bare = placed.phase.model_copy(update={"redis": {}, "workloads": {"frontend": placed.phase.workloads["frontend"]}})
    assert not {"REDIS_CACHE_URL", "REDIS_SESSIONS_URL"} & set(given(placed.platform, bare, placed.environment))
