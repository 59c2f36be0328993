"""A container engine as a table of images; it logs what it was asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from errors import CmctlError


@dataclass
class FakeEngine:
    """Stands in for `images.engine.docker`. `served`: references that its registry gives."""

    images: dict[str, str] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    asked: list[list[str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    buildx: bool = True

    def __call__(self, arguments: Sequence[str], *, timeout_s: float = 120, buildkit: bool = True) -> str:
        self.asked.append(list(arguments))
        verb = {"image": f"image {arguments[1]}"}.get(arguments[0], arguments[0])
        found: str = getattr(self, f"_{verb.replace(' ', '_')}")(list(arguments), buildkit=buildkit)
        return found

    def lines(self, verb: str) -> list[str]:
        return [" ".join(one) for one in self.asked if " ".join(one).startswith(verb)]

    def _image_ls(self, _: list[str], **__: bool) -> str:
        rows = ((tag.rpartition(":"), one) for tag, one in self.images.items() if "@" not in tag)
        return "\n".join(json.dumps({"Repository": name[0], "Tag": name[2], "ID": one}) for name, one in rows)

    def _image_inspect(self, arguments: list[str], **_: bool) -> str:
        if "Labels" in arguments[3]:
            return self.labels.get(arguments[-1], "")
        return self.images[arguments[-1]]

    def _image_rm(self, arguments: list[str], **_: bool) -> str:
        if arguments[-1] in self.used:
            raise CmctlError("docker image rm failed", why="image is being used by running container")
        del self.images[arguments[-1]]
        return ""

    def _pull(self, arguments: list[str], **_: bool) -> str:
        reference = arguments[-1]
        if reference not in self.served:
            raise CmctlError("docker pull failed", why="manifest unknown")
        self.images[reference] = f"sha256:{reference.rpartition(':')[2]}"
        return reference

    def _tag(self, arguments: list[str], **_: bool) -> str:
        self.images[arguments[2]] = arguments[1]
        return ""

    def _build(self, arguments: list[str], *, buildkit: bool) -> str:
        if buildkit and not self.buildx:
            raise CmctlError("docker build failed", why="ERROR: BuildKit is enabled but the buildx component is missing or broken.")
        tag = arguments[arguments.index("-t") + 1]
        self.images[tag] = f"sha256:built-{tag}"
        return ""

    def _run(self, arguments: list[str], **_: bool) -> str:
        return "3.11 2.36"
