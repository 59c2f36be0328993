"""Nothing that a stack creates is missing from the bill: the programs run under the engine's mocks, and each resource must have its line."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from costs import books
from costs.billable import Resource, billable, load, uncovered
from costs.estimate import estimate
from errors import BadInput
from stacks import compose_phase, data, edge
from tests.costs.figures import LOADED, SEED
from tests.stacks.specs import spec
from tests.stacks.test_programs import environment, run


@pytest.fixture(scope="module", autouse=True)
def sdks() -> None:
    """The SDK of cloudflare warns about itself while it is imported; that is none of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import pulumi_cloudflare  # noqa: F401
        import pulumi_mongodbatlas  # noqa: F401


@pytest.mark.parametrize("book", ["seed", "list-2026-11"])
def test_every_resource_of_the_stacks_has_a_line(book: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, edge and phase programs under mocks: whatever they create is billed by a line, left out with a reason, or free with one."""
    phase, place = LOADED.phase(2), environment()
    programs = [
        data.program(place, phase, LOADED.platform, None),
        edge.program(place, phase, LOADED.platform, None),
        compose_phase.program(spec()),
    ]
    created = [Resource(*found) for program in programs for found in run(program, monkeypatch).resources]
    assert {one.type for one in created} >= {"cmctl:index:Host", "mongodbatlas:index/advancedCluster:AdvancedCluster"}
    assert uncovered(created, estimate(LOADED, 2, books.load(book))) == []


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
