"""What runs, written down beside it, so that another command finds it and ends it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from environments import private_files
from tools.cluster.place import Place
from tools.cluster.space import Process


@dataclass
class Record:
    """`holder` holds the namespaces, `first` is their process 1; `programs` are those started inside, by name."""

    holder: Process
    first: Process
    programs: dict[str, Process] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        return self.holder.alive


def save(place: Place, record: Record) -> None:
    private_files.write(place.record, json.dumps(asdict(record), indent=1))


def load(place: Place) -> Record | None:
    """The record of the cluster that was started here; None when none was, or its record is not whole."""
    try:
        said = json.loads(place.record.read_text(encoding="utf-8"))
        programs = {name: Process(**one) for name, one in said["programs"].items()}
        return Record(Process(**said["holder"]), Process(**said["first"]), programs)
    except (OSError, ValueError, KeyError, TypeError):
        return None
