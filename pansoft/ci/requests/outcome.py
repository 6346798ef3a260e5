# SPDX-License-Identifier: BSD-3-Clause
"""What became of each request, for people and as JSON. Nothing of it is in the words of who asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.canonical import Json


class Became(StrEnum):
    """What became of a request."""

    FOUND = "found"
    """It is in order, and nothing else was done."""
    WRITTEN = "written"
    OPENED = "opened"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    INCOMPLETE = "incomplete"
    """Its author has something to mend, and is told what."""
    KNOWN = "known"
    """The package is there already."""
    ASKED = "asked"
    """Another issue asks for the same."""
    TAKEN = "taken"
    """Somebody else has committed to its branch."""
    ENDED = "ended"
    """Its merge request was merged or closed."""
    WAITING = "waiting"
    FAILED = "failed"


WORDS = {
    Became.FOUND: "in order",
    Became.WRITTEN: "written; look at it with git diff",
    Became.OPENED: "merge request opened",
    Became.UPDATED: "merge request updated",
    Became.UNCHANGED: "merge request is open",
    Became.INCOMPLETE: "to be mended by its author",
    Became.KNOWN: "there already",
    Became.ASKED: "asked for already",
    Became.TAKEN: "left alone: somebody else works on its branch",
    Became.ENDED: "had its merge request",
    Became.WAITING: "waits: enough was done in this run",
    Became.FAILED: "cannot be made",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the request in an issue, or in a file, which has no number.

    `name` is the package where its form was in order, `why` is said where there is something to say.
    """

    issue: int | None
    became: Became
    name: str | None = None
    why: tuple[str, ...] = ()
    link: str | None = None
    left: tuple[str, ...] = ()


def as_text(outcome: Outcome) -> str:
    """Return an outcome in lines."""
    number = f"#{outcome.issue}" if outcome.issue is not None else ""
    what = " ".join(each for each in (number, outcome.name) if each) or "the form"
    lines = [f"{what}: {WORDS[outcome.became]}"]
    if outcome.link:
        lines[0] += f": {outcome.link}"
    return "\n".join((*lines, *(f"    {each}" for each in (*outcome.why, *outcome.left))))


def as_json(outcome: Outcome) -> dict[str, Json]:
    """Return an outcome as JSON."""
    return {
        "issue": outcome.issue,
        "became": outcome.became.value,
        "name": outcome.name,
        "why": list(outcome.why),
        "link": outcome.link,
        "left": list(outcome.left),
    }
