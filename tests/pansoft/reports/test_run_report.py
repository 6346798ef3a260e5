# SPDX-License-Identifier: BSD-3-Clause
"""The report of a run: what stands in it, what of it lasts, and what a stranger's text may do in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pansoft.reports import run_report
from pansoft.reports.run_report import Ended, Row, RunReport, Stopwatch

BUILT = Row(
    "plotter", "1.0", Ended.PUBLISHED, fresh=True, plan="ab" * 32, base="debian-12",
    build_seconds=4.0, test_seconds=2.5, size=90_000_000, delta=1_000_000,
    tests=3, tests_passed=3, verdict="accepted",
)  # fmt: skip
SLOW = Row("slow", "2.0", Ended.PUBLISHED, plan="cd" * 32, build_seconds=100.0, size=10_000_000)
BROKEN = Row("broken", "1.0", Ended.FAILED, why="test: <b>1 of 2</b> tests failed")
HELD = Row("xds", "2024", Ended.SITE, why="a licence holder makes it")


def report(*rows: Row) -> RunReport:
    return RunReport("2026-11-23T04:00:00Z", 4000.0, 7200.0, 12, 800_000_000, rows)


def test_the_figures_are_those_of_the_rows() -> None:
    whole = report(BUILT, SLOW, BROKEN, HELD)

    assert whole.images == 100_000_000
    assert whole.tests_passed == 3
    assert [row.name for row in whole.slowest] == ["slow", "plotter"]
    assert {ended: whole.count(ended) for ended in Ended} == {
        Ended.PUBLISHED: 2,
        Ended.FAILED: 1,
        Ended.REFUSED: 0,
        Ended.SITE: 1,
        Ended.RETIRED: 0,
    }


def test_the_page_shows_every_package_and_why_one_stopped(tmp_path: Path) -> None:
    page = run_report.write(report(BUILT, SLOW, BROKEN, HELD), tmp_path).read_text("utf-8")

    for name in ("plotter 1.0", "slow 2.0", "broken 1.0", "xds 2024"):
        assert name in page
    assert "test: &lt;b&gt;1 of 2&lt;/b&gt; tests failed" in page
    assert "1:06:40" in page
    assert "100.0 MB" in page
    assert "<script" not in page
    assert "//" not in page


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    assert "All packages" in run_report.write(report(), tmp_path).read_text("utf-8")


def test_a_later_run_knows_what_this_one_measured(tmp_path: Path) -> None:
    run_report.write(report(BUILT, BROKEN), tmp_path)

    assert run_report.rows_before(tmp_path) == {BUILT.plan: BUILT}
    assert json.loads((tmp_path / "report.json").read_bytes())["schema"] == 1


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"rows": [{"name": 1}]}', '{"rows": 7}'])
def test_a_report_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content, encoding="utf-8")

    assert run_report.rows_before(tmp_path) == {}


def test_a_stopwatch_counts_the_work_of_this_program() -> None:
    watch = Stopwatch()
    while watch.taken()[1] < 0.1:
        sum(range(100_000))

    seconds, cpu_seconds = watch.taken()
    assert seconds > 0
    assert cpu_seconds >= 0.1
