"""Pulumi programs run without an engine: what they ask for, as the engine would hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, rpc


@dataclass
class Objects(mocks.Mocks):
    """Kubernetes objects that a program asks for, in order, secrets unwrapped; `hidden`: names of Secrets that were marked secret."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    providers: list[dict[str, Any]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    loops: list[asyncio.AbstractEventLoop] = field(default_factory=list)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = {key: self._plain(args.name, value) for key, value in args.inputs.items()}
        if args.typ.startswith("pulumi:providers:"):
            self.providers.append(inputs)
        else:
            self.objects.append(inputs)
        return f"{args.name}-id", inputs

    def _plain(self, name: str, value: Any) -> Any:
        if rpc.is_rpc_secret(value):
            self.hidden.add(name)
            return rpc.unwrap_rpc_secret(value)
        return value

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"no program calls {args.token}")

    def loop(self) -> asyncio.AbstractEventLoop:
        """The SDK's mocks open a loop in every thread and close none."""
        self.loops.append(asyncio.SelectorEventLoop())
        return self.loops[-1]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Name → object of one kind."""
        return {one["metadata"]["name"]: one for one in self.objects if one["kind"] == kind}


def asked(program: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Objects:
    """Run `program` and return what it asked for; every loop that the SDK opened on the way is closed."""
    found = Objects()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "new_event_loop", found.loop)
            asyncio.set_event_loop(found.loop())
            mocks.set_mocks(found, project="cmctl", stack="test", preview=False)
            patch.setattr(pulumi, "export", lambda *_: None)
            pulumi.runtime.test(program)()
            return found
    finally:
        asyncio.set_event_loop(None)
        for loop in found.loops:
            loop.close()
