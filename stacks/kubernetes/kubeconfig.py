"""A context of a kubeconfig, by name: where the API server is, whom it trusts, and how to say who we are."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from documents import did_you_mean
from environments import home as homes
from environments.model import Environment
from errors import BadInput, Unreachable

EXEC_S = 30


@dataclass(frozen=True)
class Connection:
    """`headers` carry who we are; `tls` is None for plain http."""

    server: str
    namespace: str
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False, default=None)


def given(environment: Environment) -> str:
    """The environment's own kubeconfig; empty for what kubectl reads."""
    path = environment.cluster.kubeconfig
    return str(homes.home() / Path(path).expanduser()) if path else ""


def paths(named: str = "") -> list[Path]:
    """The files that are read: the one given, those of $KUBECONFIG, or kubectl's own."""
    every = named or os.environ.get("KUBECONFIG", "")
    return [Path(one).expanduser() for one in every.split(os.pathsep) if one] or [Path.home() / ".kube" / "config"]


def connect(context: str, file: str = "") -> Connection:
    """Raises BadInput for a file or a context that is not there, Unreachable when its login program fails."""
    files = paths(file)
    found = _merged(files)
    contexts = {one["name"]: one.get("context") or {} for one in found["contexts"]}
    if context not in contexts:
        raise BadInput(
            f"there is no context {context!r} in {', '.join(str(path) for path in files)}{did_you_mean(context, list(contexts))}",
            why=f"known contexts: {', '.join(sorted(contexts)) or 'none'}", hint="kubectl config get-contexts -o name",
        )  # fmt: skip
    chosen = contexts[context]
    cluster = _named(found, "clusters", "cluster", str(chosen.get("cluster", "")), context)
    user = _named(found, "users", "user", str(chosen.get("user", "")), context)
    server = str(cluster.get("server", "")).rstrip("/")
    headers, certificate = _credentials(user)
    tls = _tls(cluster, certificate) if server.startswith("https://") else None
    return Connection(server, str(chosen.get("namespace") or "default"), headers, tls)


def _merged(files: list[Path]) -> dict[str, list[dict[str, Any]]]:
    """As kubectl does: files one after the other, the first that names a thing counts. Relative paths are the file's."""
    merged: dict[str, list[dict[str, Any]]] = {"contexts": [], "clusters": [], "users": []}
    there = [path for path in files if path.exists()]
    if not there:
        raise BadInput(
            f"there is no kubeconfig at {', '.join(str(path) for path in files)}",
            hint="set KUBECONFIG, or cluster.kubeconfig in the environment",
        )
    for path in there:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            for section, one in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
                merged[section] += [_absolute(entry, one, path.parent) for entry in document.get(section) or []]
        except (OSError, yaml.YAMLError, AttributeError, TypeError, KeyError):
            # `from None`: the parser's error quotes the text, and the text may be a key.
            raise BadInput(f"{path}: is no kubeconfig", hint="kubectl config view") from None
    return {section: list({entry["name"]: entry for entry in reversed(entries)}.values()) for section, entries in merged.items()}


def _absolute(entry: dict[str, Any], one: str, folder: Path) -> dict[str, Any]:
    inside = dict(entry.get(one) or {})
    for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
        if inside.get(key):
            inside[key] = str(folder / str(inside[key]))
    return {"name": str(entry["name"]), one: inside}


def _named(found: Mapping[str, list[dict[str, Any]]], section: str, one: str, name: str, context: str) -> dict[str, Any]:
    for entry in found[section]:
        if entry["name"] == name:
            return dict(entry[one])
    raise BadInput(f"context {context} names {one} {name!r}, which the kubeconfig does not have", hint="kubectl config view")


def _credentials(user: Mapping[str, Any]) -> tuple[dict[str, str], tuple[bytes, bytes] | None]:
    """Headers, and a client certificate with its key where there is one."""
    if user.get("exec"):
        return _from_program(user["exec"])
    certificate, key = _bytes(user, "client-certificate"), _bytes(user, "client-key")
    pair = (certificate, key) if certificate and key else None
    token = str(user.get("token") or "")
    if not token and user.get("tokenFile"):
        token = Path(str(user["tokenFile"])).read_text(encoding="utf-8").strip()
    if token:
        return {"Authorization": f"Bearer {token}"}, pair
    if user.get("username"):
        both = base64.b64encode(f"{user['username']}:{user.get('password', '')}".encode()).decode()
        return {"Authorization": f"Basic {both}"}, pair
    return {}, pair


def _from_program(wanted: Mapping[str, Any]) -> tuple[dict[str, str], tuple[bytes, bytes] | None]:
    """What a cloud's login program answers (client.authentication.k8s.io)."""
    argv = [str(wanted["command"]), *(str(one) for one in wanted.get("args") or [])]
    given = {str(one["name"]): str(one["value"]) for one in wanted.get("env") or []}
    asked = {"apiVersion": wanted.get("apiVersion"), "kind": "ExecCredential", "spec": {"interactive": False}}
    environment = {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=EXEC_S, check=True)
        status = json.loads(done.stdout)["status"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        said = str(getattr(error, "stderr", "") or error).strip()
        raise Unreachable(
            f"the kubeconfig's login program {argv[0]} gave no credentials", why=said, hint=str(wanted.get("installHint") or "")
        ) from None
    headers = {"Authorization": f"Bearer {status['token']}"} if status.get("token") else {}
    pair = (status.get("clientCertificateData"), status.get("clientKeyData"))
    return headers, (str(pair[0]).encode(), str(pair[1]).encode()) if all(pair) else None


def _bytes(section: Mapping[str, Any], name: str) -> bytes | None:
    if section.get(f"{name}-data"):
        return base64.b64decode(str(section[f"{name}-data"]))
    return Path(str(section[name])).read_bytes() if section.get(name) else None


def _tls(cluster: Mapping[str, Any], certificate: tuple[bytes, bytes] | None) -> ssl.SSLContext:
    authority = _bytes(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        raise BadInput(
            "the kubeconfig switches off the check of the API server's certificate",
            why="anybody between could read and change everything",
            hint="give certificate-authority-data instead of insecure-skip-tls-verify",
        )
    if certificate:
        # The standard library reads a client's key from files only; this one is 0600 and gone at once.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(certificate[0] + b"\n" + certificate[1])
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
