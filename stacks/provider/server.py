"""The provider's process: a port on its first line, Ctrl-C from the engine, and an engine that dies."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from stacks.processes import runs
from stacks.provider.tasks import Tasks

MESSAGE_BYTES = 400 * 2**20
LOOK_S = 0.5
BOSS = "CMCTL_PID"

# The engine kills a plugin 5 s after its SIGINT. Without an engine, what was begun may take this long to be taken back.
TAKE_BACK_S = 600


def serve(servicer: provider_pb2_grpc.ResourceProviderServicer, tasks: Tasks) -> int:
    """Serve until the engine ends this process (SIGINT to its own process group) or is gone. Returns the exit code."""
    server = grpc.server(
        ThreadPoolExecutor(16),
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopper(stopping))
    print(port, flush=True)  # noqa: T201 - the protocol: the engine reads the port from the first line
    wait(stopping, watched(os.getppid(), os.environ.get(BOSS, "")))
    tasks.cancel()
    tasks.idle(TAKE_BACK_S)
    return 0


def _stopper(stopping: threading.Event) -> Callable[[int, FrameType | None], None]:
    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stopping.set()

    return stop


def watched(engine: int, boss: str) -> Callable[[], bool]:
    """Whether the engine that started this process, and the cmctl that started the engine, are still there.

    An engine goes on when its cmctl was killed; a release that nobody waits for is taken back instead.
    """

    def alive() -> bool:
        return os.getppid() == engine and (not boss or runs(int(boss)))

    return alive


def wait(stopping: threading.Event, alive: Callable[[], bool]) -> None:
    """Return once `stopping` is set or `alive` says no."""
    while not stopping.wait(LOOK_S) and alive():
        pass
