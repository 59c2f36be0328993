"""A release on a cluster: what is applied in which order, and what serves after a failure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from environments.certificates import Certificate
from errors import BadInput, CmctlError, Locked, RolledBack
from stacks import cluster_release, operations
from stacks.deployment import Deployment, Facts
from stacks.kubernetes import cluster, gate, staffing
from stacks.kubernetes.cluster import Kept
from stacks.kubernetes.gate import Verdict
from stacks.kubernetes.spec import ClusterSpec, record
from tests.stacks import clusters


@dataclass
class World:
    """A cluster in memory: `applied` are (stable version, canary version, share); `fails`: version → error; `judged` verdicts in turn."""

    kept: Kept = field(default_factory=Kept)
    applied: list[tuple[str, str, int]] = field(default_factory=list)
    fails: dict[str, CmctlError] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    def carry_out(self, deployment: Deployment, _: object, layers: list[str], __: object, *, refreshed: object = ()) -> None:
        del refreshed
        assert layers
        spec = deployment.cluster
        assert spec is not None
        canary = (spec.canary.release.version, spec.canary.percent) if spec.canary else ("", 0)
        self.applied.append((spec.release.version, *canary))
        for version in (spec.release.version, canary[0]):
            if version in self.fails:
                raise self.fails[version]
        if not spec.canary:
            self.kept = Kept(record(spec), spec.former)

    def watch(self, *_: object) -> Verdict:
        return self.verdicts.pop(0) if self.verdicts else Verdict("pass", "fine")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    one = World()
    monkeypatch.setattr(operations, "carry_out", one.carry_out)
    monkeypatch.setattr(cluster, "api", lambda _: None)
    monkeypatch.setattr(cluster, "kept", lambda *_: one.kept)
    monkeypatch.setattr(gate, "watch", one.watch)
    monkeypatch.setattr(staffing, "staffed", lambda *_: None)
    monkeypatch.setattr(cluster_release, "certificate", lambda *_: Certificate("chain", "key"))
    return one


def deployed(spec: ClusterSpec) -> Deployment:
    facts = Facts(clusters.LOADED, clusters.LOADED.phase(3), spec.plan.environment, spec.release.version)
    return Deployment(facts, {}, {}, spec.secrets, spec)


def run(spec: ClusterSpec, layers: tuple[str, ...] = ("phase3",)) -> str:
    return cluster_release.carry_out(deployed(spec), SimpleNamespace(), layers, lambda _: None)  # type: ignore[arg-type]


def test_a_release_is_applied_and_judged(world: World) -> None:
    """One application, one verdict, and the cluster keeps the release."""
    assert run(clusters.spec("1.0.0")) == "pass: fine"
    assert world.applied == [("1.0.0", "", 0)]
    assert world.kept.current == record(clusters.spec("1.0.0"))


def test_nothing_to_change_does_nothing(world: World) -> None:
    """Without a layer that changes nothing is applied and nothing judged."""
    assert run(clusters.spec(), ()) == ""
    assert world.applied == []


def test_a_failed_release_gives_way_to_the_one_before(world: World) -> None:
    """What does not come up is taken back: the former images serve, exit 4, and the reason is told."""
    run(clusters.spec("1.0.0"))
    world.fails["2.0.0"] = CmctlError("Deployment user does not become ready", why="ErrImagePull for image backend:2.0.0")
    with pytest.raises(RolledBack) as caught:
        run(clusters.spec("2.0.0", former=world.kept.current))
    assert world.applied[-1] == ("1.0.0", "", 0)
    assert "2.0.0 did not come up" in caught.value.what
    assert "ErrImagePull" in caught.value.why
    assert "1.0.0 serves" in caught.value.hint


def test_a_missed_gate_gives_way_too(world: World) -> None:
    """A release that comes up and answers badly is taken back as well; one that nobody judged stays."""
    run(clusters.spec("1.0.0"))
    world.verdicts = [Verdict("fail", "30 requests, 20 failed")]
    with pytest.raises(RolledBack, match="20 failed"):
        run(clusters.spec("2.0.0"))
    world.verdicts = [Verdict("unknown", "too few")]
    assert run(clusters.spec("3.0.0")) == "unknown: too few"


def test_the_first_release_has_no_way_back(world: World) -> None:
    """Where nothing served before, the failure is told as one, with the command that clears up."""
    world.fails["1.0.0"] = CmctlError("quota", why="exceeded quota")
    with pytest.raises(CmctlError) as caught:
        run(clusters.spec("1.0.0"))
    assert type(caught.value) is CmctlError
    assert "cmctl destroy --phase 3" in caught.value.hint


def test_a_way_back_that_fails_is_told_with_both_reasons(world: World) -> None:
    """When the former release does not come back either, nobody reads "rolled back"."""
    run(clusters.spec("1.0.0"))
    world.fails = {"2.0.0": CmctlError("new one broken", why="first"), "1.0.0": CmctlError("old one broken", why="second")}
    with pytest.raises(CmctlError) as caught:
        run(clusters.spec("2.0.0"))
    assert not isinstance(caught.value, RolledBack)
    assert "1.0.0 did not come back: old one broken" in caught.value.what
    assert "new one broken" in caught.value.why


def test_somebody_elses_lock_takes_nothing_back(world: World) -> None:
    """Who is refused by a lock has changed nothing, so nothing is taken back."""
    run(clusters.spec("1.0.0"))
    world.fails["2.0.0"] = Locked("somebody deploys")
    with pytest.raises(Locked):
        run(clusters.spec("2.0.0"))
    assert world.applied[-1] == ("2.0.0", "", 0)


def test_a_canary_takes_its_steps(world: World) -> None:
    """Each share is applied beside the release that serves, judged, and only then comes the next; the last step is all of it."""
    run(clusters.spec("1.0.0"))
    run(clusters.spec("2.0.0", steps=(5, 25)))
    assert world.applied[1:] == [("1.0.0", "2.0.0", 5), ("1.0.0", "2.0.0", 25), ("2.0.0", "", 0)]


def test_a_canary_that_fails_is_removed(world: World) -> None:
    """A canary that misses its gate ends the release at that share: the stable release stays alone."""
    run(clusters.spec("1.0.0"))
    world.verdicts = [Verdict("pass", "fine"), Verdict("fail", "slow")]
    with pytest.raises(RolledBack, match="slow"):
        run(clusters.spec("2.0.0", steps=(5, 25)))
    assert world.applied[1:] == [("1.0.0", "2.0.0", 5), ("1.0.0", "2.0.0", 25), ("1.0.0", "", 0)]


def facts() -> Facts:
    return Facts(clusters.LOADED, clusters.LOADED.phase(3), clusters.environment(), "9.9.9")


def test_a_rollback_needs_a_release_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, or for another version than the one kept, the answer is exit 2 and says what is kept."""
    monkeypatch.setattr(cluster_release, "secrets_of", lambda _: clusters.spec().secrets)
    with pytest.raises(BadInput, match="keeps no release before"):
        cluster_release.back(facts(), None)
    world.kept = Kept(record(clusters.spec("2.0.0")), record(clusters.spec("1.0.0")))
    with pytest.raises(BadInput, match=r"the release before is 1\.0\.0, not 0\.9"):
        cluster_release.back(facts(), "0.9")
    found: Any = cluster_release.back(facts(), None)
    assert found.facts.version == "1.0.0"
    assert dataclasses.replace(found.cluster, former="").release == clusters.spec("1.0.0").release
    assert found.cluster.former == world.kept.current
