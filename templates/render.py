"""layout → bundles: all files of every host. Pure; same input, same bytes."""

from __future__ import annotations

from collections.abc import Mapping

from environments.certificates import Certificate
from layout.model import SLOTS, Layout
from layout.release import Bundle
from templates import compose
from templates import secrets as secret_values
from templates.base import Base
from templates.nginx import OLDEST, Version


def bundles(
    layout: Layout, images: Mapping[str, str], secrets: Mapping[str, str], certificate: Certificate, nginx_version: Version = OLDEST
) -> dict[str, Bundle]:
    """Host → bundle. `images` maps catalogue names to references; `secrets` are those that `templates.secrets.given` names.

    `nginx_version` is the one in the image: directives follow it.
    """
    values = {host: secret_values.complete(layout, secrets, host) if layout.instances else {} for host in layout.hosts}
    return {host: _bundle(Base(layout, host, images, values[host], certificate, nginx_version)) for host in layout.hosts}


def _bundle(base: Base) -> Bundle:
    layout, host, images, values = base.layout, base.host, base.images, base.values
    files = {"base/compose.yaml": base.compose(), **base.files}
    files |= {f"{part}/compose.yaml": compose.slot(layout, host, part, images) for part in SLOTS}
    wanted = {name for one in layout.instances if one.host == host for name in layout.platform.services[one.service].secrets}
    secret_files = base.secret_files | {f"secrets/{name}": values[name] for name in sorted(wanted)}
    return Bundle(files={path: text for path, text in sorted(files.items()) if text}, secret_files=dict(sorted(secret_files.items())))
