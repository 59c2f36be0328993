"""ReleaseSpec ↔ the inputs of a Release resource: plain parts as they are, secret files apart, so that previews hide only these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layout.release import ReleaseSpec

Inputs = dict[str, Any]
SecretFiles = dict[str, dict[str, str]]
SECRET = "secretFiles"  # noqa: S105 - the name of an input


def split(spec: ReleaseSpec) -> tuple[Inputs, SecretFiles]:
    """The plain inputs, and host → path → text of the secret files."""
    plain = spec.model_dump(mode="json")
    secret = {host: bundle.pop("secret_files") for host, bundle in plain["bundles"].items()}
    return plain, secret


def join(inputs: Mapping[str, Any]) -> ReleaseSpec:
    """The spec that `inputs` (with `secretFiles`) came from."""
    from layout.release import ReleaseSpec

    secret = inputs.get(SECRET) or {}
    bundles = {host: {**bundle, "secret_files": secret.get(host, {})} for host, bundle in inputs["bundles"].items()}
    rest = {key: value for key, value in inputs.items() if key not in {SECRET, "bundles"} and not key.startswith("__")}
    return ReleaseSpec.model_validate({**rest, "bundles": bundles})
