"""Labels and API groups that objects of the phase have; plain texts, so that who only reads a cluster loads no SDK."""

from __future__ import annotations

NAME, PART_OF, MANAGED_BY, VERSION = (
    "app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/managed-by", "app.kubernetes.io/version",
)  # fmt: skip
TRACK = "cmctl.io/track"
GATEWAY_API, TRAEFIK_API = "gateway.networking.k8s.io/v1", "traefik.io/v1alpha1"
