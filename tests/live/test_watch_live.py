"""What is in use while load is on, from the real parts: a Prometheus of the catalogue, a container on an engine reached over SSH."""

from __future__ import annotations

import asyncio
import http.server
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from commands.load_watch import Memory, OnHosts, Watching
from images import engine
from images.resolve import resolve
from loadtests import findings, hunt, run, selftest
from loadtests.result import Watched
from loadtests.uses import Window
from monitoring.gateway import Gateway, Value
from tests.hosts.sshd import serving
from tests.live import own_prometheus

pytestmark = pytest.mark.live
LIMIT_S = 40.0
# As an application with one worker, Redis' exporter, a host's and a cluster's would say it; T is seconds since the start.
METRICS = """
process_cpu_seconds_total T*0.8
mongodb_pool_checked_out_connections{pool="write"} 19
mongodb_pool_max_connections{pool="write"} 20
mongodb_pool_checked_out_connections{pool="read"} 0
mongodb_pool_max_connections{pool="read"} 0
redis_cpu_user_seconds_total T*0.25
redis_cpu_sys_seconds_total T*0.25
redis_memory_used_bytes 64
redis_memory_max_bytes 128
redis_instance_info{maxmemory_policy="noeviction"} 1
redis_memory_used_bytes{instance="cache"} 128
redis_memory_max_bytes{instance="cache"} 128
redis_instance_info{instance="cache",maxmemory_policy="allkeys-lru"} 1
redis_connected_clients 100
redis_config_maxclients 10000
node_cpu_seconds_total{cpu="0",mode="idle"} T*0.1
node_cpu_seconds_total{cpu="0",mode="user"} T*0.9
node_cpu_seconds_total{cpu="1",mode="idle"} T*0.1
node_cpu_seconds_total{cpu="1",mode="iowait"} T*0.2
node_cpu_seconds_total{cpu="1",mode="user"} T*0.7
node_memory_MemAvailable_bytes 250
node_memory_MemTotal_bytes 1000
container_cpu_usage_seconds_total{namespace="shop",pod="user-1",container="app"} T*0.45
kube_pod_container_resource_limits{namespace="shop",pod="user-1",container="app",resource="cpu"} 0.5
container_cpu_usage_seconds_total{cpu="total",name="edge"} T*0.3
container_spec_cpu_quota{name="edge"} 50000
container_spec_cpu_period{name="edge"} 100000
"""
CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: app
    honor_labels: true
    static_configs: [{{targets: ['127.0.0.1:{target}'], labels: {{instance_id: backend-1, store: redis-sessions, host: app1}}}}]
  - job_name: prometheus
    static_configs: [{{targets: ['127.0.0.1:{own}']}}]
"""
# What the figures above are, and the tolerance of a rate over scrapes that are not quite on time.
EXPECTED = {
    "one core by process backend-1": 0.8, "write pool of backend-1": 0.95, "one core by redis-sessions": 0.5, "memory of redis-sessions": 0.5,
    "clients of redis-sessions": 0.01, "CPU of host app1": 0.8, "memory of host app1": 0.75, "CPU of pod user-1": 0.9, "CPU of container edge": 0.6,
}  # fmt: skip


class Page(http.server.BaseHTTPRequestHandler):
    start = time.monotonic()

    def do_GET(self) -> None:
        seconds = time.monotonic() - self.start
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(re.sub(r"T\*([\d.]+)", lambda rate: str(seconds * float(rate[1])), METRICS).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that scrapes the figures above, and itself, every second."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = own_prometheus.free_port()
    configuration = CONFIGURATION.format(target=server.server_address[1], own=port)
    try:
        with own_prometheus.serving(tmp_path_factory.mktemp("prometheus"), port, configuration) as url:
            yield url
    finally:
        server.shutdown()
        server.server_close()


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT_S
    while not seen() and time.monotonic() < end:
        time.sleep(0.2)


def test_a_real_prometheus_says_what_was_in_use(prometheus: str) -> None:
    """Every question is understood, each share is that of the window that is asked about; before the first scrape nothing is known."""
    memory, told = Memory(prometheus), list[str]()
    with Gateway(prometheus) as gateway:
        until(lambda: isinstance(gateway.ask("sum(up) == 2"), Value))
    assert memory.absent() == ""
    began = time.time()
    until(lambda: time.time() > began + 8)
    windows = [Window("before", began - 400, began - 375), Window("probe", began, time.time())]
    start = time.monotonic()
    found = dict(memory.recalled(windows, told.append))
    print(f"\n  {(time.monotonic() - start) * 1000:.0f} ms for {len(windows)} probes: {found['probe']}")
    assert told == []
    assert found["before"] == {}
    own = {name: share for name, share in found["probe"].items() if name in EXPECTED}
    assert own == {name: pytest.approx(share, abs=0.05) for name, share in EXPECTED.items()}
    assert "read pool of backend-1" not in found["probe"], "a pool without a maximum has no share"
    assert "nothing answers there" in Memory("http://127.0.0.1:1").absent()


def test_a_search_names_what_prometheus_says(prometheus: str) -> None:
    """A real search of a service that holds some 30 requests/s knows for each of its probes what was in use, and from whom."""
    watch = Watching(memory=Memory(prometheus))
    profile = hunt.Profile("quick", 60.0, closed_s=2.0, warmup_s=1.0, probe_s=7.0, sustain_s=7.0, fewest=3)
    with run.reference("mmc", 3, servers=2, work_s=0.06) as port:
        result = run.capacity(selftest.plan(port, 3), lambda _: None, profile=profile, allow_overload=True, watch=watch)
    print(f"\n  {result.verdict}: {findings.binds(result)} {findings.peak(result)}")
    assert result.binding is not None, result.reasons
    assert result.binding.uses["CPU of host app1"] == pytest.approx(0.8, abs=0.1)
    assert result.binding.resource == "write pool of backend-1"
    assert watch.told() == Watched(by=f"Prometheus at {prometheus}")


async def test_a_container_on_a_host_over_ssh(tmp_path: Path) -> None:
    """A container that uses all of its fifth of a core is seen to, over SSH, between two looks."""
    name = f"watch-live{os.getpid()}-phase2-blue-spin"
    image = resolve(["redis"], "0", {}, print)["redis"].reference
    await asyncio.to_thread(
        engine.docker,
        ["run", "--rm", "--detach", "--name", name, "--label", "io.cmctl.stack=watch-live", "--cpus", "0.2", "--memory", "64m", "--network", "none",
         "--entrypoint", "sh", image, "-c", "while :; do :; done"],
    )  # fmt: skip
    told: list[str] = []
    try:
        async with serving() as server:
            watch = OnHosts({"app1": server.target(tmp_path)}, f"watch-live{os.getpid()}-", told.append, one_machine=False)
            assert await asyncio.to_thread(watch) == {}
            await asyncio.sleep(3)
            start = time.monotonic()
            shares = await asyncio.to_thread(watch)
            print(f"\n  a look took {(time.monotonic() - start) * 1000:.0f} ms: {shares}")
            assert len(server.commands) == 2
    finally:
        await asyncio.to_thread(engine.docker, ["rm", "--force", name])
    assert told == []
    assert shares["CPU of phase2-blue-spin on app1"] == pytest.approx(1.0, abs=0.15)
    assert 0 < shares["memory of phase2-blue-spin on app1"] < 0.5
    assert 0 < shares["CPU of host app1"] <= 1.05
