"""The data layer: a database container on a host of ours, or an Atlas cluster of the phase's tier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from environments.model import Atlas, Environment
from errors import BadInput
from layout.machine import Machine
from layout.release import ReleaseSpec
from phases.model import Phase, Platform
from stacks import compose_phase
from stacks.resources import Password

NODES = 3
FIRST_PRIORITY = 7


def program(
    environment: Environment, phase: Phase, platform: Platform, spec: ReleaseSpec | None, machines: Mapping[str, Machine] | None = None
) -> Callable[[], None]:
    """The layer's program. `spec` is the database container's release, where there is one.

    Raises BadInput when the database is to be Atlas and the environment does not say where.
    """
    if environment.providers.database == "container":
        return compose_phase.program(_given(spec), machines)
    if environment.atlas is None:
        raise BadInput(
            f"environment {environment.name}: providers.database is atlas, but atlas: is missing",
            hint=f"atlas: {{project_id: <24 hex digits>, region: EU_CENTRAL_1}} in environments/{environment.name}.yaml",
        )
    return _atlas(environment, environment.atlas, phase, platform)


def _given(spec: ReleaseSpec | None) -> ReleaseSpec:
    if spec is None:
        raise BadInput("the database is to be a container, but no host places it", hint="give a host the role data")
    return spec


def _atlas(environment: Environment, atlas: Atlas, phase: Phase, platform: Platform) -> Callable[[], None]:
    def run() -> None:
        import pulumi_mongodbatlas as mongodbatlas

        cluster = _cluster(mongodbatlas, f"{platform.name}-{environment.name}", atlas, phase)
        _access_list(mongodbatlas, environment, atlas)
        password = Password("database-password", opts=pulumi.ResourceOptions(protect=True))
        user = mongodbatlas.DatabaseUser(
            "application",
            project_id=atlas.project_id, auth_database_name="admin", username=platform.name, password=password.value,
            roles=[{"role_name": "readWrite", "database_name": platform.name}],
            scopes=[{"name": cluster.name, "type": "CLUSTER"}],
        )  # fmt: skip
        pulumi.export("cluster", cluster.name)
        pulumi.export("mongo_url", pulumi.Output.secret(_url(cluster, user, password)))

    return run


def _cluster(mongodbatlas: Any, name: str, atlas: Atlas, phase: Phase) -> Any:
    """Three nodes in one region; a tier is changed in place, the region and the name never."""
    nodes = {"instance_size": phase.database.tier, "node_count": NODES, "disk_size_gb": phase.database.storage_gb}
    region = {"provider_name": atlas.provider, "region_name": atlas.region, "priority": FIRST_PRIORITY, "electable_specs": nodes}
    return mongodbatlas.AdvancedCluster(
        "cluster",
        project_id=atlas.project_id, name=name, cluster_type="REPLICASET", replication_specs=[{"region_configs": [region]}],
        backup_enabled=True, pit_enabled=True, termination_protection_enabled=True,
        opts=pulumi.ResourceOptions(protect=True),
    )  # fmt: skip


def _access_list(mongodbatlas: Any, environment: Environment, atlas: Atlas) -> None:
    """Only the hosts that run the application reach the database."""
    for name, host in environment.hosts.items():
        if "app" in host.roles:
            mongodbatlas.ProjectIpAccessList(
                f"access-{name}", project_id=atlas.project_id, ip_address=str(host.address), comment=f"cmctl: {environment.name} {name}"
            )


def _url(cluster: Any, user: Any, password: Password) -> pulumi.Output[str]:
    parts = pulumi.Output.all(strings=cluster.connection_strings, user=user.username, password=password.value)
    return parts.apply(lambda given: _with_user(given["strings"]["standard_srv"], given["user"], given["password"]))


def _with_user(address: str, user: str, password: str) -> str:
    scheme, _, host = address.partition("://")
    return f"{scheme}://{user}:{password}@{host}/?retryWrites=true&w=majority"
