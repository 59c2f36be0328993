"""The plan and its outcome, for people and as documents."""

from __future__ import annotations

import difflib
from typing import Any

from commands import ui
from stacks.journey import Done, Look
from stacks.plan import Change, Field

SIGNS = {"create": "+", "update": "~", "delete": "-", "replace": "±"}
STYLES = {"+": "green", "-": "red", "~": "yellow"}
CONTEXT = 1
SHOWN_LINES = 40


def show(seen: Look) -> None:
    """Resources, file differences, price, risk and expected time."""
    found = seen.deployment.facts
    live = "nothing is live" if seen.live is None else f"phase {seen.live} is live"
    ui.say(
        f"plan: {found.loaded.platform.title} {seen.version}, phase {found.phase.number} ({found.phase.name}) in {found.environment.name}; {live}"
    )
    if not seen.changes:
        ui.say("no change: what is declared is what runs", style="green")
        return
    for layer, plan in seen.plans.items():
        for change in plan.changes:
            _change(layer, change)
    _figures(seen)


def _change(layer: str, change: Change) -> None:
    sign = SIGNS.get(change.operation, change.operation)
    ui.say(f"{sign} {layer}: {change.resource.kind.rpartition(':')[2]} {change.resource.name}", style=STYLES.get(sign))
    for field in change.fields:
        ui.say(f"    {SIGNS.get({'add': 'create'}.get(field.kind, field.kind), '~')} {field.path}")
        for line in difference(field):
            ui.say(f"        {line}", style=STYLES.get(line[:1]))


def difference(field: Field) -> list[str]:
    """Changed lines of a text, or old → new of a short value; nothing for what is secret."""
    if field.secret:
        return ["(secret)"]
    if not isinstance(field.old, str) or not isinstance(field.new, str):
        return [] if field.old is None and field.new is None else [f"{field.old} → {field.new}"]
    lines = list(difflib.unified_diff(field.old.splitlines(), field.new.splitlines(), lineterm="", n=CONTEXT))[2:]
    hidden = len(lines) - SHOWN_LINES
    return lines[:SHOWN_LINES] + ([f"… {hidden} more lines"] if hidden > 0 else [])


def _figures(seen: Look) -> None:
    price = seen.price
    ui.say(f"price a month: {price.before + ' → ' if price.before else ''}{price.after} (book {price.book})")
    for title, before, after in price.rows:
        ui.say(f"    {title}: {before or '—'} → {after or '—'}")
    for risk in seen.risks:
        ui.say(f"risk: {risk}", style="yellow")
    if not seen.risks:
        moved = "an old pod goes when a new one is ready" if seen.deployment.facts.in_cluster else "one flag moves the traffic"
        ui.say(f"risk: no request is hurt: the new version starts beside the old one, and {moved}")
    expected = (
        "not known yet: the first time here"
        if seen.expected_s is None
        else f"about {ui.took(seen.expected_s)}, from this environment's history"
    )
    ui.say(f"time: {expected}")
    for name, way in seen.plugins.items():
        ui.say(f"plugin {name}: {way}")


def document(seen: Look) -> dict[str, Any]:
    """`preview --json`."""
    found = seen.deployment.facts
    return {
        "platform": found.loaded.platform.name, "environment": found.environment.name, "phase": found.phase.number, "version": seen.version,
        "live_phase": seen.live,
        "changes": [_change_document(layer, change) for layer, plan in seen.plans.items() for change in plan.changes],
        "price": {"before": seen.price.before, "after": seen.price.after, "delta": None if seen.price.delta is None else str(seen.price.delta), "book": seen.price.book},
        "risks": list(seen.risks), "expected_s": seen.expected_s, "plugins": seen.plugins,
        "images": {name: {"reference": one.reference, "way": one.way} for name, one in seen.deployment.images.items()},
    }  # fmt: skip


def _change_document(layer: str, change: Change) -> dict[str, Any]:
    fields = [{"path": field.path, "kind": field.kind, "secret": field.secret, "drift": field.drift} for field in change.fields]
    return {"layer": layer, "operation": change.operation, "kind": change.resource.kind, "name": change.resource.name, "fields": fields}


def outcome(done: Done) -> dict[str, Any]:
    """`deploy --json` and `rollback --json`."""
    return {
        "platform": done.platform, "environment": done.environment, "phase": done.phase, "version": done.version,
        "changed": any(layer.changed for layer in done.layers), "layers": [vars(layer) for layer in done.layers], "urls": list(done.urls),
        "former": done.former, "evidence": done.evidence, "moved_s": done.moved_s, "seconds": round(done.seconds, 2),
    }  # fmt: skip


def show_outcome(done: Done) -> None:
    changed = [layer.layer for layer in done.layers if layer.changed]
    if not changed:
        ui.say(f"no change after {ui.took(done.seconds)}", style="green")
    else:
        ui.say(f"✓ {done.version} serves: {', '.join(changed)} changed in {ui.took(done.seconds)}", style="bold green")
    ui.table(
        ("layer", "release", "slot", "changed"), [(one.layer, one.release, one.slot, "yes" if one.changed else "") for one in done.layers]
    )
    if done.moved_s is not None:
        ui.say(f"traffic moved after {done.moved_s * 1000:.0f} ms")
    if done.evidence:
        ui.say(f"gate: {done.evidence}")
    ui.say(f"open: {', '.join(done.urls)}")


def tell(command: str, done: Done, hint: str, *, as_json: bool) -> None:
    """What a deploy or a rollback did, and what to type next."""
    if as_json:
        ui.emit(f"cmctl/{command}/1", outcome(done))
        return
    show_outcome(done)
    ui.hint(hint)
