"""pyinfra's way to bring a bundle: sync its folders, compose up, reload what reads its file only then."""
# mypy: ignore-errors

from __future__ import annotations

import shlex

from pyinfra import config, host
from pyinfra.operations import files, server

config.SUDO = True
brought = [
    files.sync(
        name=f"Files of {folder['target']}", src=folder["source"], dest=folder["target"], mode="644", dir_mode=folder["mode"], add_deploy_dir=False,
    )
    for folder in host.loop(host.data.folders)
]  # fmt: skip
server.shell(
    name="Compose", commands=[f"docker compose -p {one['name']} -f {one['file']} up -d --remove-orphans" for one in host.data.projects]
)
if host.data.reloads:
    server.shell(
        name="Reload", commands=[shlex.join(argv) for argv in host.data.reloads], _if=lambda: any(one.did_change() for one in brought)
    )
