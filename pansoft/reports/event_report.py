# SPDX-License-Identifier: BSD-3-Clause
"""What the event log says of a time: runs, what was slow, what was there already, what went wrong.

Pure functions of the events: the same log gives the same report, whenever it is asked.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from catalog import codec
from core.canonical import Json
from core.errors import UserError
from core.events import Event, Events, Result, Stage, line_of

SCHEMA = 1  # of the JSON
_SLOWEST = 12
_ORDER = tuple(Stage)
_CACHED = (Stage.BASE, Stage.BUILD, Stage.TEST, Stage.SIGN, Stage.PUBLISH)
_Subject: TypeAlias = tuple[str, str]
"""The name and version of a package."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over some events. Packages are counted once each, sizes in bytes.

    `hits` of the `asked` results of packages and bases were there already. `new_bytes` were downloaded
    or packed, `stored_bytes` added to the repository.
    """

    built: int
    reused: int
    failed: int
    refused: int
    asked: int
    hits: int
    new_bytes: int
    stored_bytes: int

    @property
    def hit_ratio(self) -> float | None:
        """Return which part was there already; None where nothing was asked for."""
        return self.hits / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Run:
    """All events of one trace: when it began, how long it took by the clock, and how it went."""

    trace: str
    verbs: tuple[str, ...]
    began: str
    seconds: float
    figures: Figures


@dataclass(frozen=True, slots=True)
class StageTime:
    """What a stage took, over all packages; how often it was done, was there already, went wrong."""

    stage: Stage
    seconds: float
    done: int
    reused: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Slow:
    """The longest time that a stage of a package took; `usual` is the median of all of them."""

    package: str
    version: str
    stage: Stage
    seconds: float
    usual: float
    times: int
    began: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """What failed or was refused: the last time, how often, and whether it went well since."""

    package: str
    version: str
    stage: Stage
    result: Result
    rule: str | None
    message: str
    times: int
    last: str
    trace: str
    is_mended: bool


@dataclass(frozen=True, slots=True)
class EventReport:
    """The report; `runs` begins with the latest, and `last` are the events of the one that is drawn."""

    began: str | None
    ended: str | None
    figures: Figures
    runs: tuple[Run, ...]
    stages: tuple[StageTime, ...]
    slowest: tuple[Slow, ...]
    wrong: tuple[Wrong, ...]
    damaged: int
    drawn: Run | None
    last: tuple[Event, ...]

    @property
    def open(self) -> tuple[Wrong, ...]:
        """Return what went wrong and has not gone well since."""
        return tuple(item for item in self.wrong if not item.is_mended)


def report_of(log: Events, *, run: str | None = None) -> EventReport:
    """Return the report of a log, in which one run is drawn: the last one, or that of a trace.

    Raises:
        UserError: there is no run of that trace.
    """
    runs = _runs(log.events)
    drawn = runs[0] if runs else None
    if run is not None:
        drawn = next((item for item in runs if item.trace == run), None)
        if drawn is None:
            known = ", ".join(item.trace for item in runs[:5])
            raise UserError(
                f"the log has no run '{run}' in this time",
                hint=f"the latest are: {known}" if known else "nothing was recorded in it",
            )
    return EventReport(
        began=text_of(log.events[0].began) if log.events else None,
        ended=text_of(max(event.ended for event in log.events)) if log.events else None,
        figures=figures_of(log.events),
        runs=runs,
        stages=_stages(log.events),
        slowest=_slowest(log.events),
        wrong=_wrong(log.events),
        damaged=log.damaged,
        drawn=drawn,
        last=tuple(event for event in log.events if drawn and event.trace == drawn.trace),
    )


def as_json(report: EventReport) -> dict[str, Json]:
    """Return a report as JSON; the events of the drawn run as they stand in the log."""
    facts = codec.to_json(replace(report, last=()))
    assert isinstance(facts, dict)  # noqa: S101 - for mypy: a dataclass is an object
    last: list[Json] = [json.loads(line_of(event)) for event in report.last]
    return {**facts, "schema": SCHEMA, "last": last}


def figures_of(events: Iterable[Event]) -> Figures:
    """Return the sums over events."""
    built, reused, failed, refused = set(), set(), set(), set()
    asked = hits = new_bytes = stored_bytes = 0
    for event in events:
        subject = _subject(event)
        if event.stage in (Stage.FETCH, Stage.BASE, Stage.BUILD):
            new_bytes += event.bytes or 0
        elif event.stage is Stage.PUBLISH:
            stored_bytes += event.bytes or 0
        is_answer = event.package is not None and event.stage in _CACHED
        if is_answer and not event.went_wrong:
            asked += 1
            hits += event.result is Result.REUSED
        if subject is None:
            continue
        match event.stage, event.result:
            case Stage.BUILD, Result.DONE:
                built.add(subject)
            case Stage.BUILD | Stage.PUBLISH, Result.REUSED:
                reused.add(subject)
            case _, Result.FAILED:
                failed.add(subject)
            case _, Result.REFUSED:
                refused.add(subject)
            case _:
                pass
    return Figures(
        built=len(built),
        reused=len(reused),
        failed=len(failed),
        refused=len(refused),
        asked=asked,
        hits=hits,
        new_bytes=new_bytes,
        stored_bytes=stored_bytes,
    )


def text_of(moment: datetime) -> str:
    """Return a time, with its zone, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span_of(events: Sequence[Event]) -> float:
    """Return how many seconds are between the beginning of the first event and the end of the last."""
    began = min(event.began for event in events)
    return round((max(event.ended for event in events) - began).total_seconds(), 3)


def _runs(events: Iterable[Event]) -> tuple[Run, ...]:
    by_trace: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        by_trace[event.trace].append(event)
    latest_first = sorted(
        by_trace.values(), key=lambda found: (found[-1].began, found[-1].trace), reverse=True
    )
    return tuple(
        Run(
            found[0].trace,
            tuple(dict.fromkeys(event.verb for event in found)),
            text_of(found[0].began),
            span_of(found),
            figures_of(found),
        )
        for found in latest_first
    )


def _stages(events: Sequence[Event]) -> tuple[StageTime, ...]:
    found = []
    for stage in Stage:
        own = [event for event in events if event.stage is stage]
        if own:
            found.append(
                StageTime(
                    stage,
                    round(sum(event.seconds or 0.0 for event in own), 3),
                    sum(event.result is Result.DONE for event in own),
                    sum(event.result is Result.REUSED for event in own),
                    sum(event.went_wrong for event in own),
                )
            )
    return tuple(found)


def _slowest(events: Iterable[Event]) -> tuple[Slow, ...]:
    """Return the stages of packages that took longest, each package's once for all its versions."""
    timed: dict[tuple[str, Stage], list[tuple[float, Event]]] = defaultdict(list)
    for event in events:
        if event.package is not None and event.seconds and event.result is not Result.REUSED:
            timed[event.package, event.stage].append((event.seconds, event))
    found = []
    for (package, stage), times in timed.items():
        seconds, event = max(times, key=lambda pair: pair[0])
        usual = round(statistics.median(time for time, _ in times), 3)
        found.append(
            Slow(
                package,
                event.version or "",
                stage,
                seconds,
                usual,
                len(times),
                text_of(event.began),
            )
        )
    return tuple(sorted(found, key=lambda slow: (-slow.seconds, slow.package))[:_SLOWEST])


def _wrong(events: Iterable[Event]) -> tuple[Wrong, ...]:
    """Return what went wrong: first what has not gone well since, and the latest first."""
    last: dict[tuple[str, str, Stage], Event] = {}
    times: Counter[tuple[str, str, Stage]] = Counter()
    well: dict[tuple[str, Stage], datetime] = {}
    for event in events:
        name = event.package or ""
        if event.went_wrong:
            key = (name, event.version or "", event.stage)
            last[key] = event
            times[key] += 1
        else:
            well[name, event.stage] = event.began
    rows = [
        Wrong(
            *key,
            event.result,
            event.rule,
            event.message or "no reason was given",
            times[key],
            text_of(event.began),
            event.trace,
            is_mended=_went_well(well, event),
        )
        for key, event in sorted(last.items())
    ]
    rows.sort(key=lambda row: row.last, reverse=True)
    return tuple(sorted(rows, key=lambda row: row.is_mended))


def _went_well(well: Mapping[tuple[str, Stage], datetime], event: Event) -> bool:
    """Return whether a package came further later: who was signed since was also built."""
    name = event.package or ""
    further = _ORDER[_ORDER.index(event.stage) :]
    return any(well.get((name, stage), event.began) > event.began for stage in further)


def _subject(event: Event) -> _Subject | None:
    """Return the package that an event is about; None where it is about a base or the whole run."""
    if event.package is None or event.version is None:
        return None
    return event.package, event.version
