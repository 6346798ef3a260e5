# SPDX-License-Identifier: BSD-3-Clause
"""The picture of a run: a lane for each package, a bar for each of its stages, an axis of time.

Only numbers and texts are made here; the template draws and escapes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from core.events import Event, Result, Stage
from pansoft.reports.event_report import span_of

WIDTH, GUTTER, MARGIN = 1000, 210, 110
LANE, BAR, TOP = 24, 14, 30
MOST_LANES = 60
_NARROWEST = 2.0
_LABEL = 30
_STEPS = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600),
    *(7200, 14400, 28800, 43200, 86400, 172800, 604800),
)  # fmt: skip
_TICKS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage: where it is drawn, and what is said of it."""

    x: float
    y: float
    width: float
    stage: Stage
    result: Result
    says: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A package: its label and what it took altogether; `y` is the middle."""

    label: str
    name: str
    y: float
    end: float
    took: str
    is_wrong: bool
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture; `left_out` are the lanes that took least and are not drawn."""

    height: float
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    stages: tuple[Stage, ...]
    left_out: int


def timeline_of(events: Sequence[Event]) -> Timeline | None:
    """Return the picture of one run's events; None where none of them took any time."""
    timed = [event for event in events if event.seconds is not None]
    if not timed:
        return None
    began, whole = min(event.began for event in timed), max(span_of(timed), 0.001)
    scale = (WIDTH - GUTTER - MARGIN) / whole
    by_lane: dict[str, list[Event]] = defaultdict(list)
    for event in timed:
        by_lane[_lane_of(event)].append(event)
    drawn = _longest(by_lane, MOST_LANES)
    lanes = []
    for number, (name, own) in enumerate(drawn.items()):
        top = TOP + number * LANE
        bars = tuple(
            Bar(
                x=round(GUTTER + (event.began - began).total_seconds() * scale, 2),
                y=top + (LANE - BAR) / 2,
                width=round(max((event.seconds or 0.0) * scale, _NARROWEST), 2),
                stage=event.stage,
                result=event.result,
                says=f"{name}: {event.stage}, {duration(event.seconds or 0.0)}, {event.result}",
            )
            for event in own
        )
        wrong = next((event.result for event in own if event.went_wrong), None)
        took = duration(sum(event.seconds or 0.0 for event in own))
        lanes.append(
            Lane(
                label=name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…",
                name=name,
                y=top + LANE / 2,
                end=round(max(bar.x + bar.width for bar in bars), 2),
                took=f"{took}, {wrong}" if wrong else took,
                is_wrong=wrong is not None,
                bars=bars,
            )
        )
    return Timeline(
        height=TOP + len(lanes) * LANE + 8,
        lanes=tuple(lanes),
        ticks=_ticks(whole, scale),
        stages=tuple(stage for stage in Stage if any(event.stage is stage for event in timed)),
        left_out=len(by_lane) - len(drawn),
    )


def duration(seconds: float) -> str:
    """Return a time as a label has room for it: `0.4 s`, `12 s`, `3:20`, `1:06:40`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _lane_of(event: Event) -> str:
    """Return the name of the lane in which an event is drawn."""
    if event.package is None:
        return "all packages"
    if event.stage is Stage.BASE and event.version is None:
        return f"base {event.package}"
    return f"{event.package} {event.version}" if event.version else event.package


def _longest(by_lane: dict[str, list[Event]], most: int) -> dict[str, list[Event]]:
    """Return the lanes that took longest, and those where something went wrong, in their order."""

    def weight(name: str) -> tuple[bool, float]:
        own = by_lane[name]
        return any(event.went_wrong for event in own), sum(event.seconds or 0.0 for event in own)

    kept = set(sorted(by_lane, key=weight, reverse=True)[:most])
    return {name: own for name, own in by_lane.items() if name in kept}


def _ticks(whole: float, scale: float) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if whole / step <= _TICKS), whole / _TICKS)
    return tuple(
        Tick(round(GUTTER + number * step * scale, 2), _mark(number * step, step))
        for number in range(int(whole / step + 1e-9) + 1)
    )


def _mark(seconds: float, step: float) -> str:
    """Return the label of a line of the axis."""
    if seconds == 0:
        return "0"
    if step >= 60:
        minutes = round(seconds / 60)
        return f"{minutes} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02} h"
    if seconds >= 60:
        return duration(seconds)
    return f"{seconds:g} s" if step >= 1 else f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
