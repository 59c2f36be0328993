"""Where cmctl keeps what is its own on this machine: state under `home()`, things that can be made again under `cache()`."""

from __future__ import annotations

import os
from pathlib import Path

from errors import BadInput


def home() -> Path:
    """$CMCTL_HOME, else $XDG_STATE_HOME/cmctl, else ~/.local/state/cmctl."""
    return _folder("CMCTL_HOME", "XDG_STATE_HOME", ".local/state")


def cache() -> Path:
    """$CMCTL_CACHE, else $XDG_CACHE_HOME/cmctl, else ~/.cache/cmctl."""
    return _folder("CMCTL_CACHE", "XDG_CACHE_HOME", ".cache")


def _folder(own: str, xdg: str, below_home: str) -> Path:
    try:
        if given := os.environ.get(own):
            return Path(given).expanduser().absolute()
        base = os.environ.get(xdg)
        return (Path(base) if base else Path.home() / below_home) / "cmctl"
    except RuntimeError as error:  # a user whom the machine does not know, as in many containers
        raise BadInput("there is no home folder to keep things in", why=str(error), hint=f"export {own}=/a/folder/that/stays") from error
