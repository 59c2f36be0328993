"""What the platform's own metrics say is used up: connection pools, Redis memory. Asked of the phase's Prometheus, where it has one."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

ASK_S = 3.0
# Two scrapes at the interval of 15 s.
WINDOW = "30s"
# Name of the resource, with the metric's labels → expression for the share in use.
EXPRESSIONS: Mapping[str, str] = {
    "{pool} pool of {instance_id}": (
        f"max by (pool, instance_id) (max_over_time(mongodb_pool_checked_out_connections[{WINDOW}]) / (mongodb_pool_max_connections > 0))"
    ),
    "memory of {store}": f"max by (store) (max_over_time(redis_memory_used_bytes[{WINDOW}]) / (redis_memory_max_bytes > 0))",
}
Ask = Callable[[str], Any]


def shares(ask: Ask) -> Mapping[str, float]:
    """Share in use by resource, through `ask` (expression → Prometheus' answer as JSON); what has no figure is left out."""
    found = {}
    for name, expression in EXPRESSIONS.items():
        for row in ask(expression)["data"]["result"]:
            value = float(row["value"][1])
            if math.isfinite(value):
                found[name.format(**row["metric"])] = round(value, 3)
    return found


def local(address: str, port: int | None) -> Callable[[], Mapping[str, float]] | None:
    """Shares from Prometheus at this address; {} while nobody answers there. None where the environment names no port."""
    if port is None:
        return None

    def watch() -> Mapping[str, float]:
        try:
            return shares(lambda expression: _ask(address, port, expression))
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
            return {}

    return watch


def _ask(address: str, port: int, expression: str) -> Any:
    connection = http.client.HTTPConnection(address, port, timeout=ASK_S)
    try:
        connection.request("GET", f"/api/v1/query?query={quote(expression)}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
