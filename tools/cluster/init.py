"""Process 1 of a lab cluster's namespace: it prepares the mounts, says so, and from then on only reaps what was orphaned.

Run by path, with the standard library alone: `init.py MACHINE_FOLDER…`. Each folder becomes one of the namespace's own, in memory,
so that what containerd and the kubelet leave in the machine's folders goes with the namespace. When this process ends, all end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys


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
    for folder in sys.argv[1:]:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder], check=True)
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
