"""The rendered manifests before four scanners that know nothing of us: no finding, nothing suppressed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.driver import ROOT, Driver
from tools import scanners
from tools.cluster import family
from tools.scanners import Found, Scanners

pytestmark = pytest.mark.live
REGISTRY = "registry.example.com/codementee"
DIGEST = "sha256:" + "a" * 64


class Production(Driver):
    """A cluster in the cloud, with everything bought and images by digest."""

    def facts(self) -> dict[str, Any]:
        example = yaml.safe_load((ROOT / "environments" / "production.example.yaml").read_text(encoding="utf-8"))
        tracing = "http://jaeger-collector.tracing:4318"
        cluster = {"controller": "other", "registry": REGISTRY, "storage_class": "standard", "traces": tracing}
        return {**example, "name": self.name, "kube_context": "nobody", "cluster": cluster}


@pytest.fixture(scope="module")
def tools() -> Scanners:
    return scanners.scanners(print)


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    driver = Production(tmp_path_factory.mktemp("manifests"), name="scanned")
    own = [f"--image={name}={REGISTRY}/{name}@{DIGEST}" for name in ("backend", "frontend")]
    first, second = driver.folder / "first", driver.folder / "second"
    for out in (first, second):
        driver.must("render", "--phase", "3", "--out", str(out), *own)
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {path.name: path.read_bytes() for path in second.iterdir()}
    (first / "kustomization.yaml").unlink()
    return sorted(first.glob("*.yaml"))


def shown(found: Found) -> None:
    print(f"\n{found.tool}: {found.checked} checked, {len(found.findings)} findings")
    assert found.findings == ()
    assert found.checked >= 50


@pytest.mark.parametrize("version", scanners.VERSIONS)
def test_kubeconform(version: str, tools: Scanners, manifests: list[Path], tmp_path: Path) -> None:
    """Every manifest fits the API of six versions of Kubernetes, strictly, and the Gateway API's own definitions."""
    shown(scanners.conform(tools, manifests, definitions(), version, tmp_path))


def definitions() -> dict[str, Any]:
    """Kind → schema of the Gateway API, from its published module."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = family.programs(print).gateway.read_text(encoding="utf-8")
    found = {}
    for one in yaml.load_all(text, loader):
        if one and one["kind"] == "CustomResourceDefinition":
            versions = {version["name"]: version["schema"]["openAPIV3Schema"] for version in one["spec"]["versions"]}
            if "v1" in versions:
                found[one["spec"]["names"]["kind"]] = versions["v1"]
    return found


def test_kube_score(tools: Scanners, manifests: list[Path]) -> None:
    """kube-score has nothing to say."""
    shown(scanners.score(tools, manifests))


def test_checkov(tools: Scanners, manifests: list[Path]) -> None:
    """checkov passes every check."""
    shown(scanners.check(tools, manifests[0].parent))


def test_trivy(tools: Scanners, manifests: list[Path], tmp_path: Path) -> None:
    """trivy finds no misconfiguration, its list of trusted registries being ours."""
    shown(scanners.misconfigured(tools, manifests, ["registry.example.com", "docker.io"], tmp_path))


def test_scanners_do_find_something(tools: Scanners, tmp_path: Path) -> None:
    """The guide's own manifest has findings in each of them: so their silence means something."""
    container = {"name": "user", "image": "codementee/user-service:latest", "ports": [{"containerPort": 8001}]}
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "user"}},
        "template": {"metadata": {"labels": {"app": "user"}}, "spec": {"containers": [container]}},
    }
    bad = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "user"}, "spec": spec, "sepc": {}}
    path = tmp_path / "bad" / "user.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(bad), encoding="utf-8")
    assert scanners.conform(tools, [path], {}, "1.36.0", tmp_path).findings
    path.write_text(yaml.safe_dump({key: value for key, value in bad.items() if key != "sepc"}), encoding="utf-8")
    for found in (scanners.score(tools, [path]), scanners.check(tools, path.parent), scanners.misconfigured(tools, [path], [], tmp_path)):
        print(f"{found.tool}: {len(found.findings)} findings")
        assert found.findings
