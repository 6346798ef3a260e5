# SPDX-License-Identifier: BSD-3-Clause
"""The picture of a run: what is where, and that it stays in its frame."""

from __future__ import annotations

import pytest

from core.events import Event, Result, Stage
from pansoft.reports.timeline import GUTTER, MARGIN, MOST_LANES, WIDTH, duration, timeline_of
from tests.pansoft.reports.event_samples import event, week

END = WIDTH - MARGIN


def run() -> list[Event]:
    return [
        event(0, Stage.PLAN, seconds=60),
        event(1, Stage.BASE, "debian-12", version=None, seconds=60),
        event(2, Stage.BUILD, "a", seconds=120),
        event(4, Stage.TEST, "a", seconds=120, result=Result.FAILED),
        event(2, Stage.BUILD, "b", seconds=0.01, result=Result.REUSED),
        event(5, Stage.PUBLISH, "c"),  # nobody measured it
        event(5, Stage.PUBLISH, seconds=60),
    ]


def test_there_is_a_lane_for_each_package_and_a_bar_for_each_stage() -> None:
    drawing = timeline_of(run())

    assert drawing is not None
    assert [lane.label for lane in drawing.lanes] == [
        "all packages", "base debian-12", "a 1.0", "b 1.0",
    ]  # fmt: skip
    first, last = drawing.lanes[0].bars
    assert (first.x, first.stage, last.stage) == (GUTTER, Stage.PLAN, Stage.PUBLISH)
    assert last.x + last.width == pytest.approx(END, abs=0.1)
    assert [lane.took for lane in drawing.lanes] == ["2:00", "1:00", "4:00, failed", "10 ms"]
    assert [lane.is_wrong for lane in drawing.lanes] == [False, False, True, False]
    assert drawing.lanes[2].bars[1].says == "a 1.0: test, 2:00, failed"
    assert drawing.stages == (Stage.PLAN, Stage.BASE, Stage.BUILD, Stage.TEST, Stage.PUBLISH)


@pytest.mark.parametrize(
    "seconds", [0.0, 0.004, 0.3, 9.0, 59.0, 61.0, 3599.0, 7201.0, 90_000.0, 3e6, 1e9]
)
def test_the_axis_has_few_marks_inside_the_frame(seconds: float) -> None:
    drawing = timeline_of([event(0, Stage.BUILD, "a", seconds=seconds)])

    assert drawing is not None
    assert 1 <= len(drawing.ticks) <= 9
    assert all(GUTTER <= tick.x <= END + 0.1 for tick in drawing.ticks)
    assert len({tick.label for tick in drawing.ticks}) == len(drawing.ticks)


def test_of_many_the_longest_and_what_went_wrong_are_drawn() -> None:
    events = [event(n, Stage.BUILD, f"p{n}", seconds=100 + n) for n in range(MOST_LANES + 5)]
    events.append(event(0, Stage.BUILD, "bad", seconds=1, result=Result.REFUSED))

    drawing = timeline_of(events)

    assert drawing is not None
    labels = [lane.label for lane in drawing.lanes]
    assert len(labels) == MOST_LANES
    assert "bad 1.0" in labels
    assert "p0 1.0" not in labels
    assert drawing.left_out == 6


def test_a_run_without_time_has_no_picture() -> None:
    assert timeline_of([event(0, Stage.PUBLISH, "a", result=Result.REUSED)]) is None


def test_a_long_name_is_cut_in_its_label_only() -> None:
    drawing = timeline_of([event(0, Stage.BUILD, "x" * 64, seconds=1)])

    assert drawing is not None
    [lane] = drawing.lanes
    assert len(lane.label) == 30
    assert lane.name == "x" * 64 + " 1.0"


def test_every_bar_of_a_week_is_in_the_frame() -> None:
    drawing = timeline_of(week())

    assert drawing is not None
    for lane in drawing.lanes:
        assert 0 < lane.y < drawing.height
        assert all(bar.x >= GUTTER and bar.x + bar.width <= END + 2.5 for bar in lane.bars)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 ms"), (0.04, "40 ms"), (0.1, "0.1 s"), (9.94, "9.9 s"), (9.96, "10 s"),
     (59.4, "59 s"), (59.6, "1:00"), (200, "3:20"), (4000, "1:06:40")],
)  # fmt: skip
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
