# SPDX-License-Identifier: BSD-3-Clause
"""What merge requests showed is known by plan, and another image of the same plan is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.images.plan import BasePlan, BuildPlan
from builder.inputs.lock import BaseLock
from builder.stages import Image, PlanId
from core.errors import UserError
from pansoft.ci import kept
from pansoft.ci.note import PackageNote, Standing
from pansoft.shown import Shown, check_shown, read, shown_by, unseen

PLAN = PlanId("a" * 64)
SHA = "1" * 64
OTHER = "2" * 64
IMAGE = Image(PLAN, "plotter", "1.0", "debian-12", Path("plotter.sif"), SHA, 1, 1)
NOTE = PackageNote("plotter", "1.0", Standing.READY, key="plotter", plan=PLAN, sha256=SHA)


def plan_of(name: str) -> BuildPlan:
    base = BasePlan("debian-12", None, BaseLock("debian-12", SHA, 1, (), ()))
    return BuildPlan(name, "1.0", "MIT", base, (), (), (), (), (), None, ())


def test_what_reports_below_a_folder_show_is_read(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    unbuilt = replace(NOTE, name="b", key="b", sha256=None)
    (tmp_path / "one" / kept.FILE).write_bytes(kept.keep([NOTE, unbuilt]))
    (tmp_path / kept.FILE).write_bytes(kept.keep([]))

    shown = read(tmp_path)

    assert shown == Shown({PLAN: frozenset({SHA})}, {"plotter": frozenset({PLAN})})


def test_a_folder_that_is_not_there_shows_nothing_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="what the merge request showed is not known"):
        read(tmp_path / "none")


def test_the_same_image_passes_and_so_does_one_that_nobody_was_shown() -> None:
    check_shown(IMAGE, shown_by([NOTE]))
    check_shown(replace(IMAGE, plan=PlanId("b" * 64)), shown_by([NOTE]))


def test_another_image_of_the_plan_is_refused() -> None:
    with pytest.raises(UserError, match=f"showed another image of this plan: {OTHER}"):
        check_shown(IMAGE, shown_by([replace(NOTE, sha256=OTHER)]))


def test_two_requests_that_showed_different_images_of_a_plan_are_a_refusal() -> None:
    with pytest.raises(UserError, match=OTHER):
        check_shown(IMAGE, shown_by([NOTE, replace(NOTE, sha256=OTHER)]))


def test_a_plan_that_nobody_was_shown_is_told_where_the_package_was() -> None:
    plan = plan_of("plotter")

    assert "the merge request showed plan aaaaaaaaaaaa" in (shown_by([NOTE]).doubt(plan) or "")
    assert shown_by([replace(NOTE, plan=plan.id)]).doubt(plan) is None
    assert Shown().doubt(plan) is None


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "p00 1.0: it is"),
        (2, "p00 1.0, p01 1.0: they are"),
        (10, "p08 1.0, p09 1.0: they are"),
        (11, "p09 1.0 and 1 more: they are"),
        (340, "p09 1.0 and 330 more: they are"),
    ],
)
def test_packages_that_no_request_showed_are_named_in_a_line(count: int, named: str) -> None:
    plans = [plan_of(f"p{number:02}") for number in range(count)]

    said = unseen([plan_of("plotter"), *plans], shown_by([NOTE])) or ""

    assert said.startswith("no merge request showed p00 1.0")
    assert said.endswith(f"{named} built, tested and judged here alone")
    assert "plotter" not in said


def test_packages_that_were_shown_by_any_plan_are_not_named() -> None:
    plan = plan_of("plotter")

    assert unseen([plan], shown_by([NOTE])) is None
    assert unseen([plan], Shown({plan.id: frozenset({SHA})})) is None
    assert unseen([], Shown()) is None
    assert unseen([plan], shown_by([replace(NOTE, sha256=None)])) is not None
