"""One catalogue of images: name → upstream reference by digest, or how it is built on this machine.

Digests are of multi-architecture indexes. They were read from several independent public pins in November 2026; a pull
by digest fails closed when one is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Image:
    """`upstream` is a reference by digest, or empty with the reason in `why_local`. `recipe` is a file under images/recipes."""

    name: str
    recipe: str
    upstream: str = ""
    why_local: str = ""
    needs: tuple[str, ...] = ()


CATALOGUE = {
    image.name: image
    for image in (
        Image("nginx", "nginx", "docker.io/library/nginx:1.28-alpine@sha256:a8b39bd9cf0f83869a2162827a0caf6137ddf759d50a171451b335cecc87d236"),
        Image("redis", "redis", "docker.io/library/redis:7.4-alpine@sha256:ff02b58f971e7d7d156a1267e283fcbbeee91773b6aa36c49dac28ecfe28eadf"),
        Image("prometheus", "prometheus", "docker.io/prom/prometheus:v3.5.0@sha256:63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996"),
        Image("node-exporter", "node-exporter", "docker.io/prom/node-exporter:v1.9.1@sha256:d00a542e409ee618a4edc67da14dd48c5da66726bbd5537ab2af9c1dfc442c8a"),
        Image("redis-exporter", "redis-exporter", why_local="no digest of it was found in two independent places"),
        Image("mongo", "mongo", why_local="local environments use one program everywhere; production uses Atlas", needs=("ferretdb",)),
        Image("backend", "backend", why_local="the stand-in app of this repository", needs=("app",)),
        Image("frontend", "frontend", why_local="the stand-in app of this repository", needs=("pages",)),
    )
}

# What the Debian base of all local builds holds.
BASE_PACKAGES = (
    "busybox", "ca-certificates", "nginx-light", "prometheus", "prometheus-node-exporter", "prometheus-redis-exporter",
    "python3-minimal", "libpython3-stdlib", "redis-server", "wget",
)  # fmt: skip
