"""The resources of cmctl's own provider as Pulumi programs write them. To be made inside a program, never at import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from layout.machine import Machine
from layout.release import ReleaseSpec, Target
from stacks.release_inputs import SECRET, split


class Host(pulumi.CustomResource):
    """One machine, made as `machine` says (only looked at without one); `facts` are engine, os, memory_mb and cpus."""

    facts: pulumi.Output[Mapping[str, Any]]

    def __init__(self, name: str, target: Target, machine: Machine | None = None, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {"name": name, "target": target.model_dump(mode="json"), "facts": None}
        if machine is not None:
            props |= {"machine": machine.model_dump(mode="json"), "strangers": None}
        super().__init__("cmctl:index:Host", name, props, opts)


class Release(pulumi.CustomResource):
    """One version of a layer on all its hosts; `release` is its id, `slot` the live slot (empty for layers without slots)."""

    release: pulumi.Output[str]
    slot: pulumi.Output[str]
    problems: pulumi.Output[Mapping[str, Mapping[str, str]]]

    def __init__(self, name: str, spec: ReleaseSpec, opts: pulumi.ResourceOptions | None = None) -> None:
        plain, secret = split(spec)
        props = {**plain, SECRET: pulumi.Output.secret(secret), "release": None, "slot": None, "problems": None}
        hidden = pulumi.ResourceOptions(additional_secret_outputs=[SECRET])
        super().__init__("cmctl:index:Release", name, props, pulumi.ResourceOptions.merge(hidden, opts))


class Password(pulumi.CustomResource):
    """A random password kept in the state; another `generation` makes another one."""

    value: pulumi.Output[str]

    def __init__(self, name: str, *, generation: int = 1, opts: pulumi.ResourceOptions | None = None) -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(
            "cmctl:index:Password", name, {"generation": generation, "value": None}, pulumi.ResourceOptions.merge(hidden, opts)
        )
