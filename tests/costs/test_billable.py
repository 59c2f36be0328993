"""Nothing that a stack creates is missing from the bill: the programs run under the engine's mocks, and each resource must have its line."""

from __future__ import annotations

import functools
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from costs import books
from costs.billable import Resource, billable, load, uncovered
from costs.estimate import estimate
from environments.model import Cluster
from errors import BadInput
from stacks import compose_phase, data, edge, phase3
from tests.costs.figures import LOADED, SEED
from tests.stacks import clusters
from tests.stacks.specs import spec
from tests.stacks.test_programs import environment, run

pytestmark = [pytest.mark.sdk, pytest.mark.usefixtures("sdks")]


@functools.cache
def created(number: int) -> tuple[Resource, ...]:
    """What the stacks of a phase create with everything bought: data, edge, and the phase on its hosts or in its cluster."""
    phase, place = LOADED.phase(number), environment(cluster=Cluster(addresses=(IPv4Address("192.0.2.30"),)))
    roles = [(role, index) for role, size in phase.hosts.items() for index in range(size.count)]
    hosts = tuple(f"{role}-{index}" for role, index in roles)
    own = phase3.program(clusters.spec()) if phase.runtime == "kubernetes" else compose_phase.program(spec(hosts=hosts))
    programs = [data.program(place, phase, LOADED.platform, None), edge.program(place, phase, LOADED.platform, None), own]
    with pytest.MonkeyPatch.context() as patch:
        return tuple(Resource(*found) for program in programs for found in run(program, patch).resources)


# Phase → a type that only its stacks create, and how many of them cost something.
PHASES = [(0, "cmctl:index:Host"), (1, "cmctl:index:Host"), (2, "cmctl:index:Host"), (3, "kubernetes:apps/v1:StatefulSet")]


@pytest.mark.parametrize(("number", "kind"), PHASES)
def test_every_resource_of_the_stacks_has_a_line(number: int, kind: str) -> None:
    """Data, edge and phase programs under mocks: whatever they create is billed by a line, left out with a reason, or free with one."""
    found = created(number)
    assert {one.type for one in found} >= {
        kind,
        "mongodbatlas:index/advancedCluster:AdvancedCluster",
        "cloudflare:index/dnsRecord:DnsRecord",
    }
    for book in ("seed", "list-2026-11"):
        assert uncovered(found, estimate(LOADED, number, books.load(book))) == []


@pytest.mark.parametrize(("number", "kind"), PHASES)
def test_no_line_can_be_forgotten(number: int, kind: str) -> None:
    """Taking any component out of the estimate that the stacks are billed as is noticed."""
    found, one = created(number), estimate(LOADED, number, books.load("list-2026-11"))
    billed = {name for resource in found for rule in [billable(resource.type, resource.properties)] if rule for name in rule.billed}
    assert billed >= {"database", "storage" if number == 3 else "machines"}
    for name in billed:
        without = replace(one, lines=tuple(line for line in one.lines if line.component != name))
        assert any(f"billed as {name}" in problem for problem in uncovered(found, without))


def test_the_volumes_of_the_cluster_are_counted() -> None:
    """The GB that the sets of pods claim are the GB of the line: three replicas of 8 and of 2, two of 20; a larger claim is noticed."""
    found, one = created(3), estimate(LOADED, 3, books.load("list-2026-11"))
    (line,) = [line for line in one.lines if line.component == "storage"]
    assert (line.quantity.typical, line.amount and str(line.amount.typical)) == (70, "$7")
    claims = {"spec": {"replicas": 1, "volumeClaimTemplates": [{"spec": {"resources": {"requests": {"storage": "5Gi"}}}}]}}
    assert uncovered([*found, Resource("kubernetes:apps/v1:StatefulSet", "more", claims)], one) == [
        "75 GB of volumes are created, the estimate counts 70"
    ]


def test_a_cluster_without_volumes_pays_for_none() -> None:
    """Where the pods keep their data on the nodes, no volume is bought."""
    ephemeral = clusters.environment(cluster=Cluster(storage="ephemeral"))
    assert "storage" not in {line.component for line in estimate(LOADED, 3, books.load("list-2026-11"), environment=ephemeral).lines}


def test_a_forgotten_resource_is_found() -> None:
    """A type the table does not know, a billed one without a line, and more machines than counted are each named."""
    one = estimate(LOADED, 1, SEED)
    problems = uncovered(
        [
            Resource("aws:s3/bucket:Bucket", "files", {}),
            Resource("cloudflare:index/loadBalancer:LoadBalancer", "world", {}),
            *(Resource("cmctl:index:Host", f"host-{index}", {}) for index in (1, 2)),
        ],
        one,
    )
    assert problems == [
        "aws:s3/bucket:Bucket (files): billable.yaml does not say whether it is billed",
        "cloudflare:index/loadBalancer:LoadBalancer (world): billed as edge-balancer, but the estimate has no line for it",
        "2 machines are created, the estimate counts 1",
    ]


@pytest.mark.parametrize(("spec_", "components"), [({"type": "LoadBalancer"}, ("cluster",)), ({"type": "ClusterIP"}, ()), ({}, ())])
def test_conditions(spec_: dict[str, Any], components: tuple[str, ...]) -> None:
    """A service of the cluster is billed only when it is a load balancer."""
    rule = billable("kubernetes:core/v1:Service", {"spec": spec_})
    assert rule is not None
    assert rule.billed == components


def test_a_rule_must_answer(tmp_path: Path) -> None:
    """A type that is neither billed nor free is refused with its line."""
    path = tmp_path / "billable.yaml"
    path.write_text("schema: cmctl/billable/1\nresources:\n  - {type: x}\n")
    with pytest.raises(BadInput, match=r"billable\.yaml:3: resources\.0: give `billed` or `free`"):
        load(path)
