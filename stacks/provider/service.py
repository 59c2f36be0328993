"""The provider as the engine calls it: requests to resources, answers and errors back. Values arrive and leave as plain dicts."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from errors import CmctlError
from stacks import wire
from stacks.provider.difference import Kind
from stacks.provider.engine_log import EngineLog
from stacks.provider.resource import Difference, Resource
from stacks.provider.tasks import Tasks
from stacks.provider.values import plain, struct

Call = TypeVar("Call", bound=Callable[..., Any])
KINDS = {
    "add": provider_pb2.PropertyDiff.ADD,
    "delete": provider_pb2.PropertyDiff.DELETE,
    "update": provider_pb2.PropertyDiff.UPDATE,
}
REPLACING = {
    "add": provider_pb2.PropertyDiff.ADD_REPLACE,
    "delete": provider_pb2.PropertyDiff.DELETE_REPLACE,
    "update": provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def tells_errors(call: Call) -> Call:
    """A CmctlError leaves as a gRPC status that cmctl can read back; anything else as a fault of the provider itself."""

    @functools.wraps(call)
    def guarded(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return call(self, request, context)
        except CmctlError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the boundary of this process: the engine shall hear of every fault
            traceback.print_exc(file=sys.stderr)
            failure = CmctlError(f"cmctl's provider itself failed: {type(error).__name__}: {error}", why="this is a bug in cmctl")
        return context.abort(grpc.StatusCode.UNKNOWN, wire.encode_error(failure))

    return guarded  # type: ignore[return-value]


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """`resources`: type token → what answers for it; `version`: the plugin's own."""

    def __init__(self, resources: Mapping[str, Resource], version: str, tasks: Tasks, log: EngineLog) -> None:
        self._version = version
        self._resources = resources
        self._tasks = tasks
        self._log = log

    def Handshake(self, request: Any, context: Any) -> Any:
        del context
        self._log.connect(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=False, accept_resources=False, accept_outputs=False)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        del request, context
        return plugin_pb2.PluginInfo(version=self._version)

    def Configure(self, request: Any, context: Any) -> Any:
        del request, context
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        del request, context
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Cancel(self, request: Any, context: Any) -> Any:
        """The engine was interrupted: what runs takes itself back, and answers when it has."""
        del request, context
        self._tasks.cancel()
        return empty_pb2.Empty()

    @tells_errors
    def Check(self, request: Any, context: Any) -> Any:
        del context
        name = request.urn.split("::", 3)[3]
        checked = self._resource(request.urn).check(name, plain(request.olds), plain(request.news))
        failures = [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in checked.problems.items()]
        return provider_pb2.CheckResponse(inputs=struct(checked.inputs), failures=failures)

    @tells_errors
    def Diff(self, request: Any, context: Any) -> Any:
        del context
        found = self._resource(request.urn).difference(plain(request.old_inputs), plain(request.olds), plain(request.news))
        return difference_answer(found, request.ignoreChanges)

    @tells_errors
    def Create(self, request: Any, context: Any) -> Any:
        del context
        resource, inputs = self._resource(request.urn), plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=struct(resource.preview(inputs, {})))
        made, outputs = resource.create(inputs, self._log.report(request.urn))
        return provider_pb2.CreateResponse(id=made, properties=struct(outputs))

    @tells_errors
    def Update(self, request: Any, context: Any) -> Any:
        del context
        resource, inputs, old = self._resource(request.urn), plain(request.news), plain(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=struct(resource.preview(inputs, old)))
        return provider_pb2.UpdateResponse(properties=struct(resource.update(request.id, old, inputs, self._log.report(request.urn))))

    @tells_errors
    def Read(self, request: Any, context: Any) -> Any:
        del context
        found = self._resource(request.urn).read(request.id, plain(request.inputs), plain(request.properties))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, inputs=struct(found.inputs), properties=struct(found.outputs))

    @tells_errors
    def Delete(self, request: Any, context: Any) -> Any:
        del context
        self._resource(request.urn).delete(request.id, plain(request.old_inputs), self._log.report(request.urn))
        return empty_pb2.Empty()

    def _resource(self, urn: str) -> Resource:
        kind = urn.split("::")[2].rpartition("$")[2]
        if kind not in self._resources:
            raise CmctlError(f"this provider has no resource {kind}", why=f"it has {', '.join(sorted(self._resources))}")
        return self._resources[kind]


def difference_answer(found: Difference, ignored: list[str]) -> Any:
    """A Difference as the engine's DiffResponse, with one entry per path."""
    inputs = {path: kind for path, kind in found.inputs.items() if _top(path) not in ignored}
    detailed = {path: _entry(kind, replacing=path in found.replaces, of_inputs=True) for path, kind in inputs.items()}
    detailed |= {path: _entry(kind, replacing=False, of_inputs=False) for path, kind in found.state.items()}
    some = provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE
    tops = sorted({_top(path) for path in detailed})
    return provider_pb2.DiffResponse(changes=some, diffs=tops, replaces=list(found.replaces), detailedDiff=detailed, hasDetailedDiff=True)


def _entry(kind: Kind, *, replacing: bool, of_inputs: bool) -> Any:
    return provider_pb2.PropertyDiff(kind=(REPLACING if replacing else KINDS)[kind], inputDiff=of_inputs)


def _top(path: str) -> str:
    return path.partition("[")[0].partition(".")[0]
