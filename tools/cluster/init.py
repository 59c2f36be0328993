"""Process 1 of a lab cluster's namespace: it prepares the mounts, says so, and from then on only reaps what was orphaned.

Run by path, with the standard library alone: `init.py CPUS MACHINE_FOLDER…`. Each folder becomes one of the namespace's own, in
memory, so that what containerd and the kubelet leave in the machine's folders goes with the namespace. When this process ends, all end.
CPUS above 0: the kubelet finds that many instead of the machine's, as on a machine that is sold more than once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

SYSTEM = Path("/sys/devices/system")


def memory_folder(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(folder)], check=True)


def offer(cpus: int) -> None:
    """The files the kubelet counts CPUs by: those beyond the machine's are listed as offline, so that none is given work."""
    online = (SYSTEM / "cpu" / "online").read_text(encoding="utf-8")
    memory_folder(SYSTEM / "node")
    memory_folder(SYSTEM / "cpu")
    for cpu in range(cpus):
        topology = SYSTEM / "cpu" / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "core_id").write_text(f"{cpu}\n", encoding="utf-8")
        (topology / "physical_package_id").write_text("0\n", encoding="utf-8")
    (SYSTEM / "cpu" / "online").write_text(online, encoding="utf-8")


def reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def main() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    cpus, *folders = sys.argv[1:]
    for folder in folders:
        memory_folder(Path(folder))
    if int(cpus):
        offer(int(cpus))
    # The kubelet's volume mounts have to reach the containers.
    subprocess.run(["mount", "--make-rshared", "/"], check=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    while True:
        signal.sigwait({signal.SIGCHLD})
        reap()


if __name__ == "__main__":
    main()
