from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, rpc

from environments import load as environments
from environments.model import Atlas, Cloudflare, Environment, Host, Providers
from errors import BadInput
from phases import load as platforms
from stacks import compose_phase, data, edge
from tests.stacks.specs import CANARY, spec

pytestmark = pytest.mark.usefixtures("sdks")
LOADED = platforms.load("codementee")


@dataclass
class Asked(mocks.Mocks):
    """Remembers every resource a program asks for, and computes what a cloud would."""

    resources: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    loops: list[asyncio.AbstractEventLoop] = field(default_factory=list)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.resources.append((args.typ, args.name, args.inputs))
        computed = {
            "cmctl:index:Release": {"release": "1.0-abc", "slot": "blue", "problems": {}},
            "cmctl:index:Host": {"facts": {"engine": "20.10"}},
            "cmctl:index:Password": {"value": "made-up"},
            "mongodbatlas:index/advancedCluster:AdvancedCluster": {"connectionStrings": {"standardSrv": "mongodb+srv://c.example"}},
        }
        return f"{args.name}-id", {**args.inputs, **computed.get(args.typ, {})}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"no program calls {args.token}")

    def loop(self) -> asyncio.AbstractEventLoop:
        """The SDK's mocks open a loop in every thread and close none."""
        self.loops.append(asyncio.SelectorEventLoop())
        return self.loops[-1]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return {name: inputs for typ, name, inputs in self.resources if typ.endswith(f":{kind}")}


def run(program: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What a program asks for. Every loop that the SDK opens on the way is closed again."""
    asked = Asked()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "new_event_loop", asked.loop)
            asyncio.set_event_loop(asked.loop())
            return _asked(program, asked, monkeypatch)
    finally:
        asyncio.set_event_loop(None)
        for loop in asked.loops:
            loop.close()


def _asked(program: Callable[[], None], asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Asked:
    mocks.set_mocks(asked, project="cmctl", stack="test", preview=False)
    monkeypatch.setattr(pulumi, "export", asked.outputs.__setitem__)

    @pulumi.runtime.test
    def inside() -> pulumi.Output[Any]:
        program()
        return pulumi.Output.all(**asked.outputs).apply(asked.outputs.update)

    inside()
    return asked


def environment(**changes: Any) -> Environment:
    cloud = {
        "name": "staging", "domain": "example.com", "providers": Providers(database="atlas", edge="cloudflare"),
        "atlas": Atlas(project_id="5" * 24, region="EU_CENTRAL_1"), "cloudflare": Cloudflare(zone_id="a" * 32, account_id="b" * 32),
        "hosts": {
            "lb-1": Host(connection="local", address=IPv4Address("192.0.2.10"), roles=("lb",)),
            "app-1": Host(connection="local", address=IPv4Address("192.0.2.21"), roles=("app",)),
            "app-2": Host(connection="local", address=IPv4Address("192.0.2.22"), roles=("app", "monitor")),
        },
    }  # fmt: skip
    return environments.load("local").model_copy(update={**cloud, **changes})


def test_a_phase_is_its_hosts_and_one_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of a phase asks for every host and exactly one release, whose secret files are secret and apart."""
    asked = run(compose_phase.program(spec()), monkeypatch)
    assert set(asked.of("Host")) == {"app-1", "app-2"}
    (release,) = asked.of("Release").values()
    assert release["bundles"]["app-1"]["files"]["base/nginx/nginx.conf"] == "# app-1\nworker_processes auto;\n"
    assert rpc.is_rpc_secret(release["secretFiles"])
    assert CANARY not in str({name: value for name, value in release.items() if name != "secretFiles"})
    assert asked.outputs == {
        "release": "1.0-abc",
        "version": "1.0",
        "slot": "blue",
        "hosts": {"app-1": {"engine": "20.10"}, "app-2": {"engine": "20.10"}},
    }


def test_local_layers_are_releases_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine the database container and the edge are releases like every other layer."""
    local, phase = environments.load("local"), LOADED.phase(2)
    for program in (data.program(local, phase, LOADED.platform, spec()), edge.program(local, phase, LOADED.platform, spec())):
        assert list(run(program, monkeypatch).of("Release")) == [spec().stack]


@pytest.mark.parametrize(("number", "tier"), [(1, "M20"), (2, "M30")])
def test_the_cluster_has_the_phases_tier(number: int, tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Atlas gets a replica set of three nodes of the phase's tier in the environment's region, backed up and guarded."""
    asked = run(data.program(environment(), LOADED.phase(number), LOADED.platform, None), monkeypatch)
    (cluster,) = asked.of("AdvancedCluster").values()
    (region,) = cluster["replicationSpecs"][0]["regionConfigs"]
    assert region["regionName"] == "EU_CENTRAL_1"
    assert region["electableSpecs"]["instanceSize"] == tier
    assert region["electableSpecs"]["nodeCount"] == 3
    assert region["electableSpecs"]["diskSizeGb"] == LOADED.phase(number).database.storage_gb
    assert cluster["projectId"] == "5" * 24
    assert cluster["backupEnabled"]
    assert cluster["terminationProtectionEnabled"]


def test_only_the_app_hosts_reach_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The access list holds the addresses of the hosts that run the application, and no others."""
    asked = run(data.program(environment(), LOADED.phase(2), LOADED.platform, None), monkeypatch)
    assert {entry["ipAddress"] for entry in asked.of("ProjectIpAccessList").values()} == {"192.0.2.21", "192.0.2.22"}


def test_the_user_may_only_what_the_application_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database user has a made-up password, reads and writes one database of one cluster, and its URL is exported."""
    asked = run(data.program(environment(), LOADED.phase(2), LOADED.platform, None), monkeypatch)
    (user,) = asked.of("DatabaseUser").values()
    assert user["roles"] == [{"roleName": "readWrite", "databaseName": "codementee"}]
    assert user["scopes"] == [{"name": "codementee-staging", "type": "CLUSTER"}]
    assert list(asked.of("Password")) == ["database-password"]
    assert asked.outputs["mongo_url"] == "mongodb+srv://codementee:made-up@c.example/?retryWrites=true&w=majority"


def test_every_name_leads_to_the_balancers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Web, API and CDN names are proxied records of the live phase's balancers, with the TTL a proxied record must have."""
    asked = run(edge.program(environment(), LOADED.phase(2), LOADED.platform, None), monkeypatch)
    records = asked.of("DnsRecord").values()
    assert {record["name"] for record in records} == {"example.com", "www.example.com", "api.example.com", "cdn.example.com"}
    assert {record["content"] for record in records} == {"192.0.2.10"}
    assert all(record["proxied"] and record["ttl"] == 1 and record["type"] == "A" for record in records)


def test_the_zone_is_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS is checked up to the balancer, old versions and plain HTTP are refused."""
    asked = run(edge.program(environment(), LOADED.phase(2), LOADED.platform, None), monkeypatch)
    settings = {one["settingId"]: one["value"] for one in asked.of("ZoneSetting").values()}
    assert settings | {"ssl": "strict", "always_use_https": "on", "min_tls_version": "1.2"} == settings


def test_hashed_assets_are_cached_for_a_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache rule covers exactly the immutable routes; everything else follows the origin."""
    asked = run(edge.program(environment(), LOADED.phase(2), LOADED.platform, None), monkeypatch)
    (ruleset,) = asked.of("Ruleset").values()
    (rule,) = ruleset["rules"]
    assert ruleset["phase"] == "http_request_cache_settings"
    assert rule["expression"] == (
        '(http.host in {"example.com" "www.example.com"} and starts_with(http.request.uri.path, "/static/"))'
        ' or (http.host in {"cdn.example.com"} and starts_with(http.request.uri.path, "/static/"))'
    )
    assert rule["actionParameters"]["edgeTtl"] == {"mode": "override_origin", "default": 31_536_000}


def test_a_platform_without_hashed_assets_has_no_cache_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cached by rule where no route says that its files never change."""
    plain = LOADED.platform.model_copy(update={"routes": tuple(route for route in LOADED.platform.routes if not route.immutable)})
    assert run(edge.program(environment(), LOADED.phase(2), plain, None), monkeypatch).of("Ruleset") == {}


@pytest.mark.parametrize(
    ("program", "changes", "word"),
    [
        (data.program, {"atlas": None}, "atlas:"),
        (edge.program, {"cloudflare": None}, "cloudflare:"),
        (data.program, {"providers": Providers(database="container", edge="local")}, "role data"),
        (edge.program, {"providers": Providers(database="container", edge="local")}, "role lb"),
        (edge.program, {"hosts": {}}, "lb"),
    ],
)
def test_what_an_environment_lacks_is_said_before_anything_runs(program: Any, changes: dict[str, Any], word: str) -> None:
    """An environment that buys a cloud without saying where, or places nothing, is refused with the line to add."""
    with pytest.raises(BadInput) as caught:
        program(environment(**changes), LOADED.phase(2), LOADED.platform, None)
    assert word in str(caught.value)


def test_importing_a_program_loads_no_providers_sdk() -> None:
    """The SDKs of the clouds load inside the programs that need them: importing the modules stays cheap."""
    code = "import sys, stacks.data, stacks.edge; print([m for m in ('pulumi_cloudflare', 'pulumi_mongodbatlas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
