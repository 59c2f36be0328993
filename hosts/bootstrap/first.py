"""First contact with a machine nobody knows yet: the key it shows, and a deploy user who gets in with the keys that let us in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import asyncssh

from errors import BadInput, Unreachable
from hosts.bootstrap.accounts import ENSURE
from hosts.connection import Connection, output
from hosts.ssh import fresh
from hosts.ssh_errors import AuthRefused, KeyChanged, NoAnswer
from layout.release import Target

LIMIT_S = 10
NO_KEYS = 65
# The best first: what a machine has of these is what it shows.
KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
# $1 the deploy user, $2 who let us in. Keys with options are somebody's special case and are not copied.
LET_IN = f"""
from=$(getent passwd "$2" | cut -d: -f6)/.ssh/authorized_keys; home=$(getent passwd "$1" | cut -d: -f6)
keys=$(grep -E '^(ssh-ed25519|ssh-rsa|ecdsa-sha2-|sk-)' "$from" 2>/dev/null) || exit {NO_KEYS}
install -d -m 700 -o "$1" -g "$(id -gn "$1")" "$home/.ssh"; file=$home/.ssh/authorized_keys; touch "$file"
echo "$keys" | while IFS= read -r key; do grep -qxF -- "$key" "$file" || echo "$key" >> "$file"; done
chmod 600 "$file"; chown "$1:$(id -gn "$1")" "$file"
"""


@dataclass(frozen=True)
class Shown:
    """A host key as a machine shows it: the line for an environment's file, and what a provider's console prints of it."""

    line: str
    fingerprint: str


async def shown(address: str, port: int) -> Shown:
    """The key that a machine shows. Nothing is trusted and nobody logs in. Raises NoAnswer."""
    try:
        for kind in KEYS:
            asked = asyncssh.get_server_host_key(address, port, server_host_key_algs=[kind], config=[])
            async with asyncio.timeout(LIMIT_S):
                key = await _or_none(asked)
            if key is not None:
                words = key.export_public_key().decode().split()
                where = address if port == asyncssh.DEFAULT_PORT else f"[{address}]:{port}"
                return Shown(" ".join([where, *words[:2]]), key.get_fingerprint())
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise NoAnswer(
            f"{address} port {port} shows no SSH key",
            why=str(error) or f"nothing within {LIMIT_S} s", hint="is the machine on, and its address and port right?",
        ) from error  # fmt: skip
    raise NoAnswer(f"{address} port {port} has no key of a kind that is safe today", why=f"asked for {', '.join(KEYS)}")


async def _or_none(asked: Awaitable[asyncssh.SSHKey | None]) -> asyncssh.SSHKey | None:
    try:
        return await asked
    except asyncssh.KeyExchangeFailed:
        return None


def compare(name: str, seen: Shown, expected: str) -> None:
    """Raises BadInput for what is no fingerprint, KeyChanged when the machine shows another."""
    if not expected.startswith("SHA256:"):
        raise BadInput(f"{expected!r} is no fingerprint", why="it reads SHA256:…, as ssh-keygen -l prints it")
    if seen.fingerprint != expected.rstrip("="):
        raise KeyChanged(
            f"{name} shows another key than was said",
            why=f"expected {expected}\nshown    {seen.fingerprint}\nnothing was sent to it",
            hint="compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` in the provider's console",
        )


def fingerprint_of(host_key: str) -> str:
    """The fingerprint of a pinned key: a line of ssh-keyscan, its last two words, or a fingerprint already."""
    words = host_key.split()
    return (
        words[0]
        if len(words) == 1
        else asyncssh.import_public_key(" ".join(words[-2:] if len(words) == 2 else words[1:3])).get_fingerprint()
    )


async def way_in(name: str, arriving: Target, staying: Target) -> Target:
    """Who of the two gets in. A machine that has joined before lets only the one who stays in; raises what the first one hears."""
    try:
        await gets_in(name, arriving)
    except AuthRefused:
        try:
            await gets_in(name, staying)
        except Unreachable:
            pass
        else:
            return staying
        raise
    return arriving


async def welcome(host: Connection, us: str, user: str) -> None:
    """Make `user` with sudo, who gets in with the keys of `us`. Repeating it changes nothing."""
    await output(host, ["sh", "-ec", ENSURE, "user", user, "docker", "yes"], what=f"making the user {user}")
    done = await host.run(["sh", "-ec", LET_IN, "keys", user, us])
    if done.code == NO_KEYS:
        raise BadInput(f"{us} has no plain key on {host.name} that {user} could have", hint=f"ssh-copy-id {us}@{host.name}, then again")
    if done.code:
        raise Unreachable(f"{user} could not be given keys on {host.name}", why=done.stderr.strip())


async def gets_in(name: str, target: Target) -> None:
    """Prove that `target`'s user logs in and may become root, before anybody else's way in is closed."""
    async with fresh(name, target) as host:
        await output(host, ["true"], what=f"logging in as {target.user}")
