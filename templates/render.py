"""layout → bundles: all files of every host. Pure; same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping

from environments.certificates import Certificate
from layout.model import SLOTS, Layout
from layout.release import Bundle
from templates import compose
from templates import secrets as secret_values
from templates.base import Base


def bundles(layout: Layout, images: Mapping[str, str], secrets: Mapping[str, str], certificate: Certificate) -> dict[str, Bundle]:
    """Host → bundle. `images` maps catalogue names to references; `secrets` are those that `templates.secrets.given` names."""
    values = {host: secret_values.complete(layout, secrets, host) if layout.instances else {} for host in layout.hosts}
    return {host: _bundle(layout, host, images, values[host], certificate) for host in layout.hosts}


def _bundle(layout: Layout, host: str, images: Mapping[str, str], values: Mapping[str, str], certificate: Certificate) -> Bundle:
    base = Base(layout, host, images, values, certificate)
    files = {"base/compose.yaml": base.compose(), **base.files}
    files |= {f"{part}/compose.yaml": compose.slot(layout, host, part, images) for part in SLOTS}
    wanted = {name for one in layout.instances if one.host == host for name in layout.platform.services[one.service].secrets}
    secret_files = base.secret_files | {f"secrets/{name}": values[name] for name in sorted(wanted)}
    return Bundle(files={path: text for path, text in sorted(files.items()) if text}, secret_files=dict(sorted(secret_files.items())))
