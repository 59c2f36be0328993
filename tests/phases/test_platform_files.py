"""Platform files: every mistake is told with its line, and every choice between the documents is explained where it stands."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from documents import Source
from environments.load import load as environment
from errors import BadInput
from phases.load import ROOT, load, names

REFUSED = yaml.safe_load((Path(__file__).parent / "cases" / "refused.yaml").read_text(encoding="utf-8"))
KINDS = re.compile(
    r"scaling guide|deployment journey|judgement|measured: |gap filled: |MongoDB Atlas limits|Kubernetes release notes: |Kubernetes, Deployment: |as the "
)

# Where the documents contradict themselves or cannot be: what the file says about its choice.
EXPLAINED = {
    ("phase0", "target.concurrent"): "measured, not believed",
    ("phase0", "redis.cache.maxmemory_mb"): "no caching",
    ("phase1", "database.memory_mb"): "M30 would cost more",
    ("phase1", "database.pools.write.max"): "driver's default is 100",
    ("phase1", "redis.sessions.memory_mb"): "evict sessions",
    ("phase2", "slo.availability"): "single point of failure",
    ("phase2", "database.memory_mb"): "M40",
    ("phase2", "redis.cache.memory_mb"): "would be killed",
    ("phase2", "balancer.keepalive"): "16",
    ("phase3", "hosts.node.count"): "3 to 5",
    ("phase3", "slo.availability"): "30 minutes",
    ("phase3", "database.memory_mb"): "unique email",
    ("phase3", "kubernetes.pods.user.scaling.min"): "five replicas",
    ("phase3", "kubernetes.pods.payment.scaling.min"): "gap filled",
    ("platform", "services.frontend.port"): "3000 and 80",
    ("platform", "limits.api.rate_per_s"): "six times stricter",
    ("platform", "routes.0.timeouts.connect_s"): "connect 1 s is judgement",
}


def source(file: str, path: str) -> Source:
    (document,) = (one for one in load("codementee", ROOT).documents if one.path.stem == file)
    found = document.sources[tuple(int(part) if part.isdigit() else part for part in path.split("."))]
    assert found is not None
    return found


@pytest.mark.parametrize(("at", "said"), EXPLAINED.items(), ids=[".".join(at) for at in EXPLAINED])
def test_choices_are_explained(at: tuple[str, str], said: str) -> None:
    """Where the documents contradict each other or cannot be, the number says why it is this one."""
    found = source(*at)
    assert said in f"{found.text} {found.note}"


@pytest.mark.parametrize("name", names(ROOT))
def test_sources_are_of_known_kinds(name: str) -> None:
    """A source is a document, a measurement, a limit of a vendor, or a judgement, and a judgement has its reason."""
    for document in load(name, ROOT).documents:
        for at, found in document.sources.items():
            assert found is not None
            assert KINDS.match(found.text), (document.path.name, at, found)
            assert found.text != "judgement" or found.note, (document.path.name, at)


def changed(tmp_path: Path, file: str, old: str, new: str) -> Path:
    shutil.copytree(ROOT / "codementee", tmp_path / "codementee")
    path = tmp_path / "codementee" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("case", REFUSED, ids=[f"{case['file']} {case['new']}" for case in REFUSED])
def test_mistakes_are_told(tmp_path: Path, case: dict[str, str]) -> None:
    """Each mistake is refused with file, line, key and reason, in lines that a terminal shows whole."""
    before = (ROOT / "codementee" / case["file"]).read_text(encoding="utf-8")
    line = before[: before.index(case["old"])].count("\n") + 1
    with pytest.raises(BadInput) as caught:
        load("codementee", changed(tmp_path, case["file"], case["old"], case["new"]))
    assert case["said"].format(line=line) in caught.value.what
    assert max(len(one.replace(str(tmp_path), "")) for one in caught.value.what.splitlines()) < 250


@pytest.mark.parametrize("odd", ["phase10.yaml", "phase-2.yaml", "phase2.yml", "phases.yaml"])
def test_files_that_are_nearly_phases(tmp_path: Path, odd: str) -> None:
    """A file that would be left out in silence, because of its name, is refused."""
    shutil.copytree(ROOT / "codementee", tmp_path / "codementee")
    shutil.copy(ROOT / "codementee" / "phase2.yaml", tmp_path / "codementee" / odd)
    with pytest.raises(BadInput, match="not called like a phase"):
        load("codementee", tmp_path)


def test_a_platform_without_phases(tmp_path: Path) -> None:
    """A platform file alone says that there is no phase."""
    (tmp_path / "codementee").mkdir()
    shutil.copy(ROOT / "codementee" / "platform.yaml", tmp_path / "codementee")
    with pytest.raises(BadInput, match="there is no phase in it"):
        load("codementee", tmp_path)


def test_another_ending_is_told(tmp_path: Path) -> None:
    """A file that ends in .yml is not looked at: who asks for what stands in it is told so, with what to type."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "platform.yml").touch()
    with pytest.raises(BadInput, match="is not looked at") as caught:
        load("shop", tmp_path)
    assert caught.value.hint.endswith("shop/platform.yaml")
    (tmp_path / "stage.yml").touch()
    with pytest.raises(BadInput, match=r"stage\.yml: is not looked at"):
        environment("stage", tmp_path)
