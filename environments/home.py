"""Where cmctl keeps what is its own on this machine: state under `home()`, things that can be made again under `cache()`."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """$CMCTL_HOME, else $XDG_STATE_HOME/cmctl, else ~/.local/state/cmctl."""
    return _folder("CMCTL_HOME", "XDG_STATE_HOME", ".local/state")


def cache() -> Path:
    """$CMCTL_CACHE, else $XDG_CACHE_HOME/cmctl, else ~/.cache/cmctl."""
    return _folder("CMCTL_CACHE", "XDG_CACHE_HOME", ".cache")


def _folder(own: str, xdg: str, below_home: str) -> Path:
    if os.environ.get(own):
        return Path(os.environ[own]).absolute()
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / below_home) / "cmctl"
