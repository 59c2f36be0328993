"""What every pod of the phase has: no root, nothing writable but /tmp and its data, no capabilities, no token, limits, spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi_kubernetes.core.v1 import (
    AffinityArgs,
    CapabilitiesArgs,
    ContainerArgs,
    ContainerPortArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    ExecActionArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    PodAffinityTermArgs,
    PodAntiAffinityArgs,
    PodSecurityContextArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    SeccompProfileArgs,
    SecurityContextArgs,
    TCPSocketActionArgs,
    TopologySpreadConstraintArgs,
    VolumeArgs,
    VolumeMountArgs,
    WeightedPodAffinityTermArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from environments.model import Environment

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
SCRATCH_MB, EPHEMERAL_MB = 64, 256
START_PERIOD_S, LIVE_PERIOD_S, READY_PERIOD_S = 1, 10, 2


def security(uid: int) -> PodSecurityContextArgs:
    return PodSecurityContextArgs(
        run_as_non_root=True, run_as_user=uid, run_as_group=uid, fs_group=uid, fs_group_change_policy="OnRootMismatch",
        seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )  # fmt: skip


def container_security(uid: int) -> SecurityContextArgs:
    return SecurityContextArgs(
        allow_privilege_escalation=False, read_only_root_filesystem=True, run_as_non_root=True, run_as_user=uid, run_as_group=uid,
        privileged=False, capabilities=CapabilitiesArgs(drop=["ALL"]), seccomp_profile=SeccompProfileArgs(type="RuntimeDefault"),
    )  # fmt: skip


def resources(cpu_m: int, memory_mb: int, limit_cpu_m: int | None = None, limit_memory_mb: int | None = None) -> ResourceRequirementsArgs:
    """Requests and limits; without limits of its own a container is limited to what it asks for."""
    return ResourceRequirementsArgs(
        requests={"cpu": f"{cpu_m}m", "memory": f"{memory_mb}Mi", "ephemeral-storage": f"{SCRATCH_MB}Mi"},
        limits={
            "cpu": f"{limit_cpu_m or cpu_m}m", "memory": f"{limit_memory_mb or memory_mb}Mi", "ephemeral-storage": f"{EPHEMERAL_MB}Mi",
        },
    )  # fmt: skip


def container(
    environment: Environment,
    name: str,
    image: str,
    uid: int,
    needs: ResourceRequirementsArgs,
    *,
    command: Sequence[str] = (),
    args: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
    ports: Mapping[str, int] | None = None,
    mounts: Mapping[str, str] | None = None,
    writable: Mapping[str, str] | None = None,
    probes: Mapping[str, ProbeArgs] | None = None,
    lifecycle: LifecycleArgs | None = None,
) -> ContainerArgs:
    """A hardened container. `mounts` (read-only) and `writable`: volume name → path."""
    volumes = [VolumeMountArgs(name=volume, mount_path=path, read_only=True) for volume, path in (mounts or {}).items()]
    volumes += [VolumeMountArgs(name=volume, mount_path=path) for volume, path in {"tmp": "/tmp", **(writable or {})}.items()]  # noqa: S108
    probes = probes or {}
    return ContainerArgs(
        name=name, image=image, image_pull_policy="Always" if environment.cluster.registry else "IfNotPresent",
        command=list(command) or None, args=list(args) or None,
        env=[EnvVarArgs(name=key, value=value) for key, value in sorted((variables or {}).items())] or None,
        ports=[ContainerPortArgs(name=key, container_port=port, protocol="TCP") for key, port in (ports or {}).items()] or None,
        volume_mounts=volumes, resources=needs, security_context=container_security(uid), lifecycle=lifecycle,
        startup_probe=probes.get("startup"), liveness_probe=probes.get("live"), readiness_probe=probes.get("ready"),
    )  # fmt: skip


def scratch() -> VolumeArgs:
    return VolumeArgs(name="tmp", empty_dir=EmptyDirVolumeSourceArgs(size_limit=f"{SCRATCH_MB}Mi"))


def http_probes(live: str, ready: str, port: int, start_s: int) -> dict[str, ProbeArgs]:
    """Three questions apart: is it up yet (`start_s` for that), is it alive (no dependency asked), may it have requests.

    A program with one page for both is alive while it takes connections.
    """
    alive = {"http_get": HTTPGetActionArgs(path=live, port=port)} if live != ready else {"tcp_socket": TCPSocketActionArgs(port=port)}
    start = HTTPGetActionArgs(path=live, port=port)
    may = HTTPGetActionArgs(path=ready, port=port)
    return {
        "startup": ProbeArgs(
            http_get=start, period_seconds=START_PERIOD_S, timeout_seconds=2, failure_threshold=max(1, start_s // START_PERIOD_S)
        ),
        "live": ProbeArgs(**alive, period_seconds=LIVE_PERIOD_S, timeout_seconds=5, failure_threshold=3),
        "ready": ProbeArgs(http_get=may, period_seconds=READY_PERIOD_S, timeout_seconds=3, failure_threshold=2),
    }


def exec_probes(live: Sequence[str], ready: Sequence[str], start_s: int) -> dict[str, ProbeArgs]:
    return {
        "startup": ProbeArgs(exec_=ExecActionArgs(command=list(live)), period_seconds=1, timeout_seconds=3, failure_threshold=start_s),
        "live": ProbeArgs(exec_=ExecActionArgs(command=list(live)), period_seconds=10, timeout_seconds=5, failure_threshold=3),
        "ready": ProbeArgs(exec_=ExecActionArgs(command=list(ready)), period_seconds=5, timeout_seconds=3, failure_threshold=2),
    }


def spread(selector: LabelSelectorArgs, *, hashed: bool = True) -> list[TopologySpreadConstraintArgs]:
    """Evenly over nodes and zones, where there are several; a full node keeps nobody from starting elsewhere.

    `hashed`: pods of one version are counted apart from those of the version before.
    """
    match = ["pod-template-hash"] if hashed else None
    return [
        TopologySpreadConstraintArgs(
            max_skew=1, topology_key=key, when_unsatisfiable="ScheduleAnyway", label_selector=selector, match_label_keys=match
        )
        for key in (HOSTNAME, ZONE)
    ]


def apart(selector: LabelSelectorArgs) -> AffinityArgs:
    """Rather not on one node with another of its kind."""
    term = PodAffinityTermArgs(label_selector=selector, topology_key=HOSTNAME)
    return AffinityArgs(
        pod_anti_affinity=PodAntiAffinityArgs(
            preferred_during_scheduling_ignored_during_execution=[WeightedPodAffinityTermArgs(weight=100, pod_affinity_term=term)]
        )
    )
