"""Small files, kernel settings and swap."""

from __future__ import annotations

import base64
import shlex

from hosts.bootstrap.model import Step, System, script, write
from hosts.drift import NEIGHBOURS
from layout.machine import Machine
from layout.machine_files import OWNER

FILES = """
for path in {paths}; do [ -f "$path" ] && echo "$path $(base64 -w0 "$path")"; done
"""
# $1 file: containers that stood here before cmctl did; written once
NOTE = """
[ ! -e "$1" ] || exit 0
mkdir -p "$(dirname "$1")"; : > "$1.new"
command -v docker > /dev/null && docker ps -a --format '{{.Label "io.cmctl.stack"}} {{.Names}}' | sed -n 's/^ //p' > "$1.new"
mv "$1.new" "$1"
"""
SYSCTL = """
for key in {keys}; do echo "$key=$(sysctl -n "$key" 2>/dev/null)"; done
"""
SWAP = "awk 'NR > 1 {sum += $3} END {print int(sum / 1024)}' /proc/swaps"
# A swap file of 2048 MiB is told as 2047: its first page is a header.
HEADER_MB = 1
# $1 MiB to add. A file system that cannot take a hole-free file in one call gets it block by block.
ADD_SWAP = """
file=/swapfile; [ ! -e "$file" ] || file=/swapfile.cmctl; swapoff "$file" 2>/dev/null || true
fallocate -l "$1M" "$file" 2>/dev/null || dd if=/dev/zero of="$file" bs=1M count="$1" status=none
chmod 600 "$file"; mkswap "$file" > /dev/null; swapon "$file"
grep -q "^$file " /etc/fstab || echo "$file none swap sw 0 0" >> /etc/fstab
"""


class Files:
    section = "files"

    def probe(self, wanted: Machine) -> str:
        return FILES.format(paths=shlex.join(wanted.files)) if wanted.files else ""

    def found(self, text: str, wanted: Machine) -> dict[str, str]:
        del wanted
        rows = (line.partition(" ") for line in text.splitlines())
        return {path: base64.b64decode(data).decode(errors="replace") for path, _, data in rows if path}

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        wrong = {path: text for path, text in wanted.files.items() if found.files.get(path) != text}
        first = [script("write down who is here already", NOTE, NEIGHBOURS)] if OWNER in wrong and OWNER not in found.files else []
        return [*first, *(write(f"write {path}", path, text) for path, text in wrong.items())]


class Sysctl:
    section = "sysctl"

    def probe(self, wanted: Machine) -> str:
        return SYSCTL.format(keys=shlex.join(wanted.sysctl)) if wanted.sysctl else ""

    def found(self, text: str, wanted: Machine) -> dict[str, str]:
        del wanted
        rows = (line.partition("=") for line in text.splitlines())
        return {key: " ".join(value.split()) for key, _, value in rows if value}

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        wrong = {key: value for key, value in wanted.sysctl.items() if found.sysctl.get(key) != value}
        return [Step(f"set {key} = {value}", ("sysctl", "-q", "-w", f"{key}={value}")) for key, value in wrong.items()]


class Swap:
    """At least as much as wanted counts as wanted: a bigger one is somebody's choice."""

    section = "swap_mb"

    def probe(self, wanted: Machine) -> str:
        return SWAP if wanted.swap_mb else ""

    def found(self, text: str, wanted: Machine) -> int | None:
        if not wanted.swap_mb:
            return wanted.swap_mb
        there = int(text.strip() or 0)
        return wanted.swap_mb if there + HEADER_MB >= wanted.swap_mb else there

    def steps(self, found: Machine, wanted: Machine, system: System) -> list[Step]:
        del system
        if found.swap_mb == wanted.swap_mb or not wanted.swap_mb:
            return []
        more = wanted.swap_mb - (found.swap_mb or 0)
        return [script(f"{more} MiB of swap", ADD_SWAP, str(more), long=True)]
