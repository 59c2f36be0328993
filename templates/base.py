"""The base part of a layer on one host: the containers that are never in a slot, with their configuration files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Literal

from environments.certificates import Certificate
from layout.model import Fixed, Layout
from layout.release import CERTIFICATE
from templates import compose, nginx, prometheus, redis, relief
from templates import secrets as secret_values
from templates.compose import APP_USER, NOBODY, REDIS_USER, Service, hardened, health, mounts, secret

LIVE, ANSWERS = "../live", "../acme"
# As seen from the base part's compose file.
CERTIFICATE_FOLDER = str(PurePosixPath(CERTIFICATE).parent.relative_to("base"))
# By the clock, not by tries: one that is slow to answer must not hold up a way back, which gives a command inside a container 30 s.
TAKEN_S = 10
# A reload closes idle connections, and a request may be on its way in one: never without need, and it is over when the new files answer.
# One that has only just been started has no pid yet, and reads them anyway.
RELOAD_NGINX = f"""
taken() {{ used=$(wget -q -t 1 -T 4 -O - http://127.0.0.1:{nginx.STATUS_PORT}/config) && grep -q -F "$used" /etc/cmctl/nginx/nginx.conf; }}
taken && exit 0
kill -HUP "$(cat /tmp/nginx.pid)"
end=$(($(date +%s) + {TAKEN_S})); until taken; do [ "$(date +%s)" -lt $end ] || exit 1; sleep 0.2; done
"""
# How a container reads its configuration anew without a restart.
RELOAD = {"nginx": ("sh", "-c", RELOAD_NGINX), "prometheus": ("sh", "-c", "kill -HUP $(pidof prometheus) || true")}
PING = 'REDISCLI_AUTH="$(cut -d" " -f2 /run/secrets/redis-auth)" redis-cli ping | grep -q PONG'


def ready_command(one: Fixed) -> tuple[str, ...]:
    """The command that ends with 0 inside a container when it can serve; its health check is the same."""
    urls = {
        "nginx": f"http://127.0.0.1:{nginx.STATUS_PORT}/livez",
        "prometheus": f"http://127.0.0.1:{one.port}/-/ready",
        "node-exporter": f"http://127.0.0.1:{one.port}/",
        "redis-exporter": f"http://127.0.0.1:{one.port}/health",
    }
    if one.image == "redis":
        return ("sh", "-c", PING)
    if one.image == "mongo":
        return ("busybox", "nc", "-w", "2", "127.0.0.1", str(one.port), "-e", "true")
    return ("wget", "-q", "-t", "1", "-T", "4", "-O", "/dev/null", urls[one.image])


class Base:
    """Collects one host's services, files and secret files of the base part."""

    def __init__(
        self,
        layout: Layout,
        host: str,
        images: Mapping[str, str],
        values: Mapping[str, str],
        certificate: Certificate,
        nginx_version: nginx.Version,
    ) -> None:
        self.layout, self.host, self.images, self.values = layout, host, images, values
        self.certificate, self.nginx_version = certificate, nginx_version
        self.services: dict[str, Service] = {}
        self.files: dict[str, str] = {}
        self.secret_files: dict[str, str] = {}
        self.volumes: list[str] = []
        for one in layout.fixed:
            if one.host == host:
                self.services[one.name] = self._add(one) | health(*(part.replace("$", "$$") for part in ready_command(one)), start_s=5)
                if one.image == "nginx":
                    self.files |= relief.document(layout, one, self.services[one.name])

    def _add(self, one: Fixed) -> Service:
        makers = {
            "edge": self._edge,
            "balancer": self._balancer,
            "mongo": self._mongo,
            "prometheus": self._prometheus,
            "redis-exporter": self._redis_exporter,
        }
        if one.name in makers:
            return makers[one.name](one)
        return self._node_exporter(one) if one.name == "node-exporter" else self._redis(one)

    def _nginx(self, one: Fixed, text: str, extra: Mapping[str, str]) -> Service:
        folder = f"base/{one.name}/"
        beside = [content for path, content in sorted(self.files.items()) if path.startswith(folder)]
        # With what ends it: a route or a domain may begin with the same word.
        self.files[f"{folder}nginx.conf"] = text.replace(f'"{nginx.MARK}\\n"', f'"{nginx.MARK}{_digest(text, *beside)}\\n"')
        self.secret_files[CERTIFICATE] = self.certificate.chain + self.certificate.key
        ending = {"stop_signal": "SIGQUIT", "stop_grace_period": f"{nginx.stop_s(self.layout)}s"}
        service = hardened(self.layout, one, self.images, APP_USER) | ending
        service |= mounts({f"./{one.name}": "/etc/cmctl/nginx", f"./{CERTIFICATE_FOLDER}": nginx.TLS_FOLDER, **extra})
        service["command"] = ["nginx", "-c", "/etc/cmctl/nginx/nginx.conf", "-e", "/dev/stderr", "-g", "daemon off;"]
        return service

    def _balancer(self, one: Fixed) -> Service:
        return self._nginx(one, nginx.balancer(self.layout, self.host, self.nginx_version), self._live())

    def _edge(self, one: Fixed) -> Service:
        if self.layout.environment.tls.origin == "generated":
            self.files["base/edge/authority.pem"] = self.certificate.authority
        return self._nginx(one, nginx.edge(self.layout, self.host, self.nginx_version), self._live())

    def _live(self) -> Mapping[str, str]:
        """The folders beside the base that decide while nginx runs: flags, and answers to a certificate authority."""
        answers: dict[str, str] = {ANSWERS: nginx.ACME_FOLDER} if self.layout.environment.tls.origin == "acme" else {}
        return {LIVE: "/etc/cmctl/live", **answers}

    def _redis(self, one: Fixed) -> Service:
        kind: Literal["cache", "sessions"] = "sessions" if one.name.endswith("sessions") else "cache"
        self.files[f"base/{one.name}/redis.conf"] = redis.conf(self.layout.phase.redis[kind])
        self.secret_files["base/secrets/redis-auth"] = secret_values.redis_auth(self.values)
        self.volumes.append(one.name)
        service = hardened(self.layout, one, self.images, REDIS_USER) | {
            "command": ["redis-server", "/etc/cmctl/redis/redis.conf"],
            "stop_grace_period": "30s",
        }
        service |= mounts({f"./{one.name}": "/etc/cmctl/redis"}) | secret("redis-auth")
        service["volumes"].append({"type": "volume", "source": one.name, "target": "/data"})
        return self._marked(
            service | {"entrypoint": []}, self.files[f"base/{one.name}/redis.conf"], self.secret_files["base/secrets/redis-auth"]
        )

    def _mongo(self, one: Fixed) -> Service:
        self.volumes.append(one.name)
        service = hardened(self.layout, one, self.images, APP_USER) | {"stop_grace_period": "30s"}
        service["volumes"] = [{"type": "volume", "source": one.name, "target": "/data"}]
        return service

    def _prometheus(self, one: Fixed) -> Service:
        self.files["base/prometheus/prometheus.yml"] = prometheus.conf(self.layout)
        self.volumes.append(one.name)
        days = self.layout.phase.monitoring.retention_days if self.layout.phase.monitoring else 1
        flags = [
            "--config.file=/etc/cmctl/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            f"--storage.tsdb.retention.time={days}d",
        ]
        service = hardened(self.layout, one, self.images, NOBODY) | {"command": flags, "stop_grace_period": "30s"}
        service |= mounts({"./prometheus": "/etc/cmctl/prometheus"})
        service["volumes"].append({"type": "volume", "source": one.name, "target": "/prometheus"})
        return service

    def _node_exporter(self, one: Fixed) -> Service:
        flags = ["--path.procfs=/host/proc", "--path.sysfs=/host/sys", "--path.rootfs=/host/root", f"--web.listen-address=:{one.port}"]
        service = hardened(self.layout, one, self.images, NOBODY) | {"command": flags}
        service |= mounts({"/proc": "/host/proc", "/sys": "/host/sys", "/": "/host/root"})
        return service

    def _redis_exporter(self, one: Fixed) -> Service:
        self.secret_files["base/secrets/redis-passwords"] = secret_values.redis_exporter_passwords(self.layout, self.values)
        service = hardened(self.layout, one, self.images, APP_USER)
        service["command"] = ["--redis.addr=", "--redis.password-file=/run/secrets/redis-passwords", f"--web.listen-address=:{one.port}"]
        return self._marked(service | secret("redis-passwords"), self.secret_files["base/secrets/redis-passwords"])

    def _marked(self, service: Service, *texts: str) -> Service:
        """A label that changes with files the container reads only at its start, so that compose makes it anew then."""
        return service | {"labels": service["labels"] | {"io.cmctl.files": _digest(self.layout.stack, *texts)}}

    def compose(self) -> str:
        return compose.document(self.layout, "base", self.services, tuple(self.volumes)) if self.services else ""


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]
