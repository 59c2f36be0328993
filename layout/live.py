"""The flag files of a load balancer's `live/` folder: what stands there decides, request by request, where users go.

`green` moves everybody to green (without it: blue). `to-green-5` sends 5 % of the requests to green and leaves the others,
`to-blue-5` the same way back. `maintenance` closes the door. `without-app2` leaves one host out of either slot. Files are made and removed by rename; nothing is reloaded.
A switch at the end of canary steps first makes or removes `green`, then removes the step's flag: with both, and when the
names are worked through in order, no request goes back to the former slot.
"""

from __future__ import annotations

from errors import BadInput
from layout.model import Slot

GREEN, MAINTENANCE = "green", "maintenance"
# The start of the flag that leaves one host out.
WITHOUT = "without-"
# The start of the flag by which a local edge turns to the relief of a stack's load balancer.
RELIEF = "relief-"
# Per cent. Few, because each is two looks at the disk for every request.
CANARY_SHARES = (1, 5, 10, 25, 50)


def canary(slot: Slot, share: int) -> str:
    """The flag that sends `share` per cent of the requests to `slot`. Raises BadInput for a share that no balancer knows."""
    if share not in CANARY_SHARES:
        known = ", ".join(str(one) for one in CANARY_SHARES)
        raise BadInput(f"no canary step of {share} %", why=f"balancers know {known} %", hint="--canary 5,25,50")
    return f"to-{slot}-{share}"


def without(host: str) -> str:
    """The flag that leaves a host out. At most one such flag stands."""
    return f"{WITHOUT}{host}"


def relief(stack: str) -> str:
    """The flag in an edge's folder that sends the requests of a phase to the relief of its load balancer."""
    return f"{RELIEF}{stack}"


def flags(slot: Slot, canary_to: Slot | None = None, share: int = 0) -> tuple[str, ...]:
    """Exactly the flags that shall stand (besides maintenance): `slot` is live, and `share` per cent go to `canary_to`."""
    live = (GREEN,) if slot == GREEN else ()
    return (*live, canary(canary_to, share)) if canary_to and canary_to != slot else live
