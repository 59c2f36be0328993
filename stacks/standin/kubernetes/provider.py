"""The plugin that plays pulumi-kubernetes: the same tokens, the same configuration, a real API server behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2  # type: ignore[import-untyped]
from google.rpc import status_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from errors import CmctlError
from stacks import wire
from stacks.kubernetes import kubeconfig
from stacks.kubernetes.api import Api
from stacks.provider.engine_log import EngineLog
from stacks.provider.resource import Resource
from stacks.provider.service import Provider, difference_answer, tells_errors
from stacks.provider.tasks import Tasks
from stacks.provider.values import plain, struct
from stacks.standin.kubernetes import objects
from stacks.standin.kubernetes.rendering import Rendered
from stacks.standin.kubernetes.resource import AUTONAMED, Object, Options
from stacks.standin.kubernetes.waiting import NotReady

# Configuration that would be ignored in silence is refused: a program that relies on it must not seem to work.
UNPLAYED = ("cluster", "deleteUnreachable", "helmReleaseSettings", "skipUpdateUnreachable")
# Tokens under `kubernetes:` that are no objects of the API.
NO_OBJECTS = ("kubernetes:helm.sh/", "kubernetes:yaml", "kubernetes:kustomize", "kubernetes:index:")


class Tokens(Mapping[str, Resource]):
    """Every object token leads to the one resource; the rest is unknown, as charts and YAML components are."""

    def __init__(self) -> None:
        self.one: Resource | None = None

    def __contains__(self, token: object) -> bool:
        return str(token).startswith("kubernetes:") and not str(token).startswith(NO_OBJECTS) and not str(token).endswith(("Patch", "List"))

    def __getitem__(self, token: str) -> Resource:
        if self.one is None:
            raise CmctlError("the kubernetes provider is not configured")
        return self.one

    def __iter__(self) -> Iterator[str]:
        return iter(("objects of the Kubernetes API",))

    def __len__(self) -> int:
        return 1


class Kubernetes(Provider):
    def __init__(self, version: str, tasks: Tasks, log: EngineLog) -> None:
        self._tokens = Tokens()
        super().__init__(self._tokens, version, tasks, log)

    @tells_errors
    def Configure(self, request: Any, context: Any) -> Any:
        del context
        given = {key: value for key, value in plain(request.args).items() if value not in {None, "", "false"}}
        unplayed = [name for name in UNPLAYED if name in given]
        if unplayed or str(given.get("enableServerSideApply", "true")) == "false":
            raise CmctlError(
                f"the stand-in for kubernetes does not play {', '.join(unplayed) or 'client-side apply'}", read="docs/stand-ins.md"
            )
        self._tokens.one = _resource(given)
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False)

    def Cancel(self, request: Any, context: Any) -> Any:
        if isinstance(self._tokens.one, Object):
            self._tokens.one.waiter.cancel()
        return super().Cancel(request, context)

    @tells_errors
    def DiffConfig(self, request: Any, context: Any) -> Any:
        """Another cluster means other objects; another path to the same one means nothing."""
        del context
        old, new = plain(request.olds), plain(request.news)
        moved = old.get("clusterIdentifier") != new.get("clusterIdentifier")
        changed = {key for key in {*old, *new} if key != "version" and old.get(key) != new.get(key)}
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=sorted(changed), replaces=["clusterIdentifier"] if moved else [])

    @tells_errors
    def Diff(self, request: Any, context: Any) -> Any:
        """A new object under the same name can only be made when the old one is gone."""
        del context
        old, new = plain(request.old_inputs), plain(request.news)
        found = self._resource(request.urn).difference(old, plain(request.olds), new)
        answer = difference_answer(found, request.ignoreChanges)
        metadata = new.get("metadata") or {}
        kept = metadata.get("name") == (old.get("metadata") or {}).get("name")
        autonamed = (metadata.get("annotations") or {}).get(AUTONAMED) == "true"
        answer.deleteBeforeReplace = bool(answer.replaces) and kept and not autonamed
        return answer

    @tells_errors
    def Create(self, request: Any, context: Any) -> Any:
        resource, inputs = self._resource(request.urn), plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=struct(resource.preview(inputs, {})))
        try:
            made, outputs = resource.create(inputs, self._log.report(request.urn))
        except NotReady as error:
            return _made_but(error, _name(error.live), inputs, context)
        return provider_pb2.CreateResponse(id=made, properties=struct(outputs))

    @tells_errors
    def Update(self, request: Any, context: Any) -> Any:
        resource, inputs, old = self._resource(request.urn), plain(request.news), plain(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=struct(resource.preview(inputs, old)))
        try:
            outputs = resource.update(request.id, old, inputs, self._log.report(request.urn))
        except NotReady as error:
            return _made_but(error, request.id, inputs, context)
        return provider_pb2.UpdateResponse(properties=struct(outputs))

    def Attach(self, request: Any, context: Any) -> Any:
        del request, context
        return empty_pb2.Empty()


def _resource(given: Mapping[str, Any]) -> Resource:
    def yes(name: str) -> bool:
        return str(given.get(name, "")).lower() == "true"

    if given.get("renderYamlToDirectory"):
        return Rendered(Path(str(given["renderYamlToDirectory"])))
    if not given.get("context"):
        raise CmctlError("the stand-in for kubernetes wants a context by name", why="the kubeconfig's current one may be anybody's")
    text = str(given.get("kubeconfig") or "")
    if "\n" in text or text.lstrip().startswith("{"):
        raise CmctlError("the stand-in for kubernetes wants the kubeconfig's path, not its content", why="content would lie in the state")
    connection = kubeconfig.connect(str(given["context"]), text)
    options = Options(
        namespace=str(given.get("namespace") or connection.namespace), mutable_config_maps=yes("enableConfigMapMutable"),
        mutable_secrets=yes("enableSecretMutable"), force=yes("enablePatchForce"), upsert=yes("upsertExistingObjects"),
    )  # fmt: skip
    return Object(Api(connection), options)


def _name(live: Mapping[str, Any]) -> str:
    metadata = live["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])


def _made_but(error: NotReady, made: str, inputs: Mapping[str, Any], context: Any) -> Any:
    """The engine shall know that the object is there, and that it is not ready: the next run looks at it again."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=made, properties=struct(objects.outputs(error.live)), inputs=struct(dict(inputs)), reasons=[wire.encode_error(error)]
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=wire.encode_error(error), details=[packed])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    return context.abort(grpc.StatusCode.UNKNOWN, wire.encode_error(error))
