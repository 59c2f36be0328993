"""pyinfra's inventory: what the benchmark wrote down about the hosts."""

from __future__ import annotations

import json
import os
from pathlib import Path

fleet = list(json.loads(Path(os.environ["BENCH_FLEET"]).read_text(encoding="utf-8")).items())
