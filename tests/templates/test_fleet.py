"""Across hosts everything is called by an address that the caller can reach, and that somebody has published."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from layout.release import ReleaseSpec
from tests.templates.places import layout, spec

# Environment → its layers that place something.
FLEETS = [("lab", "data"), ("lab", "phase1"), ("lab", "phase2"), ("lab", "edge"), ("pair", "phase2"), ("twin", "phase2"), ("twin", "edge")]
PHASE = {"phase1": 1}


def fleet(environment: str, layer: str) -> ReleaseSpec:
    return spec(PHASE.get(layer, 2), layer, environment=environment)


def published(found: ReleaseSpec) -> dict[str, list[str]]:
    """Host → the `address:port:inside` entries of all its compose files."""
    entries: dict[str, list[str]] = {}
    for host, bundle in found.bundles.items():
        for path, text in bundle.files.items():
            if path.endswith("compose.yaml"):
                services: dict[str, Any] = yaml.safe_load(text)["services"]
                entries.setdefault(host, []).extend(port for service in services.values() for port in service.get("ports", []))
    return entries


@pytest.mark.parametrize(("environment", "layer"), FLEETS)
def test_golden(environment: str, layer: str, golden: Callable[[str, str], None]) -> None:
    """Every plain file of every host is the golden one."""
    for host, bundle in fleet(environment, layer).bundles.items():
        for path, text in bundle.files.items():
            golden(f"fleet/{environment}/{layer}/{host}/{path}", text)


@pytest.mark.parametrize("environment", ["lab", "pair", "twin"])
def test_every_called_address_exists(environment: str) -> None:
    """Each upstream, target and secret URL on a host leads to a container there, or to a port that its host publishes."""
    layers = ["phase2"] if environment == "pair" else ["data", "phase2", "edge"]
    found = {layer: fleet(environment, layer) for layer in layers}
    ports = {entry.rpartition(":")[0] for one in found.values() for entries in published(one).values() for entry in entries}
    here = {
        host: {f"{one.address}:{one.port}" for layer in layers for one in layout(2, layer, environment).on(host)}
        for host in found["phase2"].bundles
    }
    for one in found.values():
        for host, bundle in one.bundles.items():
            everything = {**bundle.files, **bundle.secret_files}
            for path, text in everything.items():
                if path.endswith("compose.yaml"):
                    continue
                for called in re.findall(r"(?<![\d.])(?!127\.0\.0\.1)\d+\.\d+\.\d+\.\d+:\d+", text):
                    # The edge knows phases that do not stand at the moment.
                    assert called in ports | here[host] or path.startswith("base/edge/"), f"{host}:{path} calls {called}"


def test_each_balancer_asks_every_instance() -> None:
    """With two load balancers each instance is asked from both, at an address that this balancer can reach."""
    checks = spec(2, "phase2", environment="twin").checks["blue"]
    assert len(checks) == 2 * 5
    assert {one.asker_host for one in checks} == {"lb1", "lb2"}
    assert all(one.url.startswith("http://10.20.0.") for one in checks)


def test_two_balancers_are_probed_and_switched() -> None:
    """Both hosts for load balancers hold the flag, the certificate, and answer the probes."""
    found = spec(2, "phase2", environment="pair")
    assert found.balancers == ("lb1", "lb2")
    assert {one.host for one in found.probes} == {"lb1", "lb2"}
    assert all("base/secrets/tls/pair.pem" in found.bundles[host].secret_files for host in found.balancers)
    assert published(found)["lb2"][:2] == ["0.0.0.0:80:8080", "0.0.0.0:443:8443"]


def test_the_nearest_balancer_comes_first() -> None:
    """Each edge prefers the balancer beside it, and takes the other one while that is dead."""
    for host, other in (("lb1", "10.20.0.20"), ("lb2", "10.20.0.10")):
        text = spec(2, "edge", environment="twin").bundles[host].files["base/edge/nginx.conf"]
        block = text[text.index("upstream phase2 {") :]
        servers = re.findall(r"server (\S+) (.*);", block[: block.index("}")])
        assert servers[0][0].startswith("10.89.16.")
        assert "backup" not in servers[0][1]
        assert servers[-1] == (f"{other}:22200", "max_fails=1 fail_timeout=3s backup")


def test_every_host_shows_its_figures() -> None:
    """Prometheus has one node exporter a host as a target, each at an address that it can reach."""
    jobs = yaml.safe_load(spec(2, "phase2", environment="lab").bundles["data1"].files["base/prometheus/prometheus.yml"])["scrape_configs"]
    (node,) = (job for job in jobs if job["job_name"] == "node")
    assert {one["labels"]["host"]: one["targets"][0] for one in node["static_configs"]} == {
        "lb1": "10.77.0.11:22204", "app1": "10.77.0.12:22204", "app2": "10.77.0.13:22204", "data1": "10.89.8.142:9100",
    }  # fmt: skip
