"""A real OTLP receiver for tests: the OpenTelemetry collector's own, built from its published module, writing what arrives to a file."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments.home import cache
from errors import CmctlError
from tools.builder import Family, Report, build

RECEIVER = Family("otlp", "otlp", ".", "0.155.0", minutes=0.5)
READY_S = 15


@dataclass(frozen=True)
class Traces:
    """`url` is what a sender gets; `file` has one JSON line per batch, as the receiver decoded it."""

    url: str
    file: Path

    def batches(self) -> list[dict[str, Any]]:
        """ResourceSpans of everything that arrived; a line that is still being written is left for the next look."""
        lines = self.file.read_text(encoding="utf-8").splitlines(keepends=True)
        return [one for line in lines if line.endswith("\n") for one in json.loads(line)["resourceSpans"]]

    def spans(self) -> list[dict[str, Any]]:
        return [span for one in self.batches() for scope in one["scopeSpans"] for span in scope["spans"]]


def program(report: Report) -> Path:
    return build(RECEIVER, cache(), report)


@contextmanager
def receiver(address: str, port: int, folder: Path, report: Report) -> Iterator[Traces]:
    """The receiver on `address`:`port`. Raises CmctlError when it does not listen."""
    argv = [str(program(report)), f"{address}:{port}"]
    path, log = folder / "traces.jsonl", folder / "receiver.log"
    with path.open("wb") as out, log.open("wb") as err:
        running = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            end = time.monotonic() + READY_S
            while not _listens(address, port):
                if time.monotonic() > end or running.poll() is not None:
                    raise CmctlError("the trace receiver does not listen", why=log.read_text(encoding="utf-8", errors="replace")[-2000:])
                time.sleep(0.05)
            yield Traces(f"http://{address}:{port}", path)
        finally:
            running.kill()
            running.wait()


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True
