"""`cmctl cert` on a standing phase: stop-gap, first certificate, renewal, delivery; the authority and the balancer are real."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.certificates import certificate
from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from hosts import door
from phases.load import load as load_platform
from stacks.deployment import Wish, prepare
from templates import names
from tools.acme_server import acme_server

pytestmark = pytest.mark.live
CMCTL = str(Path(sys.executable).with_name("cmctl"))
HTTP, HTTPS, ACME = 18681, 18682, 18685
NAME = "layoutcert"


@dataclass
class Ground:
    variables: dict[str, str]

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        done = subprocess.run(
            [CMCTL, *arguments, "--env", NAME, "--json"], capture_output=True, text=True, check=False, timeout=240, env=os.environ | self.variables
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout.split("\n}\n")[0] + "\n}") if done.stdout.strip() else {}, done.stderr


def served() -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", HTTPS), 5) as plain, context.wrap_socket(plain, server_hostname="cmctl.test") as tls:
        return tls.getpeercert(binary_form=True) or b""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Phase 0 of Codementee stands with a stop-gap, and an authority that asks for proofs at its load balancer's port."""
    folder = tmp_path_factory.mktemp("cert")
    folder.chmod(0o755)
    own = certificate(load_environment("local", ENVIRONMENTS), ["localhost"], folder / "server")
    with (
        acme_server(folder, (own.chain, own.key, own.authority), ACME, HTTP, print, days=20) as authority,
        pytest.MonkeyPatch.context() as patch,
    ):
        facts = yaml.safe_load((ENVIRONMENTS / "local.yaml").read_text(encoding="utf-8"))
        facts |= {"name": NAME, "domain": "cmctl.test", "network": "10.89.93.0/24"}
        facts["listen"] |= {"http": HTTP, "https": HTTPS, "prometheus": HTTPS + 1}
        facts["providers"] |= {"edge": "cloudflare"}
        facts["tls"] = {"from": "acme", "directory": authority.directory, "trust": str(authority.trust)}
        (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(facts), encoding="utf-8")
        variables = {"CMCTL_ENVIRONMENTS": str(folder), "CMCTL_HOME": str(folder / "home")}
        for name, value in variables.items():
            patch.setenv(name, value)
        specs = prepare(Wish("codementee", 0, NAME), print).specs
        hosts = next(iter(specs.values())).hosts
        try:
            for spec in specs.values():
                door.apply_now(spec)
            yield Ground(variables)
        finally:
            network = names.network(load_platform("codementee").platform, load_environment(NAME))
            for spec in reversed(specs.values()):
                door.remove_now(spec.stack, hosts, network)


def test_from_stopgap_to_certificate_and_on(ground: Ground) -> None:
    """status refuses the stop-gap; renew gets a real one, which the next handshake has; again is nothing to do; by force is another."""
    code, document, err = ground.run("cert", "status")
    assert code == 3, err
    assert "a stop-gap that no browser trusts" in document["certificates"][0]["problems"]
    first = served()

    code, document, err = ground.run("cert", "renew")
    assert code == 0, err
    assert (document["issued"], document["hosts"]) == (True, [f"codementee-{NAME}-phase0 local"])
    second = served()
    assert second != first

    code, document, err = ground.run("cert", "renew")
    assert (code, document["issued"], document["hosts"]) == (0, False, []), err
    code, document, err = ground.run("cert", "renew", "--force")
    assert (code, document["issued"]) == (0, True), err
    assert served() not in {first, second}
    code, document, err = ground.run("cert", "status")
    assert code == 0, err
    assert document["certificates"][0]["problems"] == []


def test_a_deploy_changes_nothing_of_it(ground: Ground) -> None:
    """A deploy after a renewal keeps the certificate; a colleague without it here takes it from the hosts."""
    before = served()
    (Path(ground.variables["CMCTL_HOME"]) / "tls" / NAME / "acme.pem").unlink()
    specs = prepare(Wish("codementee", 0, NAME), print).specs
    for spec in specs.values():
        assert door.apply_now(spec).changed is False
    assert served() == before
