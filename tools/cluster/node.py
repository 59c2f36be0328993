"""A real node: containerd, kubelet and kube-proxy inside the cluster's namespaces, and the images it holds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from environments.home import cache
from errors import CmctlError, Unreachable
from tools.builder import Family, Report, build
from tools.cluster import runtime, space
from tools.cluster.api import wait
from tools.cluster.place import Place
from tools.cluster.space import Process

PAUSE = Family("pause", "pause", ".", "1", minutes=0.2)
NEEDED = ("containerd", "containerd-shim-runc-v2", "runc", "ctr", "iptables")
PACKAGES = ("containerd", "runc", "containernetworking-plugins", "iptables")
PLUGINS = ("bridge", "host-local", "loopback")
IMPORT_S, INSTALL_S, READY_S = 300, 300, 30


def missing() -> list[str]:
    """What a real node needs and this machine has not."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    return absent + [name for name in PLUGINS if not Path(runtime.PLUGINS, name).exists()]


def need(report: Report) -> None:
    """containerd, runc, iptables and the network plugins, installed from Debian packages where apt is. Raises Unreachable otherwise."""
    absent = missing()
    if not absent:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    if shutil.which("apt-get") is None:
        raise Unreachable("a real node cannot run here", why=f"missing: {', '.join(absent)}", hint=" ".join(command))
    report(f"installing {', '.join(PACKAGES)} for {', '.join(absent)}")
    said = _apt(command)
    if missing():
        # A fresh machine has no package lists yet.
        _apt(["apt-get", "update"])
        said = _apt(command)
    if missing():
        raise Unreachable(f"missing: {', '.join(missing())}", why=said[-300:], hint=" ".join(command))


def _apt(command: list[str]) -> str:
    """What it said on stderr."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    return done.stderr.strip()


def configure(place: Place) -> None:
    """Write the node's files below place.run."""
    (place.run / "network").mkdir(exist_ok=True)
    texts = {
        "containerd.toml": runtime.containerd(place),
        "network/10-pods.conflist": runtime.network(place),
        "kubelet.json": runtime.kubelet_settings(place),
        "Corefile": runtime.names(place),
        "resolv.conf": "",
    }
    for name, text in texts.items():
        (place.run / name).write_text(text, encoding="utf-8")


def ctr(first: Process, *arguments: str, timeout_s: float = IMPORT_S) -> str:
    return space.run(first, ["ctr", "--address", runtime.SOCKET, "--namespace", "k8s.io", *arguments], timeout_s)


def until_answers(first: Process) -> None:
    """Wait for containerd."""

    def answers() -> bool:
        try:
            ctr(first, "version")
        except CmctlError:
            return False
        return True

    wait(answers, READY_S, "containerd answers")


def sandbox(report: Report) -> Path:
    """The program that holds a pod's namespaces."""
    return build(PAUSE, cache(), report)


def import_sandbox(place: Place, first: Process, report: Report) -> None:
    archive = place.run / "pause.tar"
    archive.write_bytes(image(runtime.SANDBOX, sandbox(report)))
    ctr(first, "images", "import", str(archive))


def import_images(place: Place, first: Process, references: Mapping[str, str]) -> None:
    """Images of this machine's container engine → the node, under the names pods use. Raises CmctlError when one is missing."""
    archive = place.run / "images.tar"
    try:
        for wanted, found in references.items():
            _docker("tag", found, wanted)
        _docker("save", "--output", str(archive), *references)
        ctr(first, "images", "import", str(archive))
    finally:
        archive.unlink(missing_ok=True)


def _docker(*arguments: str) -> None:
    done = subprocess.run(
        ["docker", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=IMPORT_S, check=False
    )
    if done.returncode:
        raise CmctlError(f"docker {' '.join(arguments[:2])} … failed", why=done.stderr.strip()[-300:], hint="cmctl images --phase 3")


def images(first: Process) -> list[str]:
    return ctr(first, "images", "list", "-q").split()


def image(reference: str, program: Path) -> bytes:
    """A docker-archive of one layer with one static program as its entry point. Same program, same bytes."""
    layer = _tar({f"{program.name}": (program.read_bytes(), 0o755)})
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": _architecture(),
            "os": "linux",
            "config": {"Entrypoint": [f"/{program.name}"], "User": "65532:65532"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = json.dumps([{"Config": name, "RepoTags": [reference], "Layers": [f"{digest}/layer.tar"]}]).encode()
    return _tar({name: (config, 0o644), f"{digest}/layer.tar": (layer, 0o644), "manifest.json": (manifest, 0o644)})


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
