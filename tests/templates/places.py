"""Layouts and releases of Codementee on one machine and on several, with made-up images, secrets and certificate."""

from __future__ import annotations

from pathlib import Path

from environments.certificates import Certificate
from environments.load import ROOT as ENVIRONMENTS
from environments.load import load as load_environment
from layout.model import Layout
from layout.place import place
from layout.release import ReleaseSpec
from phases.load import ROOT as PLATFORMS
from phases.load import load as load_platform
from templates import release, secrets

IMAGES = {
    name: f"sha256:{number:064x}"
    for number, name in enumerate(("nginx", "redis", "prometheus", "node-exporter", "redis-exporter", "mongo", "backend", "frontend"))
}
CERTIFICATE = Certificate("CHAIN\n", "CANARY-KEY\n", "AUTHORITY\n")
LAYERS = [(0, "phase0"), (1, "phase1"), (2, "phase2"), (2, "data"), (2, "edge")]
OWN = Path(__file__).parents[1] / "layout" / "environments"


def layout(phase: int, layer: str, environment: str = "local") -> Layout:
    loaded = load_platform("codementee", PLATFORMS)
    where = load_environment(environment, OWN if (OWN / f"{environment}.yaml").exists() else ENVIRONMENTS)
    return place(loaded.platform, loaded.phase(phase), where, layer, loaded.phases.values())


def spec(
    phase: int, layer: str, version: str = "1.0.0", home: Path = Path("/home-of-cmctl"), environment: str = "local",
    certificate: Certificate = CERTIFICATE,
) -> ReleaseSpec:  # fmt: skip
    return of(layout(phase, layer, environment), version, home, certificate)


def of(
    placed: Layout, version: str = "1.0.0", home: Path = Path("/home-of-cmctl"), certificate: Certificate = CERTIFICATE
) -> ReleaseSpec:  # fmt: skip
    values = {name: f"CANARY-{name}" for name in secrets.given(placed.platform, placed.phase, placed.environment)}
    return release.spec(placed, version, IMAGES, values, certificate, home)
