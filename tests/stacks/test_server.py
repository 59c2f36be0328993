from __future__ import annotations

import os
import threading

from stacks.provider.server import wait, watched


def test_it_ends_with_the_engine() -> None:
    """A provider whose engine was killed notices that it has another parent and ends."""
    wait(threading.Event(), watched(os.getppid() + 1, ""))


def test_it_ends_with_the_cmctl_that_started_the_engine() -> None:
    """A provider whose cmctl was killed takes back what nobody waits for, although the engine lives on."""
    assert watched(os.getppid(), str(os.getpid()))()
    assert not watched(os.getppid(), str(2**22 + 1))()


def test_by_hand_there_is_no_cmctl_to_watch() -> None:
    """Started by a person's own pulumi, only the engine counts."""
    assert watched(os.getppid(), "")()


def test_it_ends_when_told() -> None:
    """The engine's SIGINT ends the waiting at once."""
    stopping = threading.Event()
    stopping.set()
    wait(stopping, lambda: True)
