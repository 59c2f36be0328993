"""The phase as plain manifests, from the same program: the engine runs it with a provider that writes files. No cluster is asked."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import yaml

from errors import BadInput
from stacks import engine, phase3
from stacks.engine import Request
from stacks.kubernetes.spec import Access, ClusterSpec
from stacks.workspace import Settings

# What others need comes first; everything else after it, by kind and name.
ORDER = ("Namespace", "PriorityClass", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "ConfigMap")
MARK = "# Rendered by cmctl"


def rendered(spec: ClusterSpec, run: Settings) -> dict[str, str]:
    """File name → text. The same plan and release give the same bytes, whichever plugin renders."""
    with tempfile.TemporaryDirectory(prefix="cmctl-render-") as folder:
        target, state = Path(folder) / "manifests", Path(folder) / "state"
        access = Access(render_to=str(target))
        own = dataclasses.replace(run, backend=f"file://{state}", passphrase="render", packages=("kubernetes",))  # noqa: S106 - of a state that is thrown away
        engine.up(Request(spec.plan.stack, phase3.program(dataclasses.replace(spec, access=access)), own))
        found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(target.rglob("*.yaml"))]
    return files(spec, found)


def files(spec: ClusterSpec, manifests: list[dict[str, Any]]) -> dict[str, str]:
    """One file per object, and a kustomization that lists them in order."""
    ordered = sorted(manifests, key=_place)
    texts = {_name(one): _text(one) for one in ordered}
    listed = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(texts)}
    return {**texts, "kustomization.yaml": _text(listed), "SECRETS.md": _secrets(spec)}


def write(texts: dict[str, str], out: Path) -> dict[str, int]:
    """Write the files; those of an earlier rendering that are no more are removed. Raises BadInput for a folder of somebody else's."""
    kept = out / "kustomization.yaml"
    if out.exists() and any(out.iterdir()) and not (kept.exists() and kept.read_text(encoding="utf-8").startswith(MARK)):
        raise BadInput(f"{out}: holds files that no rendering wrote", hint="--out a new folder")
    out.mkdir(parents=True, exist_ok=True)
    for path in out.glob("*.yaml"):
        if path.name not in texts and path.read_text(encoding="utf-8").startswith(MARK):
            path.unlink()
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8")
    return {name: len(text.encode()) for name, text in texts.items()}


def _place(one: dict[str, Any]) -> tuple[int, str, str]:
    kind = one["kind"]
    return ORDER.index(kind) if kind in ORDER else len(ORDER), kind, one["metadata"]["name"]


def _name(one: dict[str, Any]) -> str:
    return f"{one['kind'].lower()}-{one['metadata']['name']}.yaml"


def _text(one: dict[str, Any]) -> str:
    return f"{MARK}; change the phase's file instead.\n" + yaml.safe_dump(one, sort_keys=True, allow_unicode=True, width=140)


def _secrets(spec: ClusterSpec) -> str:
    """Which Secrets somebody has to make: manifests for a repository hold none."""
    rows = [(f"{one.service}-secrets", one.secrets) for one in spec.plan.workloads if one.secrets]
    rows += [(f"job-{job.name}-secrets", spec.plan.platform.services[job.service].secrets) for job in spec.plan.platform.jobs]
    rows += [("redis-secrets", ("REDIS_PASSWORD",))] if spec.plan.stores else []
    rows.append(("gateway-tls", ("tls.crt", "tls.key")))
    lines = [
        f"# Secrets of namespace {spec.namespace}",
        "",
        "Manifests hold no secret. These are made by other means before they are applied:",
        "",
    ]
    return "\n".join([*lines, "| Secret | keys |", "|---|---|", *(f"| {name} | {', '.join(sorted(keys))} |" for name, keys in rows), ""])
