"""Looks at what is in use while a load test runs: who is asked, when, and which probe the answer belongs to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self

from loadtests import progress
from loadtests.plan import Probe
from loadtests.result import Measured
from loadtests.uses import Window

OnProgress = Callable[[progress.Progress], None]


class Watch(Protocol):
    """Who knows what is in use: shares 0 to 1 by the name of the resource. Neither call raises; what is unknown is left out."""

    def look(self) -> Mapping[str, float]:
        """Shares since the look before; called beside the load, after each probe."""

    def recall(self, windows: Sequence[Window]) -> Mapping[str, Mapping[str, float]]:
        """Probe → shares in its window, from what was kept meanwhile; called once, after the last probe."""


class Looks:
    """Shares of resources in use while each probe ran. The looks are taken on a thread, so that no probe waits for an engine's figures."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._thread = ThreadPoolExecutor(1)
        self._by_probe: dict[str, Future[Mapping[str, float]]] = {}
        self._windows: list[Window] = []
        self._started = 0.0

    def __enter__(self) -> Self:
        if self._watch:
            self._thread.submit(self._watch.look)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def hearing(self, on_progress: OnProgress) -> OnProgress:
        """`on_progress`, and the moment kept at which each probe starts."""

        def hear(event: progress.Progress) -> None:
            if isinstance(event, progress.Started):
                self._started = time.time()
            on_progress(event)

        return hear

    def after(self, probe: Probe, measured: Measured | None) -> None:
        if self._watch is None:
            return
        self._by_probe[probe.name] = self._thread.submit(self._watch.look)
        if measured is not None:
            began = self._started + probe.warmup_s
            self._windows.append(Window(probe.name, began, min(time.time(), began + measured.seconds)))

    def found(self) -> Mapping[str, Mapping[str, float]]:
        """Probe → shares, once every look is done. Ctrl-C ends the waiting, not the answer."""
        if self._watch is None:
            return {}
        found: dict[str, dict[str, float]] = {window.probe: {} for window in self._windows}
        with contextlib.suppress(KeyboardInterrupt):
            for probe, look in self._by_probe.items():
                found[probe] = dict(look.result())
            for probe, kept in self._thread.submit(self._watch.recall, self._windows).result().items():
                found[probe].update(kept)
        return found
