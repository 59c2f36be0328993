"""What every object of the program shares: provider, namespace, labels, and the order in which things are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from stacks.kubernetes.labels import MANAGED_BY, NAME, PART_OF, TRACK, VERSION
from stacks.kubernetes.spec import STABLE, ClusterSpec


@dataclass
class Scope:
    """One run of the program. `ground`: what has to be there before anything else of the namespace."""

    spec: ClusterSpec
    provider: k8s.Provider
    ground: list[pulumi.Resource] = field(default_factory=list)
    made: list[pulumi.Resource] = field(default_factory=list)

    def meta(
        self, name: str, *, version: str = "", annotations: Mapping[str, str] | None = None, everywhere: bool = False
    ) -> ObjectMetaArgs:
        """Metadata of an object of the namespace, or (`everywhere`) of the cluster."""
        labels = {NAME: name, PART_OF: self.spec.plan.platform.name, MANAGED_BY: "cmctl", **({VERSION: version} if version else {})}
        return ObjectMetaArgs(
            name=name, namespace=None if everywhere else self.spec.namespace, labels=labels,
            annotations=dict(annotations) if annotations else None,
        )  # fmt: skip

    def pod_labels(self, name: str, *, track: str = STABLE) -> dict[str, str]:
        """Labels that pods are selected by; they never change, because a Deployment's selector cannot."""
        return {NAME: name, PART_OF: self.spec.plan.platform.name, TRACK: track}

    def selector(self, name: str, *, track: str | None = STABLE) -> LabelSelectorArgs:
        labels = self.pod_labels(name, track=track or STABLE)
        return LabelSelectorArgs(match_labels=labels if track else {key: value for key, value in labels.items() if key != TRACK})

    def after(self, *others: pulumi.Resource, **more: Any) -> pulumi.ResourceOptions:
        """Options of an object: the phase's provider, after the ground and `others`."""
        return pulumi.ResourceOptions(provider=self.provider, depends_on=[*self.ground, *others], **more)

    def keep(self, *resources: pulumi.Resource) -> None:
        """What the release's record waits for."""
        self.made += resources
