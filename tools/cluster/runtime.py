"""A real node's own files: containerd's, the network plugins' and the kubelet's configuration. Pure: texts and arguments out."""

from __future__ import annotations

import json
from typing import Any

from tools.cluster.keys import NODE
from tools.cluster.place import NODE_PORT, Place
from tools.cluster.programs import Program

SOCKET = "/run/containerd/containerd.sock"
SANDBOX = "localhost/cmctl-pause:1"
PLUGINS = "/usr/lib/cni"
SEARCH = "cluster.local"
NAMES_PORT = 53
PROXY_HEALTH, KUBELET_HEALTH = 10256, 10248


def containerd(place: Place) -> str:
    """TOML for containerd's CRI plugin. `restrict_oom_score_adj`: machines without CAP_SYS_RESOURCE could start no sandbox."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{place.run / "containerd"}"
state = "/run/containerd"
[grpc]
address = "{SOCKET}"
[{cri}]
sandbox_image = "{SANDBOX}"
restrict_oom_score_adj = true
[{cri}.cni]
bin_dir = "{PLUGINS}"
conf_dir = "{place.run / "network"}"
[{cri}.containerd]
snapshotter = "overlayfs"
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def network(place: Place) -> str:
    """The pods' network: one bridge, addresses given out by the host-local plugin. It enforces no NetworkPolicy."""
    addresses = {
        "type": "host-local",
        "dataDir": str(place.run / "addresses"),
        "ranges": [[{"subnet": place.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": place.bridge, "isGateway": True, "ipMasq": False, "hairpinMode": True, "ipam": addresses}
    return json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}, indent=1)


def kubelet_settings(place: Place) -> str:
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": place.address,
        "port": NODE_PORT,
        "healthzBindAddress": place.address,
        "healthzPort": KUBELET_HEALTH,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(place.keys / "authority.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "clusterDNS": [place.dns_service],
        "clusterDomain": SEARCH,
        "resolvConf": str(place.run / "resolv.conf"),
        "volumePluginDir": str(place.run / "volume-plugins"),
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "5s",
        "registerWithTaints": [],
    }
    return json.dumps(settings, indent=1)


def kubelet(place: Place) -> Program:
    labels = "topology.kubernetes.io/zone=zone-0,type=real"
    arguments = (
        f"--config={place.run / 'kubelet.json'}",
        f"--kubeconfig={place.run / 'node.kubeconfig'}",
        f"--hostname-override={NODE}",
        f"--node-ip={place.address}",
        f"--node-labels={labels}",
        f"--root-dir={place.run / 'kubelet'}",
        f"--cert-dir={place.run / 'kubelet-keys'}",
    )
    return Program("kubelet", arguments, f"http://{place.address}:{KUBELET_HEALTH}/healthz")


def proxy(place: Place) -> Program:
    arguments = (
        f"--kubeconfig={place.run / 'proxy.kubeconfig'}",
        "--proxy-mode=iptables",
        f"--hostname-override={NODE}",
        f"--cluster-cidr={place.pods}",
        f"--bind-address={place.address}",
        f"--healthz-bind-address={place.address}:{PROXY_HEALTH}",
        "--conntrack-max-per-core=0",
    )
    return Program("kube-proxy", arguments, f"http://{place.address}:{PROXY_HEALTH}/healthz")


def names(place: Place) -> str:
    """CoreDNS' configuration. It answers for the cluster and for nothing else: there is nothing else in the namespace."""
    return f"""{SEARCH}:{NAMES_PORT} in-addr.arpa:{NAMES_PORT} {{
    bind {place.address}
    errors
    health {place.address}:8080
    ready {place.address}:8181
    kubernetes {SEARCH} in-addr.arpa {{
        kubeconfig {place.run / "admin.kubeconfig"}
        pods insecure
        ttl 5
    }}
}}
"""


def name_server(place: Place) -> Program:
    return Program("coredns", (f"-conf={place.run / 'Corefile'}",), f"http://{place.address}:8181/ready")


def name_service(place: Place) -> list[dict[str, Any]]:
    """The Service kube-dns at its fixed address, and the end point it leads to: the name server runs beside the API server."""
    metadata = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [{"name": name, "port": NAMES_PORT, "protocol": protocol} for name, protocol in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {**metadata, "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": [{"addresses": [place.address], "conditions": {"ready": True}}],
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"clusterIP": place.dns_service, "ports": ports}}
    return [service, slice_]
