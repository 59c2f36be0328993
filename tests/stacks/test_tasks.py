from __future__ import annotations

import asyncio
import threading

import pytest

from errors import Interrupted
from stacks.provider.tasks import Tasks


class Work:
    """Waits until it is cancelled, and says how it ended."""

    def __init__(self, *, tells: bool) -> None:
        self.began = threading.Event()
        self.tells = tells
        self.taken_back = False

    async def run(self) -> None:
        self.began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.taken_back = True
            if self.tells:
                raise Interrupted("the former version serves") from None
            raise


def cancelled(work: Work) -> BaseException | None:
    tasks = Tasks()
    ended: list[BaseException | None] = []

    def run() -> None:
        try:
            tasks.run(work.run())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert work.began.wait(5)
    assert not tasks.idle(0)
    tasks.cancel()
    assert tasks.idle(5)
    thread.join(5)
    return ended[0] if ended else None


def test_cancelled_work_takes_itself_back_and_says_so() -> None:
    """A transaction that is cancelled gets the chance to take back, and its own words are what is told."""
    work = Work(tells=True)
    error = cancelled(work)
    assert work.taken_back
    assert isinstance(error, Interrupted)
    assert error.what == "the former version serves"


def test_work_that_says_nothing_is_interrupted_all_the_same() -> None:
    """Work that only stops becomes an Interrupted, never a bare cancellation."""
    assert isinstance(cancelled(Work(tells=False)), Interrupted)


def test_nothing_begins_after_a_cancel() -> None:
    """An engine that was told to stop may still ask for more: nothing more is begun."""
    tasks = Tasks()
    tasks.cancel()
    work = Work(tells=False)
    with pytest.raises(Interrupted):
        tasks.run(work.run())
    assert not work.began.is_set()


def test_results_and_errors_pass_through() -> None:
    """What work returns and raises is what the caller gets."""
    tasks = Tasks()

    async def seven() -> int:
        return 7

    async def broken() -> None:
        raise ValueError("broken")

    assert tasks.run(seven()) == 7
    with pytest.raises(ValueError, match="broken"):
        tasks.run(broken())
