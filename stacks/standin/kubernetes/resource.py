"""Any object of any kind: checked, previewed by a dry run, applied by the server, awaited, read back, deleted."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from errors import BadInput, CmctlError, Unreachable
from hosts.events import Report
from stacks.kubernetes.api import APPLY, Api, Document, Kind, Refused
from stacks.provider.difference import difference
from stacks.provider.resource import Checked, Difference, Found, Values
from stacks.standin.kubernetes import objects, rules
from stacks.standin.kubernetes.objects import named
from stacks.standin.kubernetes.waiting import Waiter

MANAGER = "pulumi-kubernetes"
AUTONAMED, FORCE, PROPAGATION = "pulumi.com/autonamed", "pulumi.com/patchForce", "pulumi.com/deletionPropagationPolicy"
NAME_HEX = 8


@dataclass(frozen=True)
class Options:
    """Of the provider's configuration what changes how objects are treated."""

    namespace: str = "default"
    mutable_config_maps: bool = False
    mutable_secrets: bool = False
    force: bool = False
    upsert: bool = False


class Object:
    """All kinds; an object's own apiVersion and kind say how it is reached."""

    def __init__(self, api: Api, options: Options) -> None:
        self._api, self._options = api, options
        self.waiter = Waiter(api)

    def check(self, name: str, old_inputs: Values, inputs: Values) -> Checked:
        """Names what has no name, puts into the provider's namespace what has none, refuses what is no object."""
        wanted = objects.clean(inputs)
        problems = {key: "is missing" for key in ("apiVersion", "kind") if not wanted.get(key)}
        metadata = dict(wanted.get("metadata") or {})
        if not metadata.get("name") and not metadata.get("generateName"):
            former = (old_inputs.get("metadata") or {}).get("name")
            metadata["name"] = former or f"{name}-{secrets.token_hex(4)[:NAME_HEX]}"
            metadata["annotations"] = {**(metadata.get("annotations") or {}), AUTONAMED: "true"}
        kind = None if problems else self._kind(wanted)
        if kind and kind.namespaced and not metadata.get("namespace"):
            metadata["namespace"] = self._options.namespace
        if kind and not kind.namespaced and metadata.get("namespace"):
            problems["metadata.namespace"] = f"{kind.kind} lies in no namespace"
        return Checked({**wanted, "metadata": metadata}, problems)

    def difference(self, old_inputs: Values, old: Values, inputs: Values) -> Difference:
        del old
        found = difference(objects.clean(old_inputs), objects.clean(inputs))
        kind = str(inputs.get("kind"))
        mutable = self._options.mutable_config_maps if kind == "ConfigMap" else self._options.mutable_secrets
        frozen = old_inputs.get("immutable") is True
        return Difference(found, replaces=rules.replacing(kind, found, mutable=mutable, immutable=frozen))

    def preview(self, inputs: Values, old: Values) -> Values:
        """The server's own answer to a dry run; where it cannot be asked yet, what is known."""
        wanted = objects.clean(inputs)
        if objects.holds_unknown(wanted):
            return wanted if not old else {**old, **wanted}
        kind = self._kind(wanted)
        if kind is None:
            # Its definition may be made by the same program.
            return wanted
        try:
            planned = self._apply(kind, wanted, dry=True)
        except Refused as error:
            if error.code == 404:
                # The namespace may be made by the same program.
                return wanted
            raise
        return objects.foreseen(planned, exists=bool(old))

    def create(self, inputs: Values, report: Report) -> tuple[str, Values]:
        wanted = objects.clean(inputs)
        kind = self._known(wanted)
        if not self._options.upsert and self._api.find(self._path(kind, wanted)) is not None:
            raise CmctlError(
                f"{named(wanted)} exists already", why="it was made by another hand", hint="pulumi import, or upsertExistingObjects"
            )
        live = self._apply(kind, wanted)
        return _id(wanted), self._ready(kind, live, report)

    def update(self, made: str, old: Values, inputs: Values, report: Report) -> Values:
        del made, old
        wanted = objects.clean(inputs)
        kind = self._known(wanted)
        return self._ready(kind, self._apply(kind, wanted), report)

    def _ready(self, kind: Kind, live: Document, report: Report) -> Values:
        return objects.outputs(self.waiter.ready(live, self._path(kind, live), report))

    def read(self, made: str, inputs: Values, old: Values) -> Found | None:
        wanted = objects.clean(inputs) or objects.clean(old)
        if not wanted.get("kind"):
            raise BadInput(f"{made} cannot be read without its kind", why="this stand-in imports nothing: see docs/stand-ins.md")
        kind = self._kind(wanted)
        live = self._api.find(self._path(kind, wanted)) if kind else None
        if live is None:
            return None
        whole = {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], **live}
        return Found(objects.picked(wanted, whole), objects.outputs(whole))

    def delete(self, made: str, inputs: Values, report: Report) -> None:
        del made, report
        wanted = objects.clean(inputs)
        kind = self._kind(wanted)
        path = self._path(kind, wanted) if kind else ""
        live = self._api.find(path) if kind else None
        if live is None:
            return
        uid = live["metadata"]["uid"]
        annotations = (wanted.get("metadata") or {}).get("annotations") or {}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": annotations.get(PROPAGATION, "Background").title(),
        }
        try:
            self._api.call("DELETE", path, body)
        except Refused as error:
            if error.code not in {404, 409}:
                raise
        self.waiter.gone(path, named(wanted), uid)

    def _kind(self, wanted: Mapping[str, Any]) -> Kind | None:
        return self._api.kind(str(wanted["apiVersion"]), str(wanted["kind"]))

    def _known(self, wanted: Mapping[str, Any]) -> Kind:
        kind = self._kind(wanted)
        if kind is None:
            raise BadInput(
                f"{named(wanted)}: the cluster does not know {wanted['kind']} of {wanted['apiVersion']}",
                why="its definition is not installed", hint="kubectl api-resources",
            )  # fmt: skip
        return kind

    @staticmethod
    def _path(kind: Kind | None, wanted: Mapping[str, Any]) -> str:
        if kind is None:
            raise Unreachable(f"{named(wanted)}: the cluster does not know this kind")
        return kind.path(str(wanted["metadata"].get("namespace") or ""), str(wanted["metadata"]["name"]))

    def _apply(self, kind: Kind, wanted: Document, *, dry: bool = False) -> Document:
        """Server-side apply, with every unknown or doubled field an error. Raises what the server says."""
        force = self._options.force or (wanted["metadata"].get("annotations") or {}).get(FORCE) == "true"
        query = {"fieldManager": MANAGER, "force": str(force).lower(), "fieldValidation": "Strict", **({"dryRun": "All"} if dry else {})}
        try:
            live = self._api.call("PATCH", self._path(kind, wanted), wanted, content=APPLY, query=query)
        except Refused as error:
            raise _told(error, wanted) from error
        return {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], **live}


def _told(error: Refused, wanted: Document) -> Refused:
    """The same refusal with a way out, where one is known."""
    if error.code == 409 and "conflict" in error.message:
        error.hint = f"somebody else set these fields; to take them over: annotate the object {FORCE}=true, or take them out of the program"
    elif error.code == 403 and "quota" in error.message:
        error.hint = "raise the namespace's quota, or ask for less"
    elif error.code == 403:
        error.hint = f"kubectl auth can-i patch {wanted['kind'].lower()} -n {wanted['metadata'].get('namespace', '')}"
    error.what = f"{named(wanted)}: {error.message}"
    return error


def _id(wanted: Document) -> str:
    metadata = wanted["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
