"""Secrets are read back from what a release laid on its hosts."""

from __future__ import annotations

from templates.secrets import recovered, redis_auth


def test_what_was_written_is_read_back() -> None:
    """Each secret file gives its name's value, and Redis' own file the password that several values hold."""
    files = {"secrets/JWT_SECRET": "a", "base/secrets/redis-auth": redis_auth({"REDIS_PASSWORD": "p"}), "base/secrets/tls-key": "k"}
    assert recovered(files) == {"JWT_SECRET": "a", "REDIS_PASSWORD": "p"}
    assert recovered({}) == {}
