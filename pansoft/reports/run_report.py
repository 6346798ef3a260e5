# SPDX-License-Identifier: BSD-3-Clause
"""What a run of `apply` leaves to read: `report.html` for people and `report.json` for programs.

A row for every recipe that was asked for: what it took to build and test, what it weighs, what the policy
says, and where it stopped if it did. What an earlier run built keeps the times that that run measured.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from builder.stages import PlanId
from catalog import codec, pages
from catalog.entry import CatalogEntry
from catalog.spelling import time_text
from core.canonical import readable_json
from core.files import write_atomic
from pansoft.loop import Failure, LoopReport
from pansoft.planning import Planned
from trust.verdict import Verdict, reasons

SCHEMA = 1
NAMES = ("report.html", "report.json")
_SLOWEST = 10


class Ended(StrEnum):
    """How far a recipe came."""

    PUBLISHED = "published"
    FAILED = "failed"
    REFUSED = "refused"
    SITE = "site"
    """Only the holders of a licence make it."""
    RETIRED = "retired"
    """Git has retired it."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one recipe went. Times in seconds, sizes in bytes; None is what nobody measured.

    `delta` is what the package adds to its base, `tests` how many tests there are, and `why` where it
    stopped and for what reason.
    """

    name: str
    version: str
    ended: Ended
    fresh: bool = False
    plan: str | None = None
    base: str | None = None
    build_seconds: float | None = None
    test_seconds: float | None = None
    size: int | None = None
    delta: int | None = None
    tests: int | None = None
    tests_passed: int | None = None
    verdict: str | None = None
    why: str | None = None

    @property
    def seconds(self) -> float:
        """Return what building and testing took together."""
        return (self.build_seconds or 0.0) + (self.test_seconds or 0.0)


@dataclass(frozen=True, slots=True)
class RunReport:
    """A whole run: how long it took by the clock and in CPU seconds of all its programs, and its rows.

    `images` is the sum of the sizes of all published images, `stored` what the run added to the
    repository; both in bytes.
    """

    began: str
    seconds: float
    cpu_seconds: float
    revision: int | None
    stored: int | None
    rows: tuple[Row, ...] = field(default=())

    @property
    def images(self) -> int:
        """Return the sum of the sizes of the images."""
        return sum(row.size or 0 for row in self.rows)

    @property
    def tests_passed(self) -> int:
        """Return how many tests passed."""
        return sum(row.tests_passed or 0 for row in self.rows)

    @property
    def slowest(self) -> tuple[Row, ...]:
        """Return the rows that took longest, the slowest first."""
        timed = [row for row in self.rows if row.seconds]
        return tuple(sorted(timed, key=lambda row: -row.seconds)[:_SLOWEST])

    def count(self, ended: Ended) -> int:
        """Return how many recipes came so far."""
        return sum(row.ended is ended for row in self.rows)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """When something began: by the clock, and in CPU seconds of this program and those it ran."""

    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=lambda: _cpu_seconds())

    def taken(self) -> tuple[float, float]:
        """Return the seconds since then, and the CPU seconds."""
        return round(time.monotonic() - self.wall, 1), round(_cpu_seconds() - self.cpu, 1)


def report_of(
    loop: LoopReport, watch: Stopwatch, *, at: datetime, before: Mapping[str, Row]
) -> RunReport:
    """Return the report of a run; `before` are the rows of earlier runs by plan, for their times."""
    seconds, cpu_seconds = watch.taken()
    outcome = loop.outcome
    entries = {(e.name, e.version): e for e in outcome.entries} if outcome else {}
    refused = {(v.name, v.version): v for v in outcome.refused} if outcome else {}
    failed = {failure.name: failure for failure in loop.failures}
    fresh = {item.candidate.plan: item.seconds for item in loop.brought if item.fresh}
    rows = [
        _row(
            item,
            entries.get((item.recipe.name, item.recipe.version)),
            refused.get((item.recipe.name, item.recipe.version)),
            failed.get(item.recipe.key),
            fresh=fresh,
            before=before,
        )
        for item in loop.planned
    ]
    planned = {item.recipe.key for item in loop.planned}
    rows += [
        Row(failure.name, "", Ended.FAILED, why=_why(failure))
        for failure in loop.failures
        if failure.name not in planned
    ]
    rows += [
        Row(item.recipe.name, item.recipe.version, ended, why=item.why)
        for ended, items in ((Ended.SITE, loop.for_sites), (Ended.RETIRED, loop.retired))
        for item in items
    ]
    return RunReport(
        time_text(at),
        seconds,
        cpu_seconds,
        outcome.publication.revision if outcome else None,
        outcome.publication.new_bytes if outcome else None,
        tuple(sorted(rows, key=lambda row: row.name)),
    )


def _row(
    item: Planned,
    entry: CatalogEntry | None,
    verdict: Verdict | None,
    failure: Failure | None,
    *,
    fresh: Mapping[PlanId, float | None],
    before: Mapping[str, Row],
) -> Row:
    """Return the row of a recipe that has a plan."""
    plan, earlier = item.plan.id, before.get(item.plan.id)
    row = Row(item.recipe.name, item.recipe.version, Ended.FAILED, False, plan, item.recipe.base)
    if failure is not None:
        return replace(row, why=_why(failure))
    if verdict is not None:
        return replace(row, ended=Ended.REFUSED, verdict="refused", why=reasons(verdict))
    if entry is None:
        return replace(row, why="nothing was published")
    return replace(
        row,
        ended=Ended.PUBLISHED,
        fresh=plan in fresh,
        build_seconds=fresh.get(plan) or (earlier.build_seconds if earlier else None),
        test_seconds=round(sum(test.seconds for test in entry.tests), 1),
        size=entry.size,
        delta=entry.image.delta_size if entry.has_image else None,
        tests=len(entry.tests),
        tests_passed=sum(bool(test.passed) for test in entry.tests),
        verdict="accepted" if entry.verdict.accepted else "refused",
    )


def _why(failure: Failure) -> str:
    return f"{failure.stage}: {failure.error.message}"


def write(report: RunReport, folder: Path) -> Path:
    """Write both forms of a report into a folder, and return the page."""
    folder.mkdir(parents=True, exist_ok=True)
    page, data = (folder / name for name in NAMES)
    facts = codec.to_json(report)
    assert isinstance(facts, dict)  # noqa: S101 - for mypy: a dataclass is an object
    write_atomic(data, readable_json({"schema": SCHEMA, **facts}))
    write_atomic(page, pages.page("report.html", report=report, Ended=Ended))
    return page


def read(folder: Path) -> RunReport | None:
    """Return the last report of a folder; None where there is none that can be read."""
    try:
        facts = codec.parse_json((folder / NAMES[1]).read_bytes())
        if not isinstance(facts, dict) or facts.pop("schema", None) != SCHEMA:
            return None
        return codec.from_json(RunReport, facts)
    except (OSError, codec.Malformed):
        return None


def rows_before(folder: Path) -> dict[str, Row]:
    """Return the rows of the last report of a folder, by plan; of one that cannot be read, none."""
    try:
        facts = codec.parse_json((folder / NAMES[1]).read_bytes())
        rows = facts["rows"] if isinstance(facts, dict) else []
        return _by_plan(
            codec.from_json(Row, row) for row in (rows if isinstance(rows, list) else [])
        )
    except (OSError, KeyError, codec.Malformed):
        return {}


def _by_plan(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.plan: row for row in rows if row.plan is not None}


def _cpu_seconds() -> float:
    used: Sequence[resource.struct_rusage] = [
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
