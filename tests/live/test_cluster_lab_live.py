"""`cmctl cluster up`, then phase 3 in the environment `lab`: the commands that the README names, as a person types them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.live.driver import ROOT, Driver
from tools.cluster import Cluster, documents
from tools.cluster.place import Place

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="a lab cluster needs root")]
# A person's own cluster may run beside this one.
NUMBER = 28
FOLDER = f"cluster-{NUMBER}"
PHASE = ("--phase", "3")


class Lab(Driver):
    """environments/lab.yaml, with the folder of this cluster's number."""

    def facts(self) -> dict[str, Any]:
        facts = dict(yaml.safe_load((ROOT / "environments" / "lab.yaml").read_text(encoding="utf-8")))
        assert facts["cluster"]["kubeconfig"] == "cluster/kubeconfig"
        return {**facts, "cluster": {**facts["cluster"], "kubeconfig": f"{FOLDER}/kubeconfig"}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    one = Lab(tmp_path_factory.mktemp("lab"), name="lab", extra={"CMCTL_CLUSTER_NUMBER": str(NUMBER)})
    try:
        yield one
    finally:
        one.must("cluster", "down")


def cluster(lab: Lab) -> Cluster:
    return Cluster(Place(lab.home / FOLDER, NUMBER))


def test_1_without_a_cluster_the_way_to_one(lab: Lab) -> None:
    """Exit 7 and the command that starts one, whatever is asked of phase 3."""
    for words in (("deploy", *PHASE, "--yes"), ("preview", *PHASE), ("status", *PHASE), ("rollback", *PHASE, "--yes"), ("cluster", "load")):
        answer = lab.run(*words)
        assert (answer.code, "cmctl cluster up" in answer.err) == (7, True), answer.err


def test_2_what_is_missing_comes_in_one_list(lab: Lab) -> None:
    """No GatewayClass, no metrics API, no rights: one list with the commands that show each, exit 2, and nothing is applied."""
    up = lab.must("cluster", "up", "--json").document
    api = cluster(lab).api
    api.delete(f"/apis/{documents.GATEWAY_API}/gatewayclasses/{documents.GATEWAY_CLASS}")
    api.delete(f"/apis/apiregistration.k8s.io/v1/apiservices/{documents.METRICS_API}")
    answer = lab.run("deploy", *PHASE, "--yes")
    print(f"\ncluster up {up['seconds']['ready']:.1f} s\n{answer.err}")
    assert answer.code == 2
    for said in (
        "there is no GatewayClass cmctl-lab",
        "there is no metrics API",
        "get gatewayclass",
        "get apiservice",
        "nothing was applied",
    ):
        assert said in answer.err
    put_back(lab)
    answer = lab.run("deploy", *PHASE, "--yes", KUBECONFIG="")
    assert answer.code == 0, answer.err


def put_back(lab: Lab) -> None:
    one = cluster(lab)
    one.api.call("POST", f"/apis/{documents.GATEWAY_API}/gatewayclasses", documents.gateway_class())
    for document in documents.metrics_api((one.place.keys / "authority.crt").read_text(encoding="utf-8")):
        one.api.apply(document)


def test_3_a_stranger_is_told_every_right_that_is_missing(lab: Lab, tmp_path: Path) -> None:
    """A service account without rights: one list of verbs and kinds, exit 2, and what runs is not touched."""
    one = cluster(lab)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    token = one.api.call("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", asked)["status"]["token"]
    authority = base64.b64encode((one.place.keys / "authority.crt").read_bytes()).decode()
    stranger = {
        "contexts": [{"name": "cmctl-lab", "context": {"cluster": "lab", "user": "stranger"}}],
        "clusters": [{"name": "lab", "cluster": {"server": one.place.server, "certificate-authority-data": authority}}],
        "users": [{"name": "stranger", "user": {"token": token}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(stranger), encoding="utf-8")
    facts = lab.facts()
    lab.write_environment({**facts, "cluster": {**facts["cluster"], "kubeconfig": str(path)}})
    answer = lab.run("deploy", *PHASE, "--version", "9.9.9", "--yes")
    lab.write_environment(facts)
    print(f"\n{answer.err}")
    assert answer.code == 2
    for said in ("missing permission: create, patch, delete, get secrets", "get deployments.apps", "auth can-i --list", "cannot be read"):
        assert said in answer.err
    assert lab.must("status", *PHASE, "--json").document["version"] == "1.0.0"


def test_4_a_cluster_made_anew_gets_all_of_it(lab: Lab) -> None:
    """The engine remembers what a cluster had that is gone: the deploy looks, finds nothing there, and brings everything."""
    assert lab.must("deploy", *PHASE, "--yes", "--json").document["changed"] is False
    lab.must("cluster", "down")
    assert lab.run("destroy", *PHASE, "--yes").code == 7
    lab.must("cluster", "up")
    assert lab.must("deploy", *PHASE, "--yes", "--json").document["changed"] is True
    assert len(cluster(lab).api.items("/apis/apps/v1/namespaces/codementee-lab/deployments")) == 4
    assert lab.must("deploy", *PHASE, "--yes", "--json").document["changed"] is False


def test_5_destroy_leaves_nothing(lab: Lab) -> None:
    """A simulated node takes no images; destroy leaves no namespace."""
    refused = lab.run("cluster", "load")
    assert (refused.code, "no real node" in refused.err) == (7, True)
    lab.must("destroy", *PHASE, "--yes")
    assert cluster(lab).api.find("/api/v1/namespaces/codementee-lab") is None
