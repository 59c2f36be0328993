"""What every connection must do, whatever it is made of: the same claims run on this machine, an SSH server and a real sshd.

A claim sees the host only through the connection: `folder` is a folder of its own there.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Awaitable, Callable

import pytest

from errors import CmctlError, Unreachable
from hosts.connection import Connection, output

STUBBORN = 'echo $$ > "$1"; trap "" TERM HUP; sleep 60; sleep 60'
# $1 a file with a process id: the process never began or has ended, though its new parent may not have buried it yet
GONE = '[ -s "$1" ] || exit 0; read -r pid < "$1"; [ ! -e "/proc/$pid" ] || grep -q "^State:.Z" "/proc/$pid/status"'


async def runs(host: Connection, folder: str) -> None:
    """A program gets its arguments untouched and its stdin whole; its answer comes back in three parts."""
    odd = ["a b", "", "it's", '"$HOME"', "*", "line\nbreak", "ü–✓", "-n"]
    done = await host.run(["printf", "%s|", *odd])
    assert (done.code, done.stdout, done.stderr) == (0, "|".join(odd) + "|", "")
    done = await host.run(["sh", "-c", "cat; echo bad >&2; exit 3"], stdin=b"in\n")
    assert (done.code, done.stdout, done.stderr) == (3, "in\n", "bad\n")
    assert (await host.run(["cat"])).stdout == ""
    assert (await host.run(["cat"], stdin=b"")).stdout == ""
    assert (await host.run(["sh", "-c", "kill -9 $$"])).code not in {0, None}
    assert (await host.run(["printf", r"\377"])).stdout == "\ufffd"


async def carries_much(host: Connection, folder: str) -> None:
    """Megabytes go in and come out whole, both at the same time."""
    data = bytes(range(256)) * 20_000
    done = await host.run(["sha256sum"], stdin=data)
    assert done.stdout.split()[0] == hashlib.sha256(data).hexdigest()
    text = "0123456789" * 300_000
    assert (await host.run(["cat"], stdin=text.encode())).stdout == text


async def says_what_is_missing(host: Connection, folder: str) -> None:
    """A program that is not installed is exit 7 with its name; a program's own 127 is not."""
    with pytest.raises(Unreachable, match=f"no-such-program is not installed on {host.name}"):
        await host.run(["no-such-program"])
    assert (await host.run(["sh", "-c", "exit 127"])).code == 127
    with pytest.raises(CmctlError, match="looking failed on") as caught:
        await output(host, ["sh", "-c", "echo why >&2; exit 4"], what="looking")
    assert caught.value.why == "why"


async def writes(host: Connection, folder: str) -> None:
    """A file is replaced whole, with its mode, in folders that are made; nothing is left beside it."""
    path = f"{folder}/new folder/it's.json"

    async def found() -> tuple[bytes, str]:
        text = await output(host, ["base64", "-w0", path])
        return base64.b64decode(text), (await output(host, ["stat", "-c", "%a", path])).strip()

    await host.write(path, b"\x00one\xff", 0o600)
    assert await found() == (b"\x00one\xff", "600")
    await host.write(path, b"two")
    assert await found() == (b"two", "644")
    await host.write(path, b"")
    assert await found() == (b"", "644")
    assert await output(host, ["ls", "-A", f"{folder}/new folder"]) == "it's.json\n"


async def reads(host: Connection, folder: str) -> None:
    """A file's text, and None where there is none."""
    await host.write(f"{folder}/text", "grün\n\n".encode())
    assert await host.read(f"{folder}/text") == "grün\n\n"
    assert await host.read(f"{folder}/gone/text") is None


async def ends_what_takes_too_long(host: Connection, folder: str) -> None:
    """After its limit a program is gone there too, though it ignores signals, and the error is exit 7; the same when a call is cancelled."""
    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"sh on .* did not end within"):
        await host.run(["sh", "-c", STUBBORN, "x", f"{folder}/first"], timeout_s=0.4)
    call = asyncio.create_task(host.run(["sh", "-c", STUBBORN, "x", f"{folder}/second"]))
    await _until(lambda: host.run(["test", "-s", f"{folder}/second"]))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    for name in ("second", "first"):
        await _until(lambda name=name: host.run(["sh", "-c", GONE, "x", f"{folder}/{name}"]))
    assert time.monotonic() - begun < 15


async def can_be_cancelled_at_any_moment(host: Connection, folder: str) -> None:
    """A call that is cancelled in any turn of its start ends at once, leaves no program, and the next call is served."""
    for turns in range(24):
        path = f"{folder}/{turns}"
        call = asyncio.create_task(host.run(["sh", "-c", 'echo $$ > "$1"; cat; sleep 30', "x", path], stdin=b"in", timeout_s=20))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        done, _ = await asyncio.wait([call], timeout=5)
        assert done, f"cancelled after {turns} turns of the loop it never ended"
        assert call.cancelled()
    for turns in range(24):
        await _until(lambda turns=turns: host.run(["sh", "-c", GONE, "x", f"{folder}/{turns}"]))


async def bears_many_at_once(host: Connection, folder: str) -> None:
    """Thirty programs at the same time all end well, whatever the host allows at once."""
    done = await asyncio.gather(*(host.run(["sh", "-c", "sleep 0.02; echo $1", "x", str(number)]) for number in range(30)))
    assert [one.stdout for one in done] == [f"{number}\n" for number in range(30)]


async def leaves_what_is_detached(host: Connection, folder: str) -> None:
    """A program in a session of its own outlives the call that started it, as the steps of a release must."""
    start = 'setsid sh -c "sleep 0.5; echo done > \\"$1\\"" > /dev/null 2>&1 < /dev/null & echo started'
    assert (await host.run(["sh", "-c", start.replace("$1", f"{folder}/mark")])).stdout == "started\n"
    await _until(lambda: host.run(["test", "-s", f"{folder}/mark"]))


async def _until(asked: Callable[[], Awaitable[object]]) -> None:
    end = time.monotonic() + 5
    while getattr(await asked(), "code", 1):
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


CLAIMS = (
    runs, carries_much, says_what_is_missing, writes, reads, ends_what_takes_too_long, can_be_cancelled_at_any_moment, bears_many_at_once,
    leaves_what_is_detached,
)  # fmt: skip
