"""Every image of the catalogue is made here, starts as the compose files start it, and answers its health command."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from images import engine
from images.base import debian_tag
from images.catalogue import CATALOGUE, Image
from images.resolve import Resolved, resolve
from tools.toolchain import ferretdb

pytestmark = pytest.mark.live

NGINX = """
pid /tmp/nginx.pid;
events {}
http {
  client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
  access_log off;
  server { listen 8081; location = /livez { return 200 "ok"; } }
}
"""
PROMETHEUS = "global: {scrape_interval: 15s}\nscrape_configs: []\n"


# The app comes alive without its database and caches; nothing answers at these addresses.
SETTINGS = {
    "MONGO_URL": "mongodb://127.0.0.1:1",
    "REDIS_CACHE_URL": "redis://127.0.0.1:1/0",
    "REDIS_SESSIONS_URL": "redis://127.0.0.1:1/1",
    **dict.fromkeys(("JWT_SECRET", "RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"), "only-for-this-test-only-for-this-test"),
}


@dataclass(frozen=True)
class Start:
    """How a container is started, and the command that ends with 0 in it when it serves."""

    user: str
    healthy: tuple[str, ...]
    command: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    data: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def get(port: int, path: str) -> tuple[str, ...]:
    return ("wget", "-q", "-T", "4", "-O", "/dev/null", f"http://127.0.0.1:{port}{path}")


STARTS = {
    "nginx": Start(
        "10001:10001",
        get(8081, "/livez"),
        ("nginx", "-c", "/etc/cmctl/nginx.conf", "-e", "/dev/stderr", "-g", "daemon off;"),
        {"nginx.conf": NGINX},
    ),
    "redis": Start("999:1000", ("redis-cli", "ping"), ("redis-server", "/etc/cmctl/redis.conf"), {"redis.conf": "dir /data\n"}, "/data"),
    "prometheus": Start(
        "65534:65534",
        get(9090, "/-/ready"),
        ("--config.file=/etc/cmctl/p.yml", "--storage.tsdb.path=/prometheus"),
        {"p.yml": PROMETHEUS},
        "/prometheus",
    ),
    "node-exporter": Start("65534:65534", get(9100, "/")),
    "redis-exporter": Start("10001:10001", get(9121, "/health"), ("--redis.addr=",)),
    "mongo": Start("10001:10001", ("busybox", "nc", "-w", "2", "127.0.0.1", "27017", "-e", "true"), data="/data"),
    "backend": Start("10001:10001", get(8001, "/livez"), environment=SETTINGS),
    "frontend": Start("10001:10001", get(8080, "/livez")),
    # It waits for a leader; healthy is a generator that could be led.
    "load-worker": Start("10001:10001", ("python3", "-c", "import loadtests.generator"), ("--worker", "127.0.0.1:1", "here")),
}


def run(name: str, start: Start, reference: str, folder: Path) -> None:
    for file, text in start.files.items():
        (folder / file).write_text(text)
    folder.chmod(0o755)
    # Like the compose files: no root, nothing writable but /tmp and the data, no capabilities. And no network at all.
    options = [
        "--read-only",
        "--tmpfs",
        "/tmp:size=64m,mode=1777",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges:true",
        "--init",
    ]
    options += ["--network", "none", "--user", start.user, "--pull", "never", "-v", f"{folder}:/etc/cmctl:ro"]
    options += [part for key, value in start.environment.items() for part in ("-e", f"{key}={value}")]
    options += ["-v", f"{name}:{start.data}"] if start.data else []
    engine.docker(["run", "-d", "--name", name, *options, reference, *start.command])


def wait_healthy(name: str, command: tuple[str, ...], limit_s: float = 30) -> float:
    start = time.monotonic()
    last = ""
    while time.monotonic() - start < limit_s:
        try:
            engine.docker(["exec", name, *command], timeout_s=10)
        except Exception as error:  # noqa: BLE001 - any refusal means "not yet"
            last = str(error)
            time.sleep(0.1)
        else:
            return time.monotonic() - start
    logs = subprocess.run(
        ["docker", "logs", "--tail", "10", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False
    )
    raise AssertionError(f"{name} never got healthy: {last}\n{logs.stdout}")


@pytest.fixture(scope="module")
def images() -> dict[str, Resolved]:
    return resolve(CATALOGUE, "1.0.0", {"ferretdb": ferretdb}, print)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    found = f"images-live-{request.node.callspec.params['image']}"
    clear(found)
    yield found
    clear(found)


def clear(name: str) -> None:
    left = engine.docker(["ps", "-aq", "--filter", f"name=^{name}$"]).split()
    if left:
        engine.docker(["rm", "-f", "-v", *left])
    if engine.docker(["volume", "ls", "-q", "--filter", f"name=^{name}$"]).strip():
        engine.docker(["volume", "rm", name])


@pytest.mark.parametrize("image", sorted(CATALOGUE))
def test_every_image_starts_without_root_and_answers(image: str, name: str, images: dict[str, Resolved], tmp_path: Path) -> None:
    """Each image serves with a read-only root, no capabilities and its own user, and its health command says so."""
    run(name, STARTS[image], images[image].reference, tmp_path)
    seconds = wait_healthy(name, STARTS[image].healthy)
    size = int(engine.docker(["image", "inspect", "--format", "{{.Size}}", images[image].reference]))
    print(f"  {image:<16}{images[image].way:<10}{images[image].seconds:6.1f} s  healthy after {seconds:.1f} s  {size / 1e6:.0f} MB")


def test_a_second_resolve_builds_nothing(images: dict[str, Resolved]) -> None:
    """With everything present, resolving is one question to the engine: same references, nothing built, under a second."""
    said: list[str] = []
    start = time.monotonic()
    again = resolve(CATALOGUE, "1.0.0", {"ferretdb": ferretdb}, said.append)
    assert {name: one.reference for name, one in again.items()} == {name: one.reference for name, one in images.items()}
    assert {one.way for one in again.values()} == {"present"}
    assert said == []
    print(f"  resolve with everything present: {time.monotonic() - start:.2f} s")


def test_a_new_version_of_the_same_app_costs_only_its_name() -> None:
    """A new version with unchanged content shares every layer, says its version, and takes no new download."""
    version = f"0.0.0-live{time.time_ns()}"
    former, made = (resolve(["backend"], wanted, {}, print)["backend"] for wanted in ("1.0.0", version))
    inspected = json.loads(engine.docker(["image", "inspect", made.reference, former.reference]))
    try:
        assert inspected[0]["RootFS"] == inspected[1]["RootFS"]
        assert f"VERSION={version}" in inspected[0]["Config"]["Env"]
        assert inspected[0]["Config"]["Labels"]["io.cmctl.version"] == version
    finally:
        engine.docker(["rmi", "-f", made.reference])
    print(f"  new version of the backend: {made.seconds:.1f} s")


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_the_same_content_is_the_same_layers_also_without_a_build_cache(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two builds that share no cache give the same layers, so hosts fetch only what really changed."""
    real = engine.build
    monkeypatch.setattr(engine, "build", lambda arguments: real([arguments[0], "--no-cache", *arguments[1:]]))
    made = [resolve([name], f"0.0.0-live{time.time_ns()}", {}, print)[name].reference for _ in range(2)]
    layers = [json.loads(engine.docker(["image", "inspect", one]))[0]["RootFS"]["Layers"] for one in made]
    engine.docker(["rmi", "-f", *made])
    assert layers[0] == layers[1]


class Registry(http.server.BaseHTTPRequestHandler):
    """The read half of an image registry, for one image."""

    blobs: dict[str, tuple[str, bytes]] = {}  # noqa: RUF012 - set by the fixture

    def do_GET(self) -> None:
        kind, content = self.blobs.get(self.path.rpartition("/")[2], ("application/json", b"{}"))
        self.send_response(200 if self.path == "/v2/" or content != b"{}" else 404)
        for key, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Docker-Distribution-Api-Version", "registry/2.0"),
        ):
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 - the name http.server looks for

    def log_message(self, *_: object) -> None: ...


def one_image(text: bytes) -> tuple[str, dict[str, tuple[str, bytes]]]:
    """An image with one file: its digest and its blobs by digest."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as packed:
        entry = tarfile.TarInfo("hello")
        entry.size = len(text)
        packed.addfile(entry, io.BytesIO(text))
    config = json.dumps(
        {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [sha(layer.getvalue())]}}
    ).encode()
    media = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": media,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": sha(config)},
        "layers": [
            {
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                "size": len(layer.getvalue()),
                "digest": sha(layer.getvalue()),
            }
        ],
    }
    whole = json.dumps(manifest).encode()
    octets = "application/octet-stream"
    return sha(whole), {sha(whole): (media, whole), sha(config): (octets, config), sha(layer.getvalue()): (octets, layer.getvalue())}


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry() -> Iterator[tuple[str, str]]:
    """(reference by digest, the same with a digest the registry does not have) of a registry on loopback."""
    digest, Registry.blobs = one_image(str(time.time_ns()).encode())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"127.0.0.1:{server.server_port}/live/hello"
    yield f"{place}@{digest}", f"{place}@sha256:{'0' * 64}"
    server.shutdown()
    server.server_close()


def test_where_a_registry_answers_the_image_is_pulled_by_digest(registry: tuple[str, str]) -> None:
    """An image with an upstream comes by digest from a registry that answers; the next run finds it present."""
    catalogue = {"hello": Image("hello", "nginx", upstream=registry[0])}
    said: list[str] = []
    first = resolve(["hello"], "1", {}, said.append, catalogue=catalogue, answers=lambda: True)["hello"]
    try:
        again = resolve(["hello"], "1", {}, said.append, catalogue=catalogue, answers=lambda: pytest.fail("the registry was asked again"))[
            "hello"
        ]
        assert (first.way, again.way) == ("registry", "present")
        assert first.reference == again.reference
        assert said == [f"pulling {registry[0]}"]
    finally:
        engine.docker(["rmi", "-f", first.reference])


def test_a_registry_that_refuses_is_asked_once_and_the_images_are_built(registry: tuple[str, str]) -> None:
    """A digest that the registry does not have is no failure: this image and the next are built here, and the reason is told."""
    catalogue = {name: Image(name, "nginx", upstream=registry[1]) for name in ("hello-a", "hello-b")}
    said: list[str] = []
    made = resolve(catalogue, "1", {}, said.append, catalogue=catalogue, answers=lambda: True)
    try:
        assert {one.way for one in made.values()} == {"built"}
        assert [line for line in said if line.startswith("pulling")] == [f"pulling {registry[1]}"]
        assert any("cannot be pulled" in line for line in said)
    finally:
        for tag in engine.docker(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "cmctl/hello-*"]).split():
            engine.docker(["rmi", tag])


def test_the_debian_base_is_one_for_all(images: dict[str, Resolved]) -> None:
    """Images that were built here share the base's layer, so eight images take the room of one."""
    built = [name for name, one in images.items() if debian_tag() in engine.ids([debian_tag()]) and one.way != "registry"]
    layers = {json.loads(engine.docker(["image", "inspect", images[name].reference]))[0]["RootFS"]["Layers"][0] for name in built}
    assert len(layers) == 1
