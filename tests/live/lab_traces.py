"""Everything on this machine that says it is a lab's, by kind: what a lab may not leave behind."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.lab import Lab, record
from tools.lab.launch import hierarchies


def traces(lab: Lab) -> dict[str, set[str]]:
    """Kind → what of it carries the lab's name, its addresses, or lies in its folder."""
    folder, subnet = str(record.folder()), str(lab.plan().subnet).removesuffix("0/24")
    group, namespace, uplink = f"cmctl-lab-{lab.name}-", f"cmctl-{lab.name}", f"cl-{lab.name}"
    marks = (folder, subnet, group, namespace, uplink)

    def ours(lines: list[str]) -> set[str]:
        return {line for line in lines if any(mark in line for mark in marks)}

    return {
        "processes": ours([_process(path) for path in Path("/proc").glob("[0-9]*")]),
        "groups": {str(path) for root in hierarchies() for path in root.glob(f"{group}*")},
        "namespaces": {path.name for path in Path("/run/netns").glob(f"{namespace}*")},
        "links": ours(_said("ip", "-o", "link")),
        "addresses and routes": ours(_said("ip", "-o", "address")) | ours(_said("ip", "route")),
        "mounts": ours(Path("/proc/mounts").read_text().splitlines()),
        "loop devices": ours([_text(path) for path in Path("/sys/block").glob("loop*/loop/backing_file")]),
        "firewall rules": ours(_said("iptables-save")) | ours(_said("nft", "list", "ruleset")),
        "files": {str(path) for path in (record.folder(), record.RUN / lab.name) if path.exists()},
    }


def _process(path: Path) -> str:
    return f"{path.name} {_text(path / 'cmdline')} {_text(path / 'cgroup')}".replace("\0", " ").replace("\n", " ")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _said(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()
