"""The way from the provider to the engine's own log, where cmctl and the CLI's display read it."""

from __future__ import annotations

from dataclasses import asdict

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from hosts.events import Report, StepEvent
from stacks import wire


class EngineLog:
    """Messages of one engine run. Until the engine has told its address they are dropped."""

    def __init__(self) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None

    def connect(self, address: str) -> None:
        if address and self._stub is None:
            self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))

    def report(self, urn: str) -> Report:
        """A report whose events appear as the log of one resource."""

        def send(event: StepEvent) -> None:
            self._send(urn, wire.encode(_sentence(event), asdict(event)))

        return send

    def _send(self, urn: str, message: str) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=engine_pb2.LogSeverity.INFO, message=message, urn=urn, ephemeral=True)
        try:
            self._stub.Log(request, timeout=2)
        except grpc.RpcError:
            # An engine that ends does not listen any more; the work on the hosts is not stopped by that.
            return


def _sentence(event: StepEvent) -> str:
    place = f"{event.number}/{event.total} {event.step}" if event.total else event.step
    return f"{place}: {event.detail}" if event.detail else f"{place} …" if event.state == "begin" else place
