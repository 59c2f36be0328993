"""The cluster's programs and the data their modules carry, built and gathered once: <cache>/tools/kubernetes/<key>/."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from environments.home import cache
from errors import CmctlError
from tools.builder import Family, Report, alone, begun, build

VERSION = "1.36.3"
REPORTED = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
SIMULATOR, GATEWAY = "sigs.k8s.io/kwok", "sigs.k8s.io/gateway-api"
# kwok's own answers for a node and its pods: ready at once, gone at once, usage as a pod's annotation says.
STAGES = (
    "stage/node/fast/node-initialize.yaml",
    "stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "stage/pod/fast/pod-ready.yaml",
    "stage/pod/fast/pod-complete.yaml",
    "stage/pod/fast/pod-delete.yaml",
    "metrics/resource/metrics-resource.yaml",
    "metrics/usage/usage-from-annotation.yaml",
)


@dataclass(frozen=True)
class Programs:
    """`binary` is every program in one; `stages` is kwok's configuration; `gateway` are the Gateway API's definitions, YAML."""

    binary: Path
    stages: Path
    gateway: Path


def family() -> Family:
    major, minor, _ = VERSION.split(".")
    said = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = tuple(f"-X {package}.{name}={value}" for package in REPORTED for name, value in said.items())
    return Family("kubernetes", "kubernetes", ".", VERSION, ldflags=flags, minutes=4)


def programs(report: Report) -> Programs:
    """Everything, built and gathered if it is not there. Raises as tools.builder.build does."""
    binary = build(family(), cache(), report)
    folder = binary.parent / "data"
    found = Programs(binary, folder / "simulated-nodes.yaml", folder / "gateway-api.yaml")
    if not folder.exists():
        with alone(binary.parent.parent, report):
            if not folder.exists():
                _gather(found)
    return found


def _gather(wanted: Programs) -> None:
    with begun(wanted.binary.parent.parent) as new:
        data = new / "data"
        data.mkdir()
        simulator = _module(SIMULATOR) / "kustomize"
        (data / wanted.stages.name).write_text(_joined([simulator / name for name in STAGES]), encoding="utf-8")
        definitions = sorted((_module(GATEWAY) / "config" / "crd" / "standard").glob("gateway.networking.k8s.io_*s.yaml"))
        (data / wanted.gateway.name).write_text(_joined(definitions), encoding="utf-8")
        data.replace(wanted.stages.parent)


def _joined(paths: list[Path]) -> str:
    return "".join(f"---\n{path.read_text(encoding='utf-8').rstrip()}\n" for path in paths)


def _module(path: str) -> Path:
    """The folder of a module at the version go.mod pins, checked against go.sum."""
    environment = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(
        ["go", "mod", "download", "-json", path],
        cwd=family().module, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    try:
        return Path(json.loads(done.stdout)["Dir"])
    except (ValueError, KeyError) as error:
        raise CmctlError(f"the files of {path} cannot be had", why=(done.stdout + done.stderr).strip()[-400:]) from error
