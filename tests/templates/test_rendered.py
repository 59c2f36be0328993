"""What is rendered is the same every time, keeps its secrets, and is closed by construction."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import documents
from errors import BadInput
from layout import live
from layout.model import SLOTS
from layout.place import place
from phases.model import Phase, Platform
from templates import nginx, prometheus
from tests.templates.places import CERTIFICATE, LAYERS, layout, of, spec


@pytest.mark.parametrize(("phase", "layer"), LAYERS)
def test_golden(phase: int, layer: str, golden: Callable[[str, str], None]) -> None:
    """Every plain file of every local layer is the golden one."""
    for path, text in spec(phase, layer).bundles["local"].files.items():
        golden(f"rendered/{layer}/{path}", text)


@pytest.mark.parametrize(("phase", "layer"), LAYERS)
def test_same_input_same_bytes(phase: int, layer: str) -> None:
    """The same input gives the same bytes and the same release id; where cmctl's folder lies does not matter, another version does."""
    assert spec(phase, layer) == spec(phase, layer)
    assert spec(phase, layer).release_id() == spec(phase, layer, home=Path("/elsewhere")).release_id()
    assert spec(phase, layer).release_id() != spec(phase, layer, version="2").release_id()


def test_same_bytes_without_the_c_writer() -> None:
    """A machine without libyaml renders the same bytes, so that a release has one id wherever it is rendered."""
    found = {path: text for path, text in spec(2, "phase2").bundles["local"].files.items() if path.endswith((".yaml", "prometheus.yml"))}
    assert found
    for path, text in found.items():
        if not text.startswith("#"):
            document = yaml.load(text, Loader=documents.LOADER)
            assert yaml.safe_dump(document, sort_keys=False, width=140) == text, path


@pytest.mark.parametrize(("phase", "layer"), LAYERS)
def test_no_secret_in_a_plain_file(phase: int, layer: str) -> None:
    """No secret's value stands in a plain file, and no key either."""
    assert [path for path, text in spec(phase, layer).bundles["local"].files.items() if "CANARY" in text] == []


def services(phase: int, layer: str) -> dict[str, dict[str, Any]]:
    files = spec(phase, layer).bundles["local"].files
    found: dict[str, dict[str, Any]] = {}
    for path, text in files.items():
        if path.endswith("compose.yaml"):
            found |= {f"{path}:{name}": service for name, service in yaml.load(text, Loader=documents.LOADER)["services"].items()}
    return found


@pytest.mark.parametrize(("phase", "layer"), LAYERS)
def test_containers_are_closed(phase: int, layer: str) -> None:
    """Every container runs as a plain user on a read-only root, without capabilities, with limits, bounded logs and a health check."""
    for name, service in services(phase, layer).items():
        assert service["user"].split(":")[0] != "0", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pull_policy"] == "never", name
        assert service["image"].startswith("sha256:"), name
        assert {"mem_limit", "cpus", "pids_limit", "healthcheck", "logging"} <= service.keys(), name
        assert service["logging"]["options"]["max-size"], name


@pytest.mark.parametrize(("phase", "layer"), LAYERS)
def test_only_the_door_is_published(phase: int, layer: str) -> None:
    """Only the edge, and Prometheus on loopback, publish ports; every published port names its address."""
    ports = {name.rpartition(":")[2]: service["ports"] for name, service in services(phase, layer).items() if "ports" in service}
    assert set(ports) <= {"edge", "prometheus"}
    assert all(str(port).startswith("127.0.0.1:") for published in ports.values() for port in published)


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_balancer_knows_every_instance(phase: int) -> None:
    """Both slots of every service are upstreams with all their instances, and the flag file decides between them."""
    text = spec(phase, f"phase{phase}").bundles["local"].files["base/balancer/nginx.conf"]
    for one in layout(phase, f"phase{phase}").instances:
        block = text[text.index(f"upstream {one.service}_{one.slot} {{") :]
        assert f"server {one.address}:{one.port} weight={one.weight}" in block[: block.index("}")]
    assert "if (-f /etc/cmctl/live/green)" in text
    assert text.count("ssl_reject_handshake on;") == 1
    assert "limit_req_zone $binary_remote_addr zone=api:10m rate=10r/s;" in text
    assert "limit_req_zone $binary_remote_addr zone=login:10m rate=1r/s;" in text


def test_redis_is_bounded_and_locked() -> None:
    """Redis keeps below its container's limit, asks for a password from a secret file, and never evicts sessions."""
    files = spec(2, "phase2").bundles["local"].files
    assert "maxmemory 2048mb" in files["base/redis-cache/redis.conf"]
    assert "maxmemory-policy noeviction" in files["base/redis-sessions/redis.conf"]
    assert all("include /run/secrets/redis-auth" in files[f"base/redis-{kind}/redis.conf"] for kind in ("cache", "sessions"))


def test_prometheus_scrapes_everything() -> None:
    """Phase 2's Prometheus has the app's instances, the host and both Redis as targets."""
    jobs = yaml.safe_load(spec(2, "phase2").bundles["local"].files["base/prometheus/prometheus.yml"])["scrape_configs"]
    count = {job["job_name"]: sum(len(one["targets"]) for one in job["static_configs"]) for job in jobs}
    assert count == {"backend": 6, "node": 1, "prometheus": 1, "redis": 2}


def test_a_service_called_node() -> None:
    """Prometheus would not start with two jobs of one name; without a Redis nobody asks for its figures."""
    placed = layout(2, "phase2")
    platform, phase = placed.platform.model_dump(by_alias=True), placed.phase.model_dump(by_alias=True)
    platform["services"]["node"], phase["workloads"]["node"] = platform["services"]["backend"], phase["workloads"]["frontend"]
    bare = place(Platform.model_validate(platform), Phase.model_validate(phase | {"redis": {}}), placed.environment, "phase2")
    jobs = [job["job_name"] for job in yaml.safe_load(prometheus.conf(bare))["scrape_configs"]]
    assert jobs == ["backend", "node-service", "prometheus", "node"]
    assert bare.all("redis-exporter") == ()


@pytest.mark.parametrize(
    ("version", "listens", "directive"), [((1, 9, 9), 4, 0), ((1, 22, 1), 4, 0), ((1, 25, 0), 4, 0), ((1, 25, 1), 0, 4), ((1, 28, 0), 0, 4)]
)
def test_http2_follows_the_version(version: tuple[int, int, int], listens: int, directive: int) -> None:
    """Up to nginx 1.25.0 HTTP/2 is a word of `listen`, later a directive; every TLS server has exactly one of them."""
    text = nginx.balancer(layout(2, "phase2"), "local", version)
    assert (text.count(" ssl http2"), text.count("http2 on;")) == (listens, directive)


@pytest.mark.parametrize(("version", "times"), [((1, 22, 1), 0), ((1, 27, 3), 0), ((1, 27, 4), 1), ((1, 28, 0), 1)])
def test_idle_connections_outlive_a_reload_where_nginx_can(version: tuple[int, int, int], times: int) -> None:
    """From nginx 1.27.4 on an idle connection is not closed by a reload while its client may be about to use it."""
    assert nginx.balancer(layout(2, "phase2"), "local", version).count("keepalive_min_timeout 2s;") == times


def test_nginx_says_what_it_has_read() -> None:
    """The mark that nginx answers with stands in its own file once, and changes with a file beside it."""
    specs = [spec(2, "edge"), spec(2, "edge", certificate=dataclasses.replace(CERTIFICATE, authority="ANOTHER\n"))]
    marks = [re.findall(rf'"{nginx.MARK}([0-9a-f]{{8}})\\n"', one.bundles["local"].files["base/edge/nginx.conf"]) for one in specs]
    assert [len(found) for found in marks] == [1, 1]
    assert marks[0] != marks[1]


def test_the_mark_is_nobody_elses_word() -> None:
    """A domain and a route that begin like the mark stay as they are, and the server's own answer is still marked."""
    placed = layout(2, "phase2")
    platform = placed.platform
    own = {
        "domains": platform.domains.model_copy(update={"web": (*platform.domains.web, f"{nginx.MARK}ui")}),
        "routes": (*platform.routes, platform.routes[0].model_copy(update={"path": f"/{nginx.MARK}files/"})),
    }
    text = of(dataclasses.replace(placed, platform=platform.model_copy(update=own))).bundles["local"].files["base/balancer/nginx.conf"]
    assert f"/{nginx.MARK}files/ {{" in text
    assert f" {nginx.MARK}ui.localhost" in text
    assert len(re.findall(rf'"{nginx.MARK}[0-9a-f]{{8}}\\n"', text)) == 1


def test_canary_flags_are_the_templates() -> None:
    """Every canary flag that hosts can set is one the balancer looks for, each share once per slot."""
    text = nginx.balancer(layout(2, "phase2"), "local", nginx.OLDEST)
    for share in live.CANARY_SHARES:
        assert text.count(f"split_clients $request_id $lot_{share} {{") == 1
        for slot in SLOTS:
            assert f"if (-f /etc/cmctl/live/{live.canary(slot, share)})" in text


def test_unknown_canary_share() -> None:
    """A share that no balancer knows is refused with those it knows."""
    with pytest.raises(BadInput, match="no canary step of 7 %") as caught:
        live.canary("green", 7)
    assert "1, 5, 10, 25, 50" in caught.value.why


def test_flags_of_a_step() -> None:
    """A step leaves the live slot's flag; a step towards the live slot is none. In order of names the slot's flag comes first."""
    assert live.flags("blue", "green", 5) == ("to-green-5",)
    assert live.flags("green", "blue", 5) == ("green", "to-blue-5")
    assert live.flags("green", "green", 5) == ("green",)
    assert live.flags("blue") == ()
    assert sorted(live.flags("green", "blue", 50)) == ["green", "to-blue-50"]


@pytest.mark.parametrize(("read_s", "edge_s", "stop_s"), [(3, 30, 15), (25, 30, 30), (60, 65, 65)])
def test_nothing_around_a_route_gives_up_before_it(read_s: int, edge_s: int, stop_s: int) -> None:
    """The edge in front waits longer than the longest read timeout of any route, and a proxy that is asked to end does too."""
    placed = layout(2, "edge")
    timeouts = placed.platform.routes[0].timeouts.model_copy(update={"read_s": read_s})
    routes = tuple(route.model_copy(update={"timeouts": timeouts}) for route in placed.platform.routes)
    changed = dataclasses.replace(placed, platform=placed.platform.model_copy(update={"routes": routes}))
    assert f"proxy_read_timeout {edge_s}s;" in nginx.edge(changed, "local", nginx.OLDEST)
    assert nginx.stop_s(changed) == stop_s


def test_the_gate_knows_what_waits() -> None:
    """The platform's long poll reaches the gate by its path alone, and does not make another release of it."""
    found = spec(2, "phase2")
    assert found.gate.waits == ("/api/time-slots/changes",)
    assert found.model_copy(update={"gate": found.gate.model_copy(update={"waits": ()})}).release_id() == found.release_id()


@pytest.mark.parametrize(("domain", "times"), [("example.com", 0), ("a-department-of-ours.internal.example-corporation.com", 1)])
def test_long_names_have_room(domain: str, times: int) -> None:
    """Names longer than the buckets that nginx keeps them in get wider ones: it would not start. Others keep nginx' own."""
    for layer in ("phase2", "edge"):
        placed = layout(2, layer)
        placed = dataclasses.replace(placed, environment=placed.environment.model_copy(update={"domain": domain}))
        write = nginx.edge if layer == "edge" else nginx.balancer
        assert write(placed, "local", nginx.OLDEST).count("server_names_hash_bucket_size 512;") == times
