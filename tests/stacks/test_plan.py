from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from stacks.plan import SECRET, SIGNATURE, Field, change, keys

URN = "urn:pulumi:shop-test-phase2::cmctl::cmctl:index:Release::shop-test-phase2"
HIDDEN = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}
FILE = 'bundles["app-1"].files["base/nginx/nginx.conf"]'


def event(op: str, *, key: str = "resourcePreEvent", urn: str = URN, old: Any = None, new: Any = None, diff: Any = None) -> EngineEvent:
    state = {
        name: {"type": "t", "urn": urn, "inputs": values, "outputs": values}
        for name, values in (("old", old), ("new", new))
        if values is not None
    }
    metadata = {"op": op, "urn": urn, "type": urn.split("::")[2], "provider": "", "detailedDiff": diff, **state}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, key: {"metadata": metadata, "planning": True}})


def files(text: str) -> dict[str, Any]:
    return {"bundles": {"app-1": {"files": {"base/nginx/nginx.conf": text}}}, "secretFiles": HIDDEN, "port": 80, "list": [{"a": "1"}]}


def test_a_changed_file_has_both_texts() -> None:
    """The plan holds a file's old and new text, so that a person can be shown the lines."""
    found = change(event("update", old=files("a\n"), new=files("b\n"), diff={FILE: {"diffKind": "update", "inputDiff": True}}))
    assert found is not None
    assert (found.operation, found.resource.name, found.resource.kind) == ("update", "shop-test-phase2", "cmctl:index:Release")
    assert found.fields == (Field(FILE, "update", "a\n", "b\n"),)
    assert found.fields[0].keys == ("bundles", "app-1", "files", "base/nginx/nginx.conf")


def test_a_secret_is_a_key_without_a_value() -> None:
    """A changed secret file is in the plan by name; its value is not, neither old nor new."""
    path = 'secretFiles["app-1"]["secrets/JWT_SECRET"]'
    found = change(event("update", old=files("a"), new=files("a"), diff={path: {"diffKind": "update", "inputDiff": True}}))
    assert found is not None
    assert found.fields == (Field(path, "update", SECRET, SECRET),)
    assert found.fields[0].secret
    assert found.inputs is not None
    assert found.inputs["secretFiles"] == SECRET


def test_drift_is_marked() -> None:
    """What differs from what was left is told apart from what differs from what was asked."""
    found = change(
        event("update", old={"problems": {"h": {"c": "exited"}}}, new={"problems": {}}, diff={'problems["h"]["c"]': {"diffKind": "delete"}})
    )
    assert found is not None
    assert found.fields == (Field('problems["h"]["c"]', "delete", "exited", None, drift=True),)


def test_values_in_lists_are_found() -> None:
    """A path through a list leads to its value."""
    new = files("a") | {"list": [{"a": "2"}]}
    found = change(event("update", old=files("a"), new=new, diff={"list[0].a": {"diffKind": "update", "inputDiff": True}}))
    assert found is not None
    assert (found.fields[0].old, found.fields[0].new) == ("1", "2")


@pytest.mark.parametrize("op", ["same", "refresh", "read"])
def test_what_does_not_change_is_not_in_the_plan(op: str) -> None:
    """Unchanged and merely read resources are no changes; neither are the stack and its providers."""
    assert change(event(op)) is None
    assert change(event("create", urn="urn:pulumi:s::cmctl::pulumi:pulumi:Stack::cmctl-s")) is None


def test_a_refresh_tells_its_findings_at_the_end() -> None:
    """What a refresh found stands in the events after the reading, not in those before it."""
    found = event("update", key="resOutputsEvent", old=files("a"), new=files("b"), diff={FILE: {"diffKind": "update", "inputDiff": True}})
    assert change(found) is None
    assert change(found, refreshed=True) is not None


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("version", ("version",)),
        ('images["nginx"]', ("images", "nginx")),
        ("replicationSpecs[0].regionConfigs[1].priority", ("replicationSpecs", "0", "regionConfigs", "1", "priority")),
        ('files["a.b[0]\\"c"]', ("files", 'a.b[0]"c')),
        ('files[""]', ("files", "")),
    ],
)
def test_paths_are_taken_apart(path: str, parts: tuple[str, ...]) -> None:
    """The engine's property paths become their parts, quoted or not."""
    assert keys(path) == parts
