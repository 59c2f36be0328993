"""Objects as YAML files instead of objects on a cluster."""

from __future__ import annotations

import secrets
from pathlib import Path

import yaml

from hosts.events import Report
from stacks.provider.difference import difference
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.standin.kubernetes import objects

DEFINITIONS, OTHERS = "0-crd", "1-manifest"


class Rendered:
    """All kinds, written below `folder` in the official plugin's places and names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        wanted = objects.clean(inputs)
        metadata = dict(wanted.get("metadata") or {})
        if not metadata.get("name"):
            metadata["name"] = (old_inputs.get("metadata") or {}).get("name") or f"{name}-{secrets.token_hex(4)}"
        return Checked({**wanted, "metadata": metadata}, {key: "is missing" for key in ("apiVersion", "kind") if not wanted.get(key)})

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        del old
        found = difference(objects.clean(old_inputs), objects.clean(inputs))
        return Difference(
            found, replaces=tuple(path for path in found if path in {"kind", "apiVersion", "metadata.name", "metadata.namespace"})
        )

    def preview(self, inputs: Values, old: Values) -> Values:
        del old
        return objects.clean(inputs)

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        del report
        wanted = objects.clean(inputs)
        path = self._path(wanted)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(wanted, sort_keys=True, allow_unicode=True, width=140), encoding="utf-8")
        return f"render-{path.name}", wanted

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del made, old
        return self.create(inputs, report)[1]

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        del made
        return Found(inputs, old)

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        del made, report
        self._path(objects.clean(inputs)).unlink(missing_ok=True)

    def _path(self, wanted: Values) -> Path:
        metadata = wanted["metadata"]
        parts = (
            str(wanted["apiVersion"]).replace("/", "_"),
            str(wanted["kind"]).lower(),
            metadata.get("namespace") or "default",
            metadata["name"],
        )
        place = DEFINITIONS if wanted["kind"] == "CustomResourceDefinition" else OTHERS
        return self._folder / place / f"{'-'.join(parts)}.yaml"
