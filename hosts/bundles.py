"""Bundles on a host: brought as one archive, secret files in folders of their owner alone."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

import yaml

from errors import CmctlError
from hosts.connection import output
from hosts.fleet import Host
from hosts.lease import Lease
from layout.model import Slot
from layout.release import Bundle, ReleaseSpec

RECORD = "release.json"
# $1 folder beside the release's: a slow line must not hold the lease's lock, so bytes arrive here first
UNPACK = """
umask 022; rm -rf "$1"; mkdir -p "$1" && tar -x -C "$1" -f - || exit 1
for folder in "$1/secrets" "$1/base/secrets"; do [ -d "$folder" ] && chmod 700 "$folder"; done
chmod 600 "$1/secrets.json" && sync -f "$1"
"""
# $1 what arrived, $2 folder of the release: renamed whole; one that is there already gives way only then
PLACE = 'rm -rf "$2.old"; [ ! -d "$2" ] || mv "$2" "$2.old"; mv "$1" "$2" && rm -rf "$2.old"'
# $1 release folder, $2 base folder: the base's files are replaced one by one, because the folder is mounted
PLACE_BASE = """
mkdir -p "$2"; cd "$1/base" || exit 1
find . -type d | while read -r d; do mkdir -p "$2/$d"; done
[ -d "$2/secrets" ] && chmod 700 "$2/secrets"
find . -type f | while read -r f; do cmp -s "$f" "$2/$f" || { cp -p "$f" "$2/$f.new" && mv "$2/$f.new" "$2/$f" && echo "$f"; }; done
cd "$2" && find . -type f | while read -r f; do [ -e "$1/base/$f" ] || rm -f "$f"; done; sync -f .
"""
# $1 folder of releases, $2 how many to keep, $3 release ids in use
PRUNE = """
cd "$1" || exit 0; ls -1t | tail -n +$(($2 + 1)) | while read -r id; do case " $3 " in *" $id "*) ;; *) rm -rf "$id" ;; esac; done
"""
KEEP = 5
CURRENT = 'ln -sfn "$1" "$2.new" && mv -T "$2.new" "$2" && sync "$(dirname "$2")"'


def archive(spec: ReleaseSpec, bundle: Bundle) -> bytes:
    """A tar of a host's bundle and of the record that a rollback is rebuilt from.

    Secret files are readable inside their 0700 folder, because a container's user reads them through its mount.
    """
    record = spec.model_dump(mode="json", exclude={"bundles": {host: {"secret_files"} for host in spec.bundles}})
    secrets = {host: one.secret_files for host, one in spec.bundles.items()}
    files = dict(bundle.files) | dict(bundle.secret_files)
    files |= {RECORD: json.dumps(record, sort_keys=True), "secrets.json": json.dumps(secrets, sort_keys=True)}
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, text in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def images(bundle: Bundle) -> set[str]:
    """References of the images that a host's containers run, read from its compose files."""
    files = [text for path, text in bundle.files.items() if path.endswith("/compose.yaml")]
    services = [service for text in files for service in (yaml.safe_load(text).get("services") or {}).values()]
    return {str(service["image"]) for service in services}


async def upload(host: Host, lease: Lease, spec: ReleaseSpec, release_id: str) -> None:
    data = archive(spec, spec.bundles[host.name])
    folder = host.paths.release(release_id)
    arrived = f"{folder}.{lease.token[:8]}.new"
    await output(host.connection, ["sh", "-c", UNPACK, "unpack", arrived], stdin=data, timeout_s=120, what="bringing the bundle")
    await lease.run(host, "sh", "-c", PLACE, "place", arrived, folder, what="placing the bundle")


async def place_base(host: Host, lease: Lease, release_id: str) -> list[str]:
    """Make the base folder equal to the release's; returns the files that changed."""
    text = await lease.run(
        host, "sh", "-c", PLACE_BASE, "place", host.paths.release(release_id), host.paths.base, what="placing the base files"
    )
    return [line.removeprefix("./") for line in text.splitlines()]


async def differing(host: Host, spec: ReleaseSpec, live: Slot) -> list[str]:
    """Files of the base part and of the live slot that do not lie on the host as the release has them."""
    bundle = spec.bundles[host.name]
    files = dict(bundle.files) | dict(bundle.secret_files)
    release = host.paths.release(spec.release_id())
    wanted = {f"{host.paths.base}/{path.removeprefix('base/')}": text for path, text in files.items() if path.startswith("base/")}
    wanted |= {f"{release}/{path}": text for path, text in files.items() if path.startswith((f"{live}/", "secrets/"))}
    sums = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {path}\n" for path, text in sorted(wanted.items()))
    done = await host.connection.run(["sha256sum", "--check", "--quiet", "-"], stdin=sums.encode())
    return [line.rpartition(": ")[0].removeprefix(f"{host.paths.folder}/") for line in done.stdout.splitlines() if ": FAILED" in line]


async def stored(host: Host, release_id: str) -> ReleaseSpec:
    """The release as it was deployed. Raises CmctlError when the host has not kept it."""
    record = await host.connection.read(f"{host.paths.release(release_id)}/{RECORD}")
    secrets = await host.connection.read(f"{host.paths.release(release_id)}/secrets.json")
    if record is None or secrets is None:
        raise CmctlError(f"release {release_id} is not kept on {host.name}", hint="cmctl releases lists those that are kept")
    data = json.loads(record)
    for name, files in json.loads(secrets).items():
        data["bundles"][name]["secret_files"] = files
    return ReleaseSpec.model_validate(data)


async def make_current(host: Host, lease: Lease, release_id: str) -> None:
    """The link `current` names the release from here on; one rename."""
    await lease.run(host, "sh", "-c", CURRENT, "current", host.paths.release(release_id), host.paths.current, what="naming the release")


async def prune(host: Host, lease: Lease, used: set[str]) -> None:
    folder = f"{host.paths.folder}/releases"
    await lease.run(host, "sh", "-c", PRUNE, "prune", folder, str(KEEP), " ".join(sorted(used)), what="removing old releases")


async def kept(host: Host) -> list[str]:
    """Ids of the releases on the host, newest first."""
    done = await host.connection.run(["ls", "-1t", f"{host.paths.folder}/releases"])
    return [line for line in done.stdout.split() if not line.endswith((".new", ".old"))]
