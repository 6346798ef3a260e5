# SPDX-License-Identifier: BSD-3-Clause
"""Signed images on their way into the repository, so that what waits and what is done leaves room.

An image is its base and what it adds, in one file: two hundred of them fill a disk, while the repository
stores every base once. So what is ready is published as soon as it is a load, and images that are published
go, the least recently used first, while they take more than they may. They can be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from builder import stored
from builder.images.build_user import BuildUser
from builder.stages import PlanId
from builder.state import State
from core.console import Console, readable_size
from core.event_log import NOWHERE, EventLog, Note
from core.events import Result, Stage, in_a_line
from pansoft.publish import Candidate, Outcome, together

LOAD = 4 * 10**9
"""Bytes of signed images that are published together, in one revision."""

KEPT = 8 * 10**9
"""Bytes that published images may take in the state folder, where nobody says otherwise."""


@dataclass
class Shipping:
    """Publishes candidates in loads, with `publish`, and lets published images go above `kept` bytes."""

    publish: Callable[[Sequence[Candidate]], Outcome]
    state: State
    user: BuildUser
    console: Console
    load: int = LOAD
    kept: int = KEPT
    events: EventLog = NOWHERE
    _waiting: list[Candidate] = field(default_factory=list)
    _outcomes: list[Outcome] = field(default_factory=list)

    def add(self, candidate: Candidate) -> None:
        """Take a package that is ready, and publish what waits where that is a load."""
        self._waiting.append(candidate)
        if sum(item.signed.image.size for item in self._waiting) >= self.load:
            self._ship()

    def end(self) -> Outcome:
        """Publish what still waits, or that nothing does, and return what all publications did."""
        self._ship()
        return together(self._outcomes)

    def _ship(self) -> None:
        count = len(self._waiting)
        self.console.status(f"publishing {count} packages" if count else "publishing")
        with self.events.stage(Stage.PUBLISH) as note:
            outcome = self.publish(self._waiting)
            note.bytes = outcome.publication.new_bytes
            note.reused(not outcome.publication.is_new)
        self._tell(outcome)
        self._outcomes.append(outcome)
        self._waiting = []
        self._make_room({PlanId(entry.plan) for entry in self._outcomes[-1].entries})

    def _tell(self, outcome: Outcome) -> None:
        """Record how each package went: they became visible together, so nobody measured one."""
        for entry in outcome.fresh:
            self.events.tell(Stage.PUBLISH, Note(), entry.name, entry.version, entry.plan)
        for entry in outcome.promoted:
            self.events.tell(Stage.PUBLISH, Note(), entry.name, entry.version, entry.plan)
        for verdict in outcome.refused:
            first = next(iter(verdict.refusals), None)
            note = Note(Result.REFUSED)
            if first is not None:
                note.rule, note.message = first.rule, in_a_line(first.message)
            self.events.tell(Stage.PUBLISH, note, verdict.name, verdict.version)

    def _make_room(self, published: set[PlanId]) -> None:
        """Remove published images above what may stay: of them, nothing here is used any more."""
        items = [
            item
            for item in stored.images(self.state, user=self.user)
            if PlanId(item.key) in published
        ]
        gone = stored.choose(items, stored.Rule(max_size=self.kept))
        if gone:
            freed = stored.remove(gone, self.state, user=self.user)
            self.console.say(
                f"{len(gone)} published images are no longer kept here: {readable_size(freed)} freed"
            )
