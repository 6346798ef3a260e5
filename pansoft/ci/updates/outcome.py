# SPDX-License-Identifier: BSD-3-Clause
"""What became of each update, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from builder.inputs.changes import Change
from core.canonical import Json
from pansoft.ci.updates.bundles import Wanted


class Became(StrEnum):
    """What became of an update."""

    FOUND = "found"
    """It was looked for, and nothing else."""
    WRITTEN = "written"
    """It stands in the checkout."""
    OPENED = "opened"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    """Its merge request is open and says it already."""
    CLOSED = "closed"
    """Its merge request was open, and there is nothing to update any more."""
    HELD = "held"
    DISMISSED = "dismissed"
    """Somebody has closed its merge request."""
    WAITING = "waiting"
    """Enough merge requests are open."""
    TAKEN = "taken"
    """Somebody else has committed to its branch."""
    FAILED = "failed"
    """It cannot be made."""


WORDS = {
    Became.FOUND: "found",
    Became.WRITTEN: "written; look at it with git diff",
    Became.OPENED: "merge request opened",
    Became.UPDATED: "merge request updated",
    Became.UNCHANGED: "merge request is open",
    Became.CLOSED: "merge request closed",
    Became.HELD: "held",
    Became.DISMISSED: "dismissed: somebody closed its merge request",
    Became.WAITING: "waits: enough merge requests are open",
    Became.TAKEN: "left alone",
    Became.FAILED: "cannot be made",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the update `name`, which is a package or a group.

    `steps` are the packages with their old and new versions, `why` is said where there is something to say,
    `passed` whether its tests did, where they were run.
    """

    name: str
    became: Became
    steps: tuple[tuple[str, str, str], ...] = ()
    why: str | None = None
    link: str | None = None
    changes: tuple[Change, ...] = ()
    passed: bool | None = None


def steps_of(wanted: Sequence[Wanted]) -> tuple[tuple[str, str, str], ...]:
    """Return packages with their old and new versions."""
    return tuple((each.name, each.step.old, each.step.new) for each in wanted)


def failed(wanted: Wanted, why: str) -> Outcome:
    """Return the outcome of a step that cannot be made."""
    return Outcome(wanted.name, Became.FAILED, steps_of([wanted]), why=why)


def as_text(outcome: Outcome) -> str:
    """Return an outcome in lines."""
    steps = ", ".join(f"{name} {old} → {new}" for name, old, new in outcome.steps)
    lines = [f"{steps or outcome.name}: {WORDS[outcome.became]}"]
    if outcome.link:
        lines[0] += f": {outcome.link}"
    if outcome.why:
        lines += [f"    {line}" for line in outcome.why.splitlines()]
    if outcome.passed is not None:
        lines.append("    its tests passed" if outcome.passed else "    it does not pass its tests")
    return "\n".join((*lines, *(f"    {change}" for change in outcome.changes)))


def as_json(outcome: Outcome) -> dict[str, Json]:
    """Return an outcome as JSON."""
    return {
        "name": outcome.name,
        "became": outcome.became.value,
        "steps": [{"name": name, "old": old, "new": new} for name, old, new in outcome.steps],
        "why": outcome.why,
        "link": outcome.link,
        "changes": [asdict(change) for change in outcome.changes],
        "passed": outcome.passed,
    }
