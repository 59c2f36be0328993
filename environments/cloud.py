"""Machines that a cloud shall make for an environment. Existing ones stand under `hosts` and are adopted; these are made, and kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
KeyName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]


class CloudMachine(BaseModel):
    """One machine asked of a cloud. `type`, `location` and `image` as the cloud spells them; `ssh_keys` are names of keys in its project,
    which let root in at first. `protect`: neither the cloud nor the engine deletes it; off only in a change of its own.
    The token is in the environment (HCLOUD_TOKEN).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    provider: Literal["hetzner"]
    type: Annotated[str, Field(pattern=r"^[a-z]{2,4}\d{2,3}$")]
    location: Annotated[str, Field(pattern=r"^[a-z]{3}\d?$")]
    image: Literal["debian-12", "ubuntu-22.04", "ubuntu-24.04"] = "debian-12"
    roles: Annotated[tuple[Slug, ...], Field(min_length=1)]
    ssh_keys: Annotated[tuple[KeyName, ...], Field(min_length=1)]
    backups: bool = False
    protect: bool = True
