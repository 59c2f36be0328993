"""One catalogue of images: name → upstream reference by digest, or how it is built on this machine.

Digests are of multi-architecture indexes. Each was read in November 2026 in several independent public pins of its tag;
a pull by digest fails closed when one is wrong, and then the image is built here.
"""

from __future__ import annotations

from dataclasses import dataclass

BUSYBOX = "docker.io/library/busybox:1.37-musl@sha256:fc6dddc4c44b1bfe37f41cae8e67d1693828e8f42a91862816d7953e2c9d3f23"
PYTHON = "docker.io/library/python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b"
NGINX = "docker.io/library/nginx:1.28-alpine@sha256:a8b39bd9cf0f83869a2162827a0caf6137ddf759d50a171451b335cecc87d236"


@dataclass(frozen=True)
class Image:
    """How one image comes here.

    `upstream` is a reference by digest; where it is empty the image is always built here and `why_local` says why.
    `recipe` is a file under images/recipes. It builds on the Debian base; an image that is always built here builds on
    `base`, a reference by digest, where the registry answers. `needs`: what goes into the build besides the recipe.
    """

    name: str
    recipe: str
    upstream: str = ""
    why_local: str = ""
    base: str = ""
    needs: tuple[str, ...] = ()

    @property
    def is_platforms(self) -> bool:
        """Whether it is the platform's own program, whose version a release names."""
        return bool({"app", "pages"} & set(self.needs))


CATALOGUE = {
    image.name: image
    for image in (
        Image("nginx", "nginx", NGINX),
        Image(
            "redis", "redis", "docker.io/library/redis:7.4-alpine@sha256:ff02b58f971e7d7d156a1267e283fcbbeee91773b6aa36c49dac28ecfe28eadf"
        ),
        Image(
            "prometheus",
            "prometheus",
            "docker.io/prom/prometheus:v3.5.0@sha256:63805ebb8d2b3920190daf1cb14a60871b16fd38bed42b857a3182bc621f4996",
        ),
        Image(
            "node-exporter",
            "node-exporter",
            "docker.io/prom/node-exporter:v1.9.1@sha256:d00a542e409ee618a4edc67da14dd48c5da66726bbd5537ab2af9c1dfc442c8a",
        ),
        Image(
            "redis-exporter",
            "redis-exporter",
            why_local="the published image holds nothing that could check its health",
            base="docker.io/oliver006/redis_exporter:v1.89.0@sha256:fed773ffd2bb2eac706e0ed9cc2fff41651193ee4977e2a4f6919658ad2313f4",
        ),
        Image(
            "mongo",
            "mongo",
            why_local="local environments use one program everywhere; production uses Atlas",
            base=BUSYBOX,
            needs=("ferretdb",),
        ),
        Image("backend", "backend", why_local="the stand-in app of this repository", base=PYTHON, needs=("app",)),
        Image("frontend", "frontend", why_local="the stand-in app of this repository", base=NGINX, needs=("pages",)),
        Image("load-worker", "load-worker", why_local="the load generator of this repository", base=PYTHON, needs=("generator",)),
    )
}

# What the Debian base of all local builds holds. GNU wget for the health checks, because the wget of Debian 12's busybox crashes.
BASE_PACKAGES = (
    "busybox", "ca-certificates", "nginx-light", "prometheus", "prometheus-node-exporter", "prometheus-redis-exporter",
    "python3-minimal", "libpython3-stdlib", "redis-server", "wget",
)  # fmt: skip
