"""What the cluster's programs are started with, and the node's own files."""

from __future__ import annotations

import json
import tarfile
from io import BytesIO
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tools.builder import Family
from tools.cluster import documents, family, node, programs, runtime
from tools.cluster.documents import Size
from tools.cluster.place import Place
from tools.cluster.programs import Program, Timing

PLACE = Place(Path("/lab"), 4)


def everything(place: Place = PLACE) -> list[Program]:
    timing = Timing()
    return [
        programs.etcd(place), programs.api_server(place), programs.controller_manager(place, timing), programs.scheduler(place),
        programs.metrics_server(place, timing), programs.simulator(place, Path("/stages")), runtime.kubelet(place), runtime.proxy(place),
        runtime.name_server(place),
    ]  # fmt: skip


def test_every_file_lies_below_the_clusters_folder() -> None:
    """No program reads or writes a file of another cluster or of this machine."""
    for program in everything():
        for argument in program.arguments:
            value = argument.partition("=")[2]
            if value.startswith("/"):
                assert value.startswith(("/lab/", "/stages")), (program.name, argument)


def test_every_address_is_the_clusters_or_loopback() -> None:
    """Two clusters name no address in common but loopback, which each has for itself."""

    def named(place: Place) -> set[str]:
        return {word for one in everything(place) for argument in one.arguments for word in argument.split("=") if "10." in word}

    assert named(PLACE).isdisjoint(named(Place(Path("/lab"), 5)))


def test_the_api_server_lets_nobody_in_without_a_certificate() -> None:
    """No anonymous requests, no tokens in files, and nodes may only change themselves."""
    arguments = programs.api_server(PLACE).arguments
    assert "--anonymous-auth=false" in arguments
    assert "--authorization-mode=Node,RBAC" in arguments
    assert not [one for one in arguments if "token-auth-file" in one]


def test_timing_reaches_the_programs() -> None:
    """How often the autoscaler and metrics-server look is what was asked for."""
    timing = Timing(hpa_sync_s=5, metrics_s=12)
    assert "--horizontal-pod-autoscaler-sync-period=5s" in programs.controller_manager(PLACE, timing).arguments
    assert "--metric-resolution=12s" in programs.metrics_server(PLACE, timing).arguments


def test_the_name_server_asks_nobody_else() -> None:
    """It answers for the cluster's own names and forwards nothing."""
    assert "forward" not in runtime.names(PLACE)
    service, slice_ = runtime.name_service(PLACE)
    assert ip_address(service["spec"]["clusterIP"]) in ip_network(PLACE.services)
    assert slice_["endpoints"][0]["addresses"] == [PLACE.address]
    assert json.loads(runtime.kubelet_settings(PLACE))["clusterDNS"] == [service["spec"]["clusterIP"]]


def test_pods_get_addresses_of_the_clusters_own_network() -> None:
    """The network plugin hands out what this machine routes to the cluster."""
    (bridge,) = json.loads(runtime.network(PLACE))["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": PLACE.pods}]]


@pytest.mark.parametrize("index", [0, 1, 5, 99])
def test_simulated_nodes_are_in_three_zones_and_say_what_they_are(index: int) -> None:
    """Each has its zone, its own pod network and the mark that only kwok answers for."""
    one = documents.simulated_node(index, Size(cpu="2"))
    assert one["metadata"]["labels"]["topology.kubernetes.io/zone"] == f"zone-{index % 3}"
    assert one["metadata"]["annotations"][documents.SIMULATED] == "fake"
    assert one["status"]["allocatable"]["cpu"] == "2"
    assert ip_network(one["spec"]["podCIDR"]).prefixlen == 24


def test_an_image_of_one_program_is_the_same_twice(tmp_path: Path) -> None:
    """Same program, same bytes; it holds the program, executable, and runs it as nobody's root."""
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    whole = node.image("localhost/pause:1", program)
    assert whole == node.image("localhost/pause:1", program)
    with tarfile.open(fileobj=BytesIO(whole)) as tar:
        (manifest,) = json.loads(tar.extractfile("manifest.json").read())  # type: ignore[union-attr]
        config = json.loads(tar.extractfile(manifest["Config"]).read())  # type: ignore[union-attr]
        with tarfile.open(fileobj=tar.extractfile(manifest["Layers"][0])) as layer:
            assert layer.getmember("pause").mode == 0o755
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert config["config"] == {"Entrypoint": ["/pause"], "User": "65532:65532"}


def test_the_binary_says_the_version_it_is_built_from() -> None:
    """The version in the code is the one go.mod pins, for Kubernetes and for everything it is published with."""
    one: Family = family.family()
    pinned = (one.module / "go.mod").read_text(encoding="utf-8")
    assert f"k8s.io/kubernetes v{family.VERSION}\n" in pinned
    staged = {line.split()[-1] for line in pinned.splitlines() if " => k8s.io/" in line}
    assert staged == {"v0." + family.VERSION.partition(".")[2]}
    assert any(f"gitVersion=v{family.VERSION}" in flag for flag in one.ldflags)
