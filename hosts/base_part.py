"""The part of a layer that is never in a slot: only what differs is touched, and configuration alone is a reload."""

from __future__ import annotations

from hosts import bundles, containers
from hosts.fleet import Host
from hosts.lease import Lease
from layout.release import ReleaseSpec


async def bring(host: Host, lease: Lease, spec: ReleaseSpec) -> list[str]:
    """Bring a host's base part to a release that lies there already; returns the files that changed."""
    before = {one.name for one in await containers.listed(host, spec.stack) if one.state == "running"}
    changed = await bundles.place_base(host, lease, spec.release_id())
    if "base/compose.yaml" in spec.bundles[host.name].files:
        await containers.up(host, lease, f"{spec.stack}-base", f"{host.paths.base}/compose.yaml")
    await _reload(spec, host, changed, before)
    return changed


async def _reload(spec: ReleaseSpec, host: Host, changed: list[str], before: set[str]) -> None:
    """Make containers that were running before read their changed files anew."""
    folders = {path.split("/")[0] for path in changed if "/" in path}
    for one in spec.ready:
        name = next((folder for folder in folders if one.container.endswith(f"-base-{folder}")), None)
        if one.host == host.name and one.reload and name and one.container in before:
            await containers.inside(host, one.container, one.reload)
