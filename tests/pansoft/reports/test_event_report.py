# SPDX-License-Identifier: BSD-3-Clause
"""What the event log says of a time: sums, runs, what was slow, and what is not mended."""

from __future__ import annotations

import json

import pytest

from core.errors import UserError
from core.events import Event, Events, Result, Stage
from pansoft.reports.event_report import EventReport, Figures, as_json, report_of
from tests.pansoft.reports.event_samples import event, week


def of(*events: Event, run: str | None = None) -> EventReport:
    return report_of(Events(tuple(sorted(events, key=lambda item: item.began))), run=run)


def test_packages_are_counted_once_and_hits_by_result() -> None:
    report = of(
        event(0, Stage.PLAN, seconds=1),
        event(1, Stage.FETCH, seconds=5, size=1000),
        event(2, Stage.BASE, "debian-12", version=None, seconds=9, size=500),
        event(3, Stage.BUILD, "a", seconds=3, size=20),
        event(4, Stage.TEST, "a", seconds=2),
        event(5, Stage.SIGN, "a", seconds=1, result=Result.REUSED),
        event(6, Stage.BUILD, "b", seconds=0, size=0, result=Result.REUSED),
        event(7, Stage.PUBLISH, "c", result=Result.REUSED),
        event(8, Stage.BUILD, "d", seconds=4, result=Result.FAILED),
        event(9, Stage.SIGN, "e", seconds=4, result=Result.REFUSED),
        event(10, Stage.PUBLISH, seconds=4, size=77),
    )

    assert report.figures == Figures(
        built=1, reused=2, failed=1, refused=1, asked=6, hits=3, new_bytes=1520, stored_bytes=77
    )
    assert report.figures.hit_ratio == 0.5


def test_a_base_that_holds_a_package_back_is_the_packages_failure() -> None:
    held = {"result": Result.FAILED, "message": "held back by its base debian-12: no room"}
    report = of(
        event(0, Stage.BASE, "debian-12", version=None, result=Result.FAILED, seconds=1),
        event(1, Stage.BASE, "a", **held),  # type: ignore[arg-type]
    )

    assert report.figures.failed == 1
    assert {row.package for row in report.wrong} == {"debian-12", "a"}


def test_a_run_is_what_shares_a_trace_and_the_last_is_drawn() -> None:
    report = of(
        event(0, Stage.FETCH, trace="one", verb="fetch", seconds=60),
        event(2, Stage.BUILD, "a", trace="one", verb="build", seconds=30),
        event(5, Stage.BUILD, "b", trace="two", seconds=1),
    )

    assert [(run.trace, run.verbs, run.seconds) for run in report.runs] == [
        ("two", ("apply",), 1.0),
        ("one", ("fetch", "build"), 150.0),
    ]
    assert report.drawn == report.runs[0]
    assert [item.package for item in report.last] == ["b"]


def test_another_run_can_be_drawn_and_one_that_is_not_there_cannot() -> None:
    events = [event(0, Stage.BUILD, "a", trace="one"), event(1, Stage.BUILD, "b", trace="two")]

    assert [item.package for item in of(*events, run="one").last] == ["a"]
    with pytest.raises(UserError, match="no run 'three'") as caught:
        of(*events, run="three")
    assert caught.value.hint == "the latest are: two, one"


FAILED = event(0, Stage.BUILD, "a", result=Result.FAILED, message="no header", rule="header")


@pytest.mark.parametrize(
    ("later", "is_mended"),
    [
        ([event(1, Stage.BUILD, "a")], True),
        ([event(1, Stage.BUILD, "a", version="2.0")], True),
        ([event(1, Stage.PUBLISH, "a", result=Result.REUSED)], True),
        ([event(1, Stage.FETCH, "a")], False),
        ([event(1, Stage.BUILD, "b")], False),
        ([event(-1, Stage.BUILD, "a")], False),
        ([event(1, Stage.BUILD, "a"), event(2, Stage.BUILD, "a", result=Result.FAILED)], False),
    ],
    ids=["again", "newer version", "published", "fetched only", "another", "before", "and back"],
)
def test_what_went_wrong_is_open_until_its_package_came_further(
    later: list[Event], is_mended: bool
) -> None:
    report = of(FAILED, *later)

    [row] = report.wrong
    assert row.is_mended is is_mended
    assert report.open == (() if is_mended else (row,))


def test_a_failure_is_told_once_with_its_last_reason() -> None:
    again = event(9, Stage.BUILD, "a", result=Result.FAILED, message="no room", rule="disk")

    [row] = of(FAILED, again).wrong

    assert (row.times, row.message, row.rule, row.last) == (
        2, "no room", "disk", "2026-11-16T03:09:00Z",
    )  # fmt: skip


def test_the_slowest_are_told_with_what_is_usual() -> None:
    report = of(
        *(event(n, Stage.BUILD, "a", seconds=s) for n, s in enumerate((10.0, 90.0, 12.0))),
        event(4, Stage.TEST, "b", seconds=30.0),
        event(5, Stage.BUILD, "c", seconds=99.0, result=Result.REUSED),  # it waited for another
        event(6, Stage.PUBLISH, seconds=500.0),  # of no package
    )

    assert [(row.package, row.seconds, row.usual, row.times) for row in report.slowest] == [
        ("a", 90.0, 12.0, 3),
        ("b", 30.0, 30.0, 1),
    ]


def test_an_empty_log_has_a_report() -> None:
    report = of()

    assert (report.began, report.drawn, report.runs) == (None, None, ())
    assert report.figures.hit_ratio is None


def test_the_json_holds_the_drawn_run_as_it_was_logged() -> None:
    report = report_of(Events(tuple(week()), damaged=2))

    facts = json.loads(json.dumps(as_json(report)))

    assert (facts["schema"], facts["damaged"]) == (1, 2)
    assert [row["trace"] for row in facts["runs"]] == [
        f"pipeline-{n}" for n in range(4706, 4699, -1)
    ]
    assert {line["trace"] for line in facts["last"]} == {"pipeline-4706"}
    assert facts["figures"]["refused"] == 2
