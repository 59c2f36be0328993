"""Build the static pages: `python build.py DIST`. Assets get their content's hash in the name; the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

PAGES = Path(__file__).parent / "pages"


def build(out: Path) -> None:
    """Write index.html and static/<name>.<hash>.<ending> below `out`, which is made anew."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "static").mkdir(parents=True)
    html = (PAGES / "index.html").read_text(encoding="utf-8")
    for asset in sorted(path for path in PAGES.iterdir() if path.name != "index.html"):
        data = asset.read_bytes()
        name = f"{asset.stem}.{hashlib.sha256(data).hexdigest()[:10]}{asset.suffix}"
        (out / "static" / name).write_bytes(data)
        html = html.replace(f"static/{asset.name}", f"static/{name}")
    (out / "index.html").write_text(html, encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
