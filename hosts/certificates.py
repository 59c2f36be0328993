"""The certificate on the hosts that take users: one file of chain and key, read anew at each handshake, so no reload is needed.

It is renewed while releases stand, so an older release that comes back keeps the newest one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from errors import CmctlError
from hosts import lease as leases
from hosts.connection import output
from hosts.fleet import Host, connect, each
from hosts.lease import Lease
from layout.release import CERTIFICATE, ReleaseSpec, Target

# What an authority may name a file of; nothing else becomes a path on a host.
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,200}")
# $1 folder, $2… what may no longer be there
FORGET = 'cd "$1" 2>/dev/null || exit 0; shift; rm -f -- "$@"'


async def pairs(hosts: Mapping[str, Host]) -> dict[str, str]:
    """Host → its chain and key as PEM text, for hosts that have them."""
    found = await each(hosts, lambda host: host.connection.read(f"{host.paths.folder}/{CERTIFICATE}"))
    return {name: text for name, text in found.items() if text}


async def keep(hosts: Mapping[str, Host], lease: Lease, spec: ReleaseSpec) -> None:
    """Before an older release's files are placed: what its folder holds is the certificate that `spec` says."""

    async def one(host: Host) -> None:
        text = spec.bundles[host.name].secret_files.get(CERTIFICATE)
        path = f"{host.paths.release(spec.release_id())}/{CERTIFICATE}"
        if text and await host.connection.read(path) is not None:
            await lease.write(host, path, text.encode(), mode=0o644)

    await each({name: hosts[name] for name in spec.bundles if name in hosts}, one)


async def held(stack: str, targets: Mapping[str, Target]) -> dict[str, str]:
    """`pairs` of a stack."""
    return await pairs(connect(stack, targets))


async def deliver(stack: str, targets: Mapping[str, Target], pair: str) -> list[str]:
    """Another chain and key on every host of a stack that has some; returns those hosts. The next handshake uses them.

    Raises Locked while another command changes the stack.
    """
    hosts = connect(stack, targets)
    there = {name: hosts[name] for name in await pairs(hosts)}
    if there:
        async with leases.held(there, f"new certificate for {stack}") as lease:
            await each(there, lambda host: lease.write(host, f"{host.paths.folder}/{CERTIFICATE}", pair.encode(), mode=0o644))
    return sorted(there)


async def answer(stack: str, targets: Mapping[str, Target], answers: Mapping[str, str]) -> list[str]:
    """Put files for an authority where every load balancer of a stack shows them; returns the hosts that can. Same call, same result."""
    strange = [token for token in answers if not TOKEN.fullmatch(token)]
    if strange:
        raise CmctlError("the authority asks for a file name that is none", why=repr(strange[0])[:80])

    async def one(host: Host) -> bool:
        if (await host.connection.run(["test", "-d", host.paths.acme])).code:
            return False
        for token, text in answers.items():
            await host.connection.write(f"{host.paths.acme}/{token}", text.encode(), 0o644)
        return True

    return [name for name, able in (await each(connect(stack, targets), one)).items() if able]


async def forget(stack: str, targets: Mapping[str, Target], tokens: Sequence[str]) -> None:
    """Remove what `answer` put there."""
    argv = ["sh", "-c", FORGET, "forget"]
    await each(
        connect(stack, targets),
        lambda host: output(host.connection, [*argv, host.paths.acme, *tokens], what="removing an authority's file"),
    )
