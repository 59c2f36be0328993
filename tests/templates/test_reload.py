"""What makes a load balancer read its files anew, run by a real shell beside a stand-in for what it asks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from templates.base import RELOAD

# Fails at its first call, as a server does that does not listen yet.
LATE = '[ -e "$0.asked" ] || { : > "$0.asked"; exit 1; }\necho config-1234'
FORMER = 'echo asked >> "$0.asked"; echo config-former'
# Each question is a slow one: three seconds later at every call.
CLOCK = 'echo x >> "$0.called"; echo $(($(wc -l < "$0.called") * 3))'


def reloaded(folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / "nginx.conf").write_text('return 200 "config-1234\\n";')
    shell, option, script = RELOAD["nginx"]
    script = script.replace("/tmp/nginx.pid", f"{folder}/nginx.pid").replace("/etc/cmctl/nginx", str(folder))
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run([shell, option, script], env={"PATH": path}, capture_output=True, text=True, timeout=20, check=False)


def test_one_that_has_just_been_started(tmp_path: Path) -> None:
    """An nginx that was made anew a moment ago has no pid yet and does not answer: it is waited for, and nothing has failed."""
    done = reloaded(tmp_path, wget=LATE)
    assert (done.returncode, (tmp_path / "wget.asked").exists()) == (0, True), done.stderr


def test_one_that_goes_on_with_its_former_files(tmp_path: Path) -> None:
    """It is an error, after so many seconds however long each answer takes."""
    done = reloaded(tmp_path, wget=FORMER, date=CLOCK)
    assert (done.returncode, (tmp_path / "wget.asked").read_text().count("asked")) == (1, 5)
