"""What every connection must do, whatever it is made of: the same claims run on this machine, an SSH server and a real sshd."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from errors import CmctlError, Unreachable
from hosts.connection import Connection, output


async def runs(host: Connection, folder: Path) -> None:
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


async def carries_much(host: Connection, folder: Path) -> None:
    """Megabytes go in and come out whole, both at the same time."""
    data = bytes(range(256)) * 20_000
    done = await host.run(["sha256sum"], stdin=data)
    here = await asyncio.to_thread(__import__("hashlib").sha256, data)
    assert done.stdout.split()[0] == here.hexdigest()
    text = "0123456789" * 300_000
    assert (await host.run(["cat"], stdin=text.encode())).stdout == text


async def says_what_is_missing(host: Connection, folder: Path) -> None:
    """A program that is not installed is exit 7 with its name; a program's own 127 is not."""
    with pytest.raises(Unreachable, match=f"no-such-program is not installed on {host.name}"):
        await host.run(["no-such-program"])
    assert (await host.run(["sh", "-c", "exit 127"])).code == 127
    with pytest.raises(CmctlError, match="looking failed on") as caught:
        await output(host, ["sh", "-c", "echo why >&2; exit 4"], what="looking")
    assert caught.value.why == "why"


async def writes(host: Connection, folder: Path) -> None:
    """A file is replaced whole, with its mode, in folders that are made; nothing is left beside it."""
    path = folder / "new folder" / "it's.json"
    await host.write(str(path), b"\x00one\xff", 0o600)
    assert path.read_bytes() == b"\x00one\xff"
    assert path.stat().st_mode & 0o777 == 0o600
    await host.write(str(path), b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o644)
    await host.write(str(path), b"")
    assert path.read_bytes() == b""
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def reads(host: Connection, folder: Path) -> None:
    """A file's text, and None where there is none."""
    (folder / "text").write_text("grün\n\n", encoding="utf-8")
    assert await host.read(str(folder / "text")) == "grün\n\n"
    assert await host.read(str(folder / "gone" / "text")) is None


async def ends_what_takes_too_long(host: Connection, folder: Path) -> None:
    """After its limit a program is gone there too, and the error is exit 7; the same when the call is cancelled."""
    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"sh on .* did not end within"):
        await host.run(["sh", "-c", 'echo $$ > "$1"; exec sleep 60', "x", str(folder / "first")], timeout_s=0.4)
    call = asyncio.create_task(host.run(["sh", "-c", 'echo $$ > "$1"; exec sleep 60', "x", str(folder / "second")]))
    await _until(lambda: (folder / "second").exists() and (folder / "second").read_text())
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    for name in ("first", "second"):
        process = Path("/proc") / (folder / name).read_text().strip()
        await _until(lambda process=process: _gone(process))
    assert time.monotonic() - begun < 10


async def bears_many_at_once(host: Connection, folder: Path) -> None:
    """Thirty programs at the same time all end well, whatever the host allows at once."""
    done = await asyncio.gather(*(host.run(["sh", "-c", "sleep 0.02; echo $1", "x", str(number)]) for number in range(30)))
    assert [one.stdout for one in done] == [f"{number}\n" for number in range(30)]


def _gone(process: Path) -> bool:
    """Ended, though its new parent may not have looked yet."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def _until(true: object) -> None:
    end = time.monotonic() + 5
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


CLAIMS = (runs, carries_much, says_what_is_missing, writes, reads, ends_what_takes_too_long, bears_many_at_once)
