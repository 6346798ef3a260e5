# SPDX-License-Identifier: BSD-3-Clause
"""The report in the text format of OpenMetrics 1.0, for what watches the machine.

All are gauges of a time that the log covers, not counters: events leave the log again. No package is
named, since every label value is a series of its own for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from pansoft.reports.event_report import EventReport, Figures

_Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A family of metrics: its name, which ends with its unit, what it is, and its values."""

    name: str
    says: str
    values: tuple[tuple[_Labels, float], ...]
    unit: str = ""


def text(report: EventReport) -> str:
    """Return the metrics of a report; what cannot be said, as a share of nothing, has no value."""
    lines = [line for gauge in _gauges(report) for line in _lines(gauge)]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _gauges(report: EventReport) -> Iterator[Gauge]:
    figures, last = report.figures, report.runs[0] if report.runs else None
    yield Gauge("pansoft_runs", "Runs in the log.", _one(len(report.runs)))
    yield Gauge("pansoft_packages", "Packages, by how they came along.", _packages(figures))
    yield Gauge(
        "pansoft_open_failures",
        "Failures and refusals that have not gone well since.",
        _one(len(report.open)),
    )
    yield Gauge(
        "pansoft_stage_seconds",
        "Time of a stage, over all packages.",
        tuple(({"stage": str(item.stage)}, item.seconds) for item in report.stages),
        "seconds",
    )
    yield Gauge(
        "pansoft_stage_results",
        "How often a stage ended how.",
        tuple(
            ({"stage": str(item.stage), "result": result}, count)
            for item in report.stages
            for result, count in (
                ("done", item.done),
                ("reused", item.reused),
                ("wrong", item.wrong),
            )
        ),
    )
    yield Gauge(
        "pansoft_new_bytes",
        "Downloaded inputs, packed bases and what packages added to them.",
        _one(figures.new_bytes),
        "bytes",
    )
    yield Gauge(
        "pansoft_stored_bytes",
        "What publishing added to the repository.",
        _one(figures.stored_bytes),
        "bytes",
    )
    yield Gauge(
        "pansoft_cache_hit_ratio",
        "Which part of the results of packages was there already.",
        _one(figures.hit_ratio),
        "ratio",
    )
    yield Gauge(
        "pansoft_damaged_lines", "Lines of the log that cannot be read.", _one(report.damaged)
    )
    if last is None:
        return
    began = datetime.fromisoformat(last.began).timestamp()
    yield Gauge(
        "pansoft_last_run_began_seconds", "When the last run began.", _one(began), "seconds"
    )
    yield Gauge(
        "pansoft_last_run_duration_seconds", "Time of the last run.", _one(last.seconds), "seconds"
    )
    yield Gauge(
        "pansoft_last_run_packages",
        "Packages of the last run, by how they came along.",
        _packages(last.figures),
    )


def _packages(figures: Figures) -> tuple[tuple[_Labels, float], ...]:
    counts = {
        "built": figures.built,
        "reused": figures.reused,
        "failed": figures.failed,
        "refused": figures.refused,
    }
    return tuple(({"result": result}, count) for result, count in counts.items())


def _one(value: float | None) -> tuple[tuple[_Labels, float], ...]:
    return () if value is None else (({}, value),)


def _lines(gauge: Gauge) -> Iterator[str]:
    yield f"# TYPE {gauge.name} gauge"
    if gauge.unit:
        yield f"# UNIT {gauge.name} {gauge.unit}"
    yield f"# HELP {gauge.name} {_escaped(gauge.says)}"
    for labels, value in gauge.values:
        inside = ",".join(f'{name}="{_escaped(label)}"' for name, label in labels.items())
        yield (
            f"{gauge.name}{{{inside}}} {_number(value)}"
            if inside
            else (f"{gauge.name} {_number(value)}")
        )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))
