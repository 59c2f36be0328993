"""A report page as a browser shows it: what overflows, what is loaded, which colours are seen."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import zlib
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Blink's own numbers.
SCHEMES = {"dark": 0, "light": 1}
# Added to a copy of the page: what the browser made of it, as JSON in a place where --dump-dom shows it.
ASK = """<script>
const root = document.documentElement;
const wide = [...document.querySelectorAll('body *')].filter(one => !one.closest('.wide, svg') && one.getBoundingClientRect().right > root.clientWidth + 1);
const cut = [...document.querySelectorAll('svg')].filter(one => one.viewBox.baseVal.width > 100).flatMap(svg => { const edge = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text, circle')].filter(one => { const at = one.getBoundingClientRect(); return at.right > edge.right + 1 || at.left < edge.left - 1
    || at.bottom > edge.bottom + 1 || at.top < edge.top - 1; }).map(one => one.textContent); });
root.dataset.found = JSON.stringify({scroll: root.scrollWidth - root.clientWidth, wide: wide.map(one => one.outerHTML.slice(0, 80)), cut,
  loaded: performance.getEntriesByType('resource').map(one => one.name), back: getComputedStyle(document.body).backgroundColor,
  curves: document.querySelectorAll('polyline.probe-line').length, limits: document.querySelectorAll('line.limit').length});
</script>"""
COLOURS = {
    "light": {"curve": (0x1F, 0x6F, 0xEB), "limit": (0xC2, 0x41, 0x0C)},
    "dark": {"curve": (0x6A, 0xA6, 0xFF), "limit": (0xFF, 0x9D, 0x6B)},
}
BACKS = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}


def chromium(page: Path, scheme: str, width: int, *arguments: str) -> str:
    command = [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},4200",
        f"--user-data-dir={page.parent / 'profile'}", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--virtual-time-budget=2000", *arguments,
        page.as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def pixels(png: bytes) -> NDArray[np.uint8]:
    """Rows × columns × RGB of an 8-bit PNG."""
    width, height, kind = (*struct.unpack(">II", png[16:24]), png[25])
    channels = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + size]
        at += size + 12
    raw = np.frombuffer(zlib.decompress(data), dtype=np.uint8).reshape(height, 1 + width * channels)
    rows = np.zeros((height, width * channels), dtype=np.uint8)
    above = np.zeros(width * channels, dtype=np.uint8)
    for number in range(height):
        above = rows[number] = unfiltered(int(raw[number, 0]), raw[number, 1:], above, channels)
    return rows.reshape(height, width, channels)[:, :, :3]


def unfiltered(kind: int, row: NDArray[np.uint8], above: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    if kind == 0:
        return row.copy()
    if kind == 2:
        return row + above
    if kind == 1:
        return np.asarray(np.cumsum(row.reshape(-1, channels), axis=0, dtype=np.uint8)).reshape(-1)
    found, up = bytearray(row.tobytes()), above.tobytes()
    for at in range(len(found)):
        left = found[at - channels] if at >= channels else 0
        corner = up[at - channels] if at >= channels else 0
        guess = (
            (left + up[at]) // 2
            if kind == 3
            else min((abs(up[at] - corner), 0, left), (abs(left - corner), 1, up[at]), (abs(left + up[at] - 2 * corner), 2, corner))[2]
        )
        found[at] = (found[at] + guess) & 255
    return np.frombuffer(bytes(found), dtype=np.uint8)


def look(page: Path, scheme: str, width: int) -> dict[str, Any]:
    """What the browser made of the page: pixels it scrolls, elements that are too wide or cut, what it loaded, how many curves and limits."""
    asked = page.with_name(f"asked-{scheme}-{width}.html")
    asked.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{ASK}</body>"), encoding="utf-8")
    told = re.search(r'data-found="([^"]*)"', chromium(asked, scheme, width, "--dump-dom"))
    assert told is not None
    found: dict[str, Any] = json.loads(unescape(told[1]))
    return found


def colours(page: Path, scheme: str) -> dict[str, int]:
    """How many pixels of the screenshot have about the colour of the curve, and of the limits."""
    shot = page.with_name(f"{scheme}.png")
    chromium(page, scheme, 1280, f"--screenshot={shot}")
    seen = pixels(shot.read_bytes()).reshape(-1, 3).astype(int)
    return {name: int(np.count_nonzero((np.abs(seen - np.array(colour)) < 24).all(axis=1))) for name, colour in COLOURS[scheme].items()}


def whole(page: Path, curves: int = 1, limits: int = 1) -> None:
    """On a wide and a narrow screen, light and dark: nothing is wider than the window or cut off, curves and limits are drawn and seen, nothing is loaded."""
    for scheme, back in BACKS.items():
        for width in (1280, 500):
            found = look(page, scheme, width)
            assert (found["scroll"], found["wide"], found["cut"], found["loaded"]) == (0, [], [], []), (scheme, width)
            assert found["back"] == back
            assert found["curves"] >= curves
            assert found["limits"] >= limits
        assert min(colours(page, scheme).values()) > 300, scheme
