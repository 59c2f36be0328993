"""A phase's real load balancer in a container, in front of small services that say which slot they are."""

from __future__ import annotations

import json
import random
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from environments.certificates import Certificate, certificate
from environments.home import cache
from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from environments.model import Environment
from images import versions
from images.resolve import resolve
from layout.model import Layout
from layout.place import place
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform
from templates import names, nginx

STUB = """
worker_processes 1;
pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
    server { listen 8001; listen 8080; location / { add_header X-Slot SLOT always; return 200 "SLOT\\n"; } }
}
"""
START_S = 20


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


class Connection(HTTPSConnection):
    """A connection to this machine under another name."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port, timeout=10, context=context)
        self.trusting = context

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self.trusting.wrap_socket(plain, server_hostname=self.host)


@dataclass
class Rig:
    """Phase 0 of Codementee behind its balancer on 127.0.0.1:`https`; `live` is the folder of flags, `conf` of nginx.conf."""

    name: str
    folder: Path
    environment: Environment
    layout: Layout
    certificate: Certificate
    image: str

    @property
    def live(self) -> Path:
        return self.folder / "live"

    @property
    def balancer(self) -> str:
        return f"{self.name}-balancer"

    def set(self, *flags: str) -> None:
        """Exactly these flags stand: new ones first, then the others go, in order."""
        for flag in flags:
            (self.live / f".{flag}.new").touch()
            (self.live / f".{flag}.new").rename(self.live / flag)
        for path in sorted(self.live.iterdir()):
            if path.is_file() and path.name not in flags:
                path.unlink()

    def log(self) -> list[dict[str, str]]:
        lines = docker("logs", self.balancer).splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def context(self) -> ssl.SSLContext:
        """Whom clients trust: this machine's authority; where another one gives certificates, a test looks at them itself."""
        found = ssl.create_default_context(cadata=self.certificate.authority)
        if self.environment.tls.origin == "acme":
            found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
        return found

    def connect(self) -> Connection:
        return Connection(self.environment.domain, self.environment.listen.https, self.context())

    def ask(self, path: str = "/", connection: Connection | None = None) -> tuple[int, dict[str, str], str]:
        one = connection or self.connect()
        client = f"10.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(1, 250)}"
        one.request("GET", path, headers={"X-Forwarded-For": client})
        answer = one.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        if connection is None:
            one.close()
        return found

    def shares(self, requests: int, path: str = "/") -> Counter[str]:
        """How many of so many requests each slot answered."""
        connection, found = self.connect(), Counter[str]()
        for _ in range(requests):
            status, headers, _ = self.ask(path, connection=connection)
            found[headers.get("x-slot", str(status))] += 1
        connection.close()
        return found


class Traffic:
    """Steady requests, a third of them POST, over keep-alive connections; GETs are tried once more on a closed one."""

    def __init__(self, rig: Rig, threads: int = 4, pause_s: float = 0.01) -> None:
        self.rig, self.pause_s, self.sent, self.failed = rig, pause_s, 0, Counter[str]()
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self) -> None:
        connection, number = self.rig.connect(), 0
        while not self._stop.wait(self.pause_s):
            number += 1
            method = "POST" if number % 3 == 0 else "GET"
            for attempt in (1, 2):
                try:
                    connection.request(method, "/api/companies", headers={"X-Forwarded-For": f"10.1.{number % 250}.{id(connection) % 250}"})
                    answer = connection.getresponse()
                    answer.read()
                    why = "" if answer.status == 200 else f"{method} {answer.status}"
                except (OSError, HTTPException) as error:
                    connection.close()
                    connection = self.rig.connect()
                    why = f"{method} {type(error).__name__}"
                    if method == "GET" and attempt == 1:
                        continue
                break
            with self._lock:
                self.sent += 1
                self.failed.update([why] if why else [])
        connection.close()


@contextmanager
def rig(name: str, https: int, network: str, **changes: Any) -> Iterator[Rig]:
    """The containers, ready; all are gone afterwards. `changes` are keys of the environment."""
    loaded = load_platform("codementee", PLATFORMS)
    facts = load_environment("local", ENVIRONMENTS).model_dump(mode="json", by_alias=True, exclude_none=True)
    facts |= {"name": name, "network": network, "trusted_proxies": ["127.0.0.0/8"]}
    facts["providers"] |= {"edge": "cloudflare"}
    facts["listen"] |= {"http": https - 1, "https": https}
    made = Environment.model_validate(facts)
    environment = Environment.model_validate(facts | changes)
    layout = place(loaded.platform, loaded.phase(0), environment, "phase0", loaded.phases.values())
    image = resolve(["nginx"], "1.0.0", {}, print)["nginx"].reference
    with tempfile.TemporaryDirectory(prefix=name) as text:
        folder = Path(text)
        folder.chmod(0o755)
        for part in ("live", "conf", "secrets", "acme", "blue", "green"):
            (folder / part).mkdir()
        found = certificate(made, names.all_domains(loaded.platform, environment), folder / "home")
        one = Rig(name, folder, environment, layout, found, image)
        try:
            _start(one)
            yield one
        finally:
            for container in docker("ps", "-aq", "--filter", f"label=rig={name}").split():
                docker("rm", "-f", container)
            subprocess.run(["docker", "network", "rm", name], capture_output=True, check=False)


def write(one: Rig) -> None:
    (one.folder / "conf" / "nginx.conf").write_text(
        nginx.balancer(one.layout, "local", versions.nginx(one.image, cache())), encoding="utf-8"
    )
    certify(one, one.certificate)


def certify(one: Rig, found: Certificate) -> None:
    """Another certificate for new connections, by one rename."""
    fresh = one.folder / "secrets" / ".pair.new"
    fresh.write_text(found.chain + found.key, encoding="utf-8")
    fresh.rename(one.folder / "secrets" / "pair.pem")


def _start(one: Rig) -> None:
    write(one)
    docker("network", "create", "--subnet", str(one.environment.network), one.name)
    for instance in one.layout.instances:
        (one.folder / instance.slot / "nginx.conf").write_text(STUB.replace("SLOT", instance.slot), encoding="utf-8")
        _run(one, f"{instance.slot}-{instance.name}", instance.address, f"{one.folder / instance.slot}:/etc/cmctl/nginx:ro")
    (balancer,) = one.layout.all("balancer")
    mounts = (
        f"{one.folder / 'conf'}:/etc/cmctl/nginx:ro", f"{one.live}:/etc/cmctl/live:ro",
        f"{one.folder / 'secrets'}:/run/cmctl/tls:ro", f"{one.folder / 'acme'}:/etc/cmctl/acme:ro",
    )  # fmt: skip
    _run(one, "balancer", balancer.address, *mounts, ports=[f"{p.address}:{p.port}:{p.inside}" for p in balancer.published])
    end = time.monotonic() + START_S
    while not _answers(one):
        assert time.monotonic() < end, docker("logs", one.balancer)
        time.sleep(0.1)


def _answers(one: Rig) -> bool:
    try:
        return one.ask()[0] == 200
    except OSError:
        return False


def _run(one: Rig, name: str, address: str, *mounts: str, ports: list[str] | None = None) -> None:
    docker(
        "run", "-d", "--name", f"{one.name}-{name}", "--label", f"rig={one.name}", "--network", one.name, "--ip", address, "--read-only",
        "--tmpfs", "/tmp", "--user", "10001:10001", "--cap-drop", "ALL", *(part for mount in mounts for part in ("-v", mount)),
        *(part for port in ports or [] for part in ("-p", port)), one.image,
        "nginx", "-c", "/etc/cmctl/nginx/nginx.conf", "-e", "/dev/stderr", "-g", "daemon off;",
    )  # fmt: skip
