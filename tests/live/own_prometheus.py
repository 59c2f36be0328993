"""A Prometheus of one's own for a live test, from the catalogue's image."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from images import engine
from images.resolve import resolve


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def serving(folder: Path, port: int, configuration: str) -> Iterator[str]:
    """Its address, while the block runs. It shares this machine's network, so that it reaches targets on the loopback."""
    folder.chmod(0o755)
    (folder / "prometheus.yml").write_text(configuration)
    name = f"cmctl-test-prometheus-{os.getpid()}-{port}"
    image = resolve(["prometheus"], "0", {}, print)["prometheus"].reference
    engine.docker(
        ["run", "--rm", "--detach", "--name", name, "--network", "host", "--user", "65534:65534", "--volume", "/prometheus", "--volume", f"{folder}:/etc/test:ro",
         "--entrypoint", "prometheus", image, "--config.file=/etc/test/prometheus.yml", "--storage.tsdb.path=/prometheus", f"--web.listen-address=127.0.0.1:{port}"]
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        engine.docker(["rm", "--force", "--volumes", name])
