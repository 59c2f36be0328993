"""`cluster up | load | status | down`: the lab's Kubernetes cluster on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from commands import options

Nodes = Annotated[int | None, typer.Option("--nodes", min=0, max=100, help="Simulated nodes, whose pods run nothing: 3, or 0 with --real.")]
Real = Annotated[bool, typer.Option("--real", help="Add a real node: containerd and the kubelet run the pods' containers.")]

Cpus = Annotated[
    int, typer.Option("--cpus", min=0, max=256, help="CPUs the real node offers, whatever this machine has; 0: as many as it has.")
]


def up(nodes: Nodes = None, real: Real = False, cpus: Cpus = 0, as_json: options.Json = False) -> None:
    """Start an empty cluster. etcd, API server, scheduler, controller manager, Gateway API, metrics API, nodes."""
    from commands import ui
    from tools.cluster import Cluster
    from tools.cluster.place import CONTEXT

    cluster = Cluster(nodes=nodes if nodes is not None else 0 if real else 3, real=real, cpus=cpus, report=ui.say)
    cluster.up()
    if as_json:
        ui.emit("cmctl/cluster-up/1", {"context": CONTEXT, "kubeconfig": str(cluster.kubeconfig), "seconds": cluster.seconds})
        return
    ui.table(("step", "seconds"), [(name, f"{took:.1f}") for name, took in cluster.seconds.items()], right=("seconds",))
    ui.say(f"KUBECONFIG={cluster.kubeconfig} kubectl --context {CONTEXT} get nodes")
    ui.hint("cmctl deploy --phase 3 --env lab")


def down() -> None:
    """End the cluster. Its namespaces, interface, cgroups, data and keys go; the logs stay."""
    from commands import ui
    from tools.cluster import Cluster

    cluster = Cluster()
    cluster.down()
    ui.say(f"no lab cluster runs; logs are in {cluster.place.logs}")
    ui.hint("cmctl cluster up")


def status(as_json: options.Json = False) -> None:
    """What runs: programs, nodes, version, and where its kubeconfig is. Exit 7 when no cluster runs, 1 when a program of it ended."""
    from commands import ui
    from tools.cluster import Cluster

    found = Cluster().status()
    if as_json:
        ui.emit("cmctl/cluster/1", found)
    else:
        ui.table(("what", "is"), [("server", found["server"]), ("version", found["version"]), ("kubeconfig", found["kubeconfig"])])
        ui.table(("program", "runs"), [(name, "yes" if alive else "no") for name, alive in found["programs"].items()])
        ui.table(
            ("node", "ready", "kind"), [(one["name"], one["ready"], "simulated" if one["simulated"] else "real") for one in found["nodes"]]
        )
    if not all(found["programs"].values()):
        raise typer.Exit(1)


def load(
    phase: options.Phase = 3, env: options.Env = "lab", platform: options.Platform = "codementee", version: options.Version = None
) -> None:
    """Bring a version's images into the real node. It pulls nothing: they come from this machine's container engine; missing ones are made."""
    from commands import ui
    from stacks.deployment import Wish, facts
    from stacks.kubernetes import images
    from tools.cluster import Cluster

    cluster, found = Cluster(), facts(Wish(platform, phase, env, version))
    cluster.real_node()
    wanted = images.local(found.plan, found.version, ui.say)
    cluster.load_images(wanted)
    ui.table(("image",), [(name,) for name in sorted(wanted)])
    ui.hint(f"cmctl deploy {options.where(platform, phase, env)} --version {found.version}")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The lab's Kubernetes cluster on this machine.", no_args_is_help=True, rich_markup_mode=None)
    for verb in (up, load, status, down):
        group.command()(verb)
    app.add_typer(group, name="cluster")
