"""What makes a load balancer read its files anew, run by a real shell beside a stand-in for what it asks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from templates.base import RELOAD

# Fails at its first call, as a server does that does not listen yet.
WGET = '#!/bin/sh\n[ -e "$0.asked" ] || { : > "$0.asked"; exit 1; }\necho config-1234\n'


def test_one_that_has_just_been_started(tmp_path: Path) -> None:
    """An nginx that was made anew a moment ago has no pid yet and does not answer: it is waited for, and nothing has failed."""
    wget = tmp_path / "wget"
    wget.write_text(WGET)
    wget.chmod(0o755)
    (tmp_path / "nginx.conf").write_text('return 200 "config-1234\\n";')
    shell, option, script = RELOAD["nginx"]
    script = script.replace("/tmp/nginx.pid", f"{tmp_path}/nginx.pid").replace("/etc/cmctl/nginx", str(tmp_path))
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run([shell, option, script], env={"PATH": path}, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, wget.with_name("wget.asked").exists()) == (0, True), done.stderr
