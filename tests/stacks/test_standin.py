from __future__ import annotations

import importlib
import inspect
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from errors import BadInput, CmctlError
from stacks.provider.values import UNKNOWN
from stacks.standin import table
from stacks.standin.cloud import Cloud
from stacks.standin.resource import StandIn
from stacks.standin.table import Kind

CLUSTER = "mongodbatlas:index/advancedCluster:AdvancedCluster"
USER = "mongodbatlas:index/databaseUser:DatabaseUser"
RECORD = "cloudflare:index/dnsRecord:DnsRecord"
RULESET = "cloudflare:index/ruleset:Ruleset"
SERVER = "hcloud:index/server:Server"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
ACCESS = "mongodbatlas:index/projectIpAccessList:ProjectIpAccessList"
TOKENS = [(package, token) for package in table.packages() for token in table.load(package).resources]

GOOD: dict[str, dict[str, Any]] = {
    CLUSTER: {
        "projectId": "p1", "clusterType": "REPLICASET", "terminationProtectionEnabled": True,
        "replicationSpecs": [{"regionConfigs": [{"providerName": "AWS", "regionName": "EU_CENTRAL_1", "priority": 7, "electableSpecs": {"instanceSize": "M20", "nodeCount": 3}}]}],
    },
    USER: {"projectId": "p1", "authDatabaseName": "admin", "username": "app", "password": "canary", "roles": [{"roleName": "readWrite", "databaseName": "app"}]},
    ACCESS: {"projectId": "p1", "ipAddress": "192.0.2.1"},
    RECORD: {"zoneId": "z", "name": "www.example.com", "type": "A", "ttl": 1, "content": "192.0.2.1", "proxied": True},
    RULESET: {"zoneId": "z", "kind": "zone", "phase": "http_request_cache_settings", "name": "assets", "rules": [{"action": "set_cache_settings", "expression": "true"}]},
    SERVER: {"name": "app3", "serverType": "cx32", "image": "debian-12", "location": "fsn1", "sshKeys": ["ops"], "deleteProtection": True},
    SETTING: {"zoneId": "z", "settingId": "ssl", "value": "strict"},
}  # fmt: skip


def kind(token: str) -> Kind:
    return table.load(token.partition(":")[0]).resources[token]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "clouds" / "cloud.json")


def standin(token: str, cloud: Cloud) -> StandIn:
    return StandIn(token, kind(token), cloud)


def silent(_: object) -> None:
    pass


@pytest.mark.parametrize(("package", "token"), TOKENS)
def test_the_tables_agree_with_the_sdk(package: str, token: str) -> None:
    """Every field a table knows is one of the SDK's, and every field the SDK requires the table requires: a program that
    passes the stand-in asks the official plugin for nothing it does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        sdk = importlib.import_module(f"pulumi_{package}")
    arguments = inspect.signature(getattr(sdk, f"{token.rpartition(':')[2]}Args").__init__).parameters
    known = {camel(name): one.default is inspect.Parameter.empty for name, one in arguments.items() if name != "__self__"}
    declared = {name.rstrip("!"): name.endswith("!") or "!" in str(value)[:10] for name, value in kind(token).fields.items()}
    assert set(declared) <= set(known)
    assert {name for name, required in known.items() if required} <= {name for name, required in declared.items() if required}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@pytest.mark.parametrize("token", sorted(GOOD))
def test_good_inputs_pass(token: str) -> None:
    """What a right program asks for is accepted; all types are covered."""
    assert table.problems(kind(token), GOOD[token]) == {}
    assert {token for _, token in TOKENS} == set(GOOD)


BAD = [
    (CLUSTER, {"replicationSpecs": None}, "replicationSpecs", "list"),
    (CLUSTER, {"clusterType": "BIG"}, "clusterType", "REPLICASET"),
    (CLUSTER, {"diskSize": 10}, "diskSize", "no field"),
    (CLUSTER, {"replicationSpecs": [{"regionConfigs": [{"providerName": "AWS", "regionName": "X", "priority": "7"}]}]}, "replicationSpecs[0].regionConfigs[0].priority", "integer"),
    (CLUSTER, {"replicationSpecs": [{"regionConfigs": [{"providerName": "AWS", "priority": 7}]}]}, "replicationSpecs[0].regionConfigs[0].regionName", "missing"),
    (CLUSTER, {"backupEnabled": "yes"}, "backupEnabled", "boolean"),
    (ACCESS, {"cidrBlock": "192.0.2.0/24"}, "ipAddress", "exactly one"),
    (RECORD, {"ttl": 300}, "ttl", "is 1 where proxied is True"),
    (RECORD, {"priority": True}, "priority", "number"),
    (SETTING, {"value": "sometimes"}, "value", "strict"),
    (USER, {"roles": [{"roleName": "readWrite"}]}, "roles[0].databaseName", "missing"),
    (RULESET, {"phase": "sometime"}, "phase", "http_request_cache_settings"),
]  # fmt: skip


@pytest.mark.parametrize(("token", "change", "path", "word"), BAD)
def test_bad_inputs_are_named(token: str, change: dict[str, Any], path: str, word: str) -> None:
    """Unknown fields, wrong types, values and combinations are refused, each with its path and reason."""
    found = table.problems(kind(token), {**GOOD[token], **change})
    assert word in found[path]


def test_a_missing_required_field_is_named() -> None:
    """Each required field is missed when it is missing."""
    given = {name: value for name, value in GOOD[RECORD].items() if name not in {"name", "zoneId"}}
    assert table.problems(kind(RECORD), given) == {"name": "is missing", "zoneId": "is missing"}


def test_what_is_not_known_yet_passes() -> None:
    """In a preview a value that another resource will compute is accepted for any field."""
    assert table.problems(kind(USER), {**GOOD[USER], "password": UNKNOWN, "authDatabaseName": UNKNOWN}) == {}


def test_a_name_is_made_once(cloud: Cloud) -> None:
    """Without a name a resource gets its own and some hex digits, and keeps it."""
    cluster = standin(CLUSTER, cloud)
    first = cluster.check("db", {}, GOOD[CLUSTER]).inputs
    assert first["name"].startswith("db-")
    assert len(first["name"]) == len("db-") + 7
    assert cluster.check("db", first, GOOD[CLUSTER]).inputs == first


def test_the_clouds_own_values_appear(cloud: Cloud) -> None:
    """Computed values are unknown in a preview, there after the create, and the same in every later preview."""
    cluster = standin(CLUSTER, cloud)
    asked = {**GOOD[CLUSTER], "name": "db"}
    before = cluster.preview(asked, {})
    assert before["connectionStrings"] == {"standard": UNKNOWN, "standardSrv": UNKNOWN}
    assert before["stateName"] == "IDLE"
    made, values = cluster.create(asked, silent)
    assert made == "p1-db"
    assert values["connectionStrings"]["standardSrv"] == "mongodb+srv://db.standin.example"
    assert values["pitEnabled"] is False
    assert cluster.preview({**asked, "backupEnabled": True}, values)["connectionStrings"] == values["connectionStrings"]


def test_the_cloud_keeps_no_secret(cloud: Cloud) -> None:
    """The file holds a hash of a password; reading gives the password back only to who knows it, and tells when it differs."""
    user = standin(USER, cloud)
    made, _ = user.create(GOOD[USER], silent)
    assert "canary" not in cloud.path.read_text()
    same = user.read(made, GOOD[USER], {})
    assert same is not None
    assert same.inputs["password"] == "canary"
    other = user.read(made, {**GOOD[USER], "password": "another"}, {})
    assert other is not None
    assert other.inputs["password"].startswith("sha256:")


def test_a_change_by_another_hand_is_read(cloud: Cloud) -> None:
    """Drift: what somebody changed in the cloud is what a refresh reads; what is gone is gone."""
    record = standin(RECORD, cloud)
    made, _ = record.create(GOOD[RECORD], silent)
    with cloud.changing() as things:
        things[made]["values"]["content"] = "203.0.113.9"
    found = record.read(made, GOOD[RECORD], {})
    assert found is not None
    assert record.difference(found.inputs, found.outputs, GOOD[RECORD]).inputs == {"content": "update"}
    with cloud.changing() as things:
        del things[made]
    assert record.read(made, GOOD[RECORD], {}) is None


def test_what_replaces_and_what_is_refused(cloud: Cloud) -> None:
    """A record of another zone is another record; a cluster of another project is refused, as the provider does."""
    record, cluster = standin(RECORD, cloud), standin(CLUSTER, cloud)
    moved = record.difference(GOOD[RECORD], {}, {**GOOD[RECORD], "zoneId": "y", "content": "192.0.2.2"})
    assert moved.replaces == ("zoneId",)
    with pytest.raises(BadInput, match="projectId"):
        cluster.difference(GOOD[CLUSTER], {}, {**GOOD[CLUSTER], "projectId": "p2"})


def test_updates_keep_what_the_cloud_computed(cloud: Cloud) -> None:
    """An update changes what was asked, forgets what is asked no more, and keeps computed values."""
    record = standin(RECORD, cloud)
    made, values = record.create({**GOOD[RECORD], "comment": "old"}, silent)
    changed = record.update(made, values, {**GOOD[RECORD], "content": "192.0.2.9"}, silent)
    assert changed["createdOn"] == values["createdOn"]
    assert changed["content"] == "192.0.2.9"
    assert "comment" not in changed
    with pytest.raises(CmctlError, match="404"):
        record.update("nothing", {}, GOOD[RECORD], silent)


def test_two_of_a_kind_are_refused(cloud: Cloud) -> None:
    """The same record twice is a conflict, as in the real zone."""
    record = standin(RECORD, cloud)
    record.create(GOOD[RECORD], silent)
    with pytest.raises(CmctlError, match="409"):
        record.create(GOOD[RECORD], silent)


def test_a_guarded_cluster_is_not_deleted(cloud: Cloud) -> None:
    """Termination protection holds until it is switched off; deleting twice does no harm."""
    cluster = standin(CLUSTER, cloud)
    asked = {**GOOD[CLUSTER], "name": "db"}
    made, values = cluster.create(asked, silent)
    with pytest.raises(CmctlError, match="guarded"):
        cluster.delete(made, asked, silent)
    cluster.update(made, values, {**asked, "terminationProtectionEnabled": False}, silent)
    cluster.delete(made, asked, silent)
    cluster.delete(made, asked, silent)
    assert json.loads(cloud.path.read_text()) == {}
