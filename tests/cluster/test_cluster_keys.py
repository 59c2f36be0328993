"""The lab cluster's keys and kubeconfig files."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tools.cluster import keys
from tools.cluster.place import Place


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("cluster"), 2)
    keys.write(place)
    return place


def certificate(place: Place, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((place.keys / f"{name}.crt").read_bytes())


def test_every_certificate_is_signed_by_its_authority(made: Place) -> None:
    """Clients are signed by the cluster's authority, the aggregator's client by the front-proxy authority and by no other."""
    authority, front = certificate(made, "authority"), certificate(made, "front-authority")
    for name in ("serving", *keys.CLIENTS):
        certificate(made, name).verify_directly_issued_by(authority)
    certificate(made, "front-client").verify_directly_issued_by(front)
    with pytest.raises(ValueError, match=r"[Ii]ssuer"):
        certificate(made, "front-client").verify_directly_issued_by(authority)


def test_certificates_say_who_kubernetes_takes_them_for(made: Place) -> None:
    """CN is the user and O the groups that Kubernetes' built-in roles name."""
    subject = certificate(made, "node").subject
    assert [part.value for part in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["system:node:real-1"]
    assert [part.value for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["system:nodes"]
    assert not certificate(made, "scheduler").subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)


def test_the_serving_certificate_covers_every_way_in(made: Place) -> None:
    """The API server is reached by address and by Service name, metrics-server by the aggregator's name for it."""
    names = certificate(made, "serving").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {made.address, made.first_service} <= {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    assert {"kubernetes.default.svc", "metrics-server.kube-system.svc"} <= set(names.get_values_for_type(x509.DNSName))


def test_the_persons_kubeconfig_has_one_context_and_no_current_one(made: Place) -> None:
    """A bare kubectl with this file reaches nothing: the context has to be named."""
    said = json.loads(made.kubeconfig.read_text())
    assert [one["name"] for one in said["contexts"]] == ["cmctl-lab"]
    assert said["current-context"] == ""
    assert said["clusters"][0]["cluster"]["server"] == made.server
    client = x509.load_pem_x509_certificate(base64.b64decode(said["users"][0]["user"]["client-certificate-data"]))
    assert client == certificate(made, "admin")


def test_nobody_else_can_read_a_key(made: Place) -> None:
    """Every file with a key in it is its owner's alone."""
    for path in (*made.keys.iterdir(), *made.run.iterdir(), made.kubeconfig):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_new_cluster_gets_new_keys(made: Place, tmp_path: Path) -> None:
    """What was signed for one cluster opens no other."""
    other = Place(tmp_path, 2)
    keys.write(other)
    assert certificate(made, "authority") != certificate(other, "authority")
