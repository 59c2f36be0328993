"""hosts/ for callers without an event loop: one call, one loop. Ctrl-C and SIGTERM cancel what runs, which then takes itself back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from hosts import certificates, figures, fleet, inspect, observe, operate, removal, rollback, transaction
from hosts.beside import beside
from hosts.connection import Completed
from hosts.events import Outcome, Report, silent
from hosts.inspect import Line, Wanted
from hosts.observe import Compared, Observed
from hosts.owner import Holder
from layout.release import ReleaseSpec, Target

Value = TypeVar("Value")


def apply_now(spec: ReleaseSpec, report: Report = silent) -> Outcome:
    return _run(transaction.apply(spec, report))


def rollback_now(stack: str, targets: dict[str, Target], to: str | None = None, report: Report = silent) -> tuple[Outcome, ReleaseSpec]:
    return _run(rollback.rollback(stack, targets, to, report))


def observe_now(stack: str, targets: dict[str, Target]) -> dict[str, Observed]:
    return _run(observe.observe(stack, targets))


def compare_now(specs: Mapping[str, ReleaseSpec]) -> dict[str, Compared]:
    """Layer → its hosts, and how they differ from the release that should have settled there. May be called on a thread."""
    return _run(observe.compare(specs))


def remove_now(stack: str, targets: dict[str, Target], network: str, *, keep_volumes: bool = False) -> Outcome:
    return _run(removal.remove(stack, targets, network, keep_volumes=keep_volumes))


def logs_now(stack: str, targets: dict[str, Target], wanted: Wanted, *, tail: int | None, since: str) -> list[Line]:
    async def work() -> list[Line]:
        return await inspect.logs(await inspect.chosen(stack, targets, wanted), tail=tail, since=since)

    return _run(work())


def exec_now(stack: str, targets: dict[str, Target], wanted: Wanted, command: Sequence[str], timeout_s: float) -> Completed:
    async def work() -> Completed:
        return await inspect.run((await inspect.chosen(stack, targets, wanted))[0], command, timeout_s)

    return _run(work())


def stand_now(stack: str, targets: dict[str, Target], balancers: Sequence[str], flag: str, *, on: bool) -> bool:
    return _run(operate.stand(stack, targets, balancers, flag, on=on))


def standing_now(stack: str, targets: dict[str, Target], balancers: Sequence[str]) -> tuple[str, ...]:
    return _run(operate.standing(stack, targets, balancers))


def holders_now(stack: str, targets: dict[str, Target]) -> dict[str, Holder]:
    return _run(operate.holders(stack, targets))


def unlock_now(stack: str, targets: dict[str, Target]) -> list[str]:
    return _run(operate.unlock(stack, targets))


def settled_now(stack: str, targets: dict[str, Target]) -> ReleaseSpec | None:
    """The release that serves, as it was deployed; None where nothing has settled."""
    return _run(rollback.settled(stack, targets))


def certificates_now(stack: str, targets: dict[str, Target]) -> dict[str, str]:
    """Host → certificate and key that it uses, for hosts that have one."""
    return _run(certificates.held(stack, targets))


def deliver_now(stack: str, targets: dict[str, Target], pair: str) -> list[str]:
    return _run(certificates.deliver(stack, targets, pair))


def answer_now(stack: str, targets: dict[str, Target], answers: Mapping[str, str]) -> list[str]:
    return _run(certificates.answer(stack, targets, answers))


def forget_now(stack: str, targets: dict[str, Target], tokens: Sequence[str]) -> None:
    _run(certificates.forget(stack, targets, tokens))


def figures_now(targets: Mapping[str, Target]) -> dict[str, figures.Figures | str]:
    """Host → what it and its containers have used so far, or why that is not known. May be called on a thread."""
    return _run(figures.figures(fleet.connect("figures", targets)))


@contextlib.contextmanager
def at_work_now(targets: Mapping[str, Target], run: str, image: str, seats: Sequence[str], report: Callable[[str], None]) -> Iterator[int]:
    """Load workers around a block, one for each entry of `seats`; the port of this machine's loopback where they look for their leader."""
    from hosts.load_workers import Crew, at_work  # noqa: PLC0415 - 0.2 s of SSH that only load from elsewhere needs

    with beside(at_work(fleet.connect("load", targets), Crew(run, image, tuple(seats)), report)) as port:
        yield port


def _run(work: Coroutine[Any, Any, Value]) -> Value:
    async def main() -> Value:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)
        with contextlib.suppress(ValueError, RuntimeError):  # only the main thread may have handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, task.cancel)
        return await task

    return asyncio.run(main())
