"""Machines asked of a cloud: what the program declares, and that nothing makes them anew or lets them go by accident."""

from __future__ import annotations

from typing import Any

import pytest

from environments.cloud import CloudMachine
from environments.load import load
from errors import BadInput
from stacks import cloud_machines
from tests.stacks.test_programs import run

MACHINE: dict[str, Any] = {"provider": "hetzner", "type": "cx32", "location": "fsn1", "roles": ("app",), "ssh_keys": ("ops",)}


def asked(**changes: Any) -> Any:
    return load("lab").model_copy(update={"machines": {"app3": CloudMachine.model_validate({**MACHINE, **changes})}})


def test_a_machine_is_protected_in_both_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud itself refuses to delete or rebuild it, and its name says whose it is."""
    servers = run(cloud_machines.program("codementee", asked()), monkeypatch).of("Server")
    server = servers["app3"]
    assert (server["deleteProtection"], server["rebuildProtection"]) == (True, True)
    assert (server["name"], server["serverType"], server["image"], server["location"]) == (
        "codementee-lab-app3",
        "cx32",
        "debian-12",
        "fsn1",
    )
    assert server["labels"] == {"cmctl": "1", "platform": "codementee", "environment": "lab", "host": "app3"}


def test_the_engine_protects_it_and_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine refuses to delete it, and another image or key in the file does not make it anew."""
    options: list[Any] = []
    import pulumi_hcloud

    def note(_: str, **given: Any) -> Any:
        options.append(given["opts"])
        return type("Server", (), {"ipv4_address": "192.0.2.77"})

    monkeypatch.setattr(pulumi_hcloud, "Server", note)
    run(cloud_machines.program("codementee", asked()), monkeypatch)
    run(cloud_machines.program("codementee", asked(protect=False)), monkeypatch)
    assert [one.protect for one in options] == [True, False]
    assert {"image", "sshKeys"} <= set(options[0].ignore_changes)


def test_hosts_that_stand_there_are_never_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that only names existing machines has none to make: nothing of them is in any cloud's stack."""
    assert run(cloud_machines.program("codementee", load("lab")), monkeypatch).resources == []
    with pytest.raises(BadInput, match="asks for no machine"):
        cloud_machines.look("codementee", "lab", lambda line: None)


@pytest.mark.parametrize(
    "wrong", [{"type": "cx 32"}, {"location": "Falkenstein"}, {"image": "alpine"}, {"ssh_keys": ()}, {"roles": ()}, {"provider": "aws"}]
)
def test_what_no_cloud_would_take_is_refused(wrong: dict[str, Any]) -> None:
    """A type, place, image or provider that cannot be is refused when the file is read, not by the cloud; a key must be named."""
    with pytest.raises(ValueError, match="validation error"):
        CloudMachine.model_validate({**MACHINE, **wrong})
