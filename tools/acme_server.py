"""A real ACME server and name server for tests, built from their published module: nothing outside this machine is asked.

The authority checks proofs over HTTP as a public one does, at the address that its name server gives for every name.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments.home import cache
from errors import CmctlError
from tools.builder import Family, Report, build

VERSION = "2.10.1"
MODULE = "github.com/letsencrypt/pebble/v2/cmd"
SERVER = Family("pebble", "pebble", f"{MODULE}/pebble", VERSION, minutes=1)
NAMES = Family("pebble", "pebble-challtestsrv", f"{MODULE}/pebble-challtestsrv", VERSION, minutes=1)
READY_S = 15


@dataclass(frozen=True)
class AcmeServer:
    """`directory` is its URL; `trust` the file of the authority that signed its own certificate."""

    directory: str
    trust: Path


@contextmanager
def acme_server(
    folder: Path, certificate: tuple[str, str, str], port: int, proofs: int, report: Report, days: int = 90
) -> Iterator[AcmeServer]:
    """The server on 127.0.0.1:`port`, which asks for proofs on 127.0.0.1:`proofs`, and gives certificates for `days`.

    `certificate` is (chain, key, authority) of the server itself, for localhost. It uses `port` to `port` + 2.
    """
    programs = [build(family, cache(), report) for family in (SERVER, NAMES)]
    chain, key, authority = certificate
    for name, text in (("chain.pem", chain), ("key.pem", key), ("authority.pem", authority)):
        (folder / name).write_text(text, encoding="utf-8")
    settings = {
        "listenAddress": f"127.0.0.1:{port}", "managementListenAddress": f"127.0.0.1:{port + 1}", "httpPort": proofs, "tlsPort": 1,
        "certificate": str(folder / "chain.pem"), "privateKey": str(folder / "key.pem"),
        "retryAfter": {"authz": 1, "order": 1},
        "profiles": {"default": {"description": "for tests", "validityPeriod": days * 86400}},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps({"pebble": settings}), encoding="utf-8")
    dns = f"127.0.0.1:{port + 2}"
    off = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", "", "-management", "127.0.0.1:0"]
    commands = [
        [str(programs[1]), "-dnsserver", dns, *off],
        [str(programs[0]), "-config", str(folder / "config.json"), "-dnsserver", dns],
    ]
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen(one, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_variables()) for one in commands]
        try:
            yield _ready(AcmeServer(f"https://localhost:{port}/dir", folder / "authority.pem"), port, running, folder / "log")
        finally:
            for one in running:
                one.kill()
                one.wait()


def _variables() -> dict[str, str]:
    # Its random sleeps and refusals stay within what a test can wait for.
    return {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "5"}


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _ready(server: AcmeServer, port: int, running: list[subprocess.Popen[bytes]], log: Path) -> AcmeServer:
    end = time.monotonic() + READY_S
    while not _listens(port):
        if time.monotonic() > end or any(one.poll() is not None for one in running):
            raise CmctlError("the ACME test server does not answer", why=log.read_text(encoding="utf-8", errors="replace")[-2000:])
        time.sleep(0.1)
    return server
