"""The passphrase that encrypts secrets in Pulumi's state."""

from __future__ import annotations

import os
import secrets as random
from pathlib import Path

from environments import private_files
from environments.model import Environment
from errors import BadInput


def passphrase(environment: Environment, home: Path) -> str:
    """$PULUMI_CONFIG_PASSPHRASE or the file that $PULUMI_CONFIG_PASSPHRASE_FILE names; on this machine one is made and kept 0600.

    Raises BadInput for a cloud environment without one: a passphrase on one laptop would lock the others out.
    """
    if os.environ.get("PULUMI_CONFIG_PASSPHRASE"):
        return os.environ["PULUMI_CONFIG_PASSPHRASE"]
    if os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        return _whole(Path(os.environ["PULUMI_CONFIG_PASSPHRASE_FILE"]))
    if environment.kind == "cloud":
        raise BadInput(
            f"environment {environment.name}: no passphrase for the state",
            hint="export PULUMI_CONFIG_PASSPHRASE_FILE=… (a 0600 file your team shares by its password manager)",
        )
    path = home / "passphrase" / environment.name
    with private_files.alone(path.parent):
        if not path.exists():
            private_files.write(path, random.token_urlsafe(32))
    return _whole(path)


def _whole(path: Path) -> str:
    text = private_files.read(path).strip()
    if not text:
        raise BadInput(f"{path}: is empty", why="it should hold the passphrase of the state", hint="put it back from your team's copy")
    return text
