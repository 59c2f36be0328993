"""`python -m app`: serve until SIGTERM, then let running requests end."""

from __future__ import annotations

import os
import sys
import tempfile

import uvicorn

from app import faults
from app.settings import SettingsError, load

GRACE_S = 12


def main() -> None:
    faults.load()
    try:
        settings = load()
    except SettingsError as error:
        sys.exit(f"cannot start: {error}")
    if settings.workers > 1:
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))
    uvicorn.run(
        "app.main:create", factory=True, host="0.0.0.0", port=settings.port, workers=settings.workers,  # noqa: S104 - inside its container
        loop="uvloop", http="httptools", access_log=False, log_level="warning", timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=75, proxy_headers=False, server_header=False, backlog=2048,
    )  # fmt: skip


if __name__ == "__main__":
    main()
