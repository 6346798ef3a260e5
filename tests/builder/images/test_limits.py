# SPDX-License-Identifier: BSD-3-Clause
"""Real builds that take too much: each is stopped, says what it took, and leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.images import sandbox
from builder.images.build import BuildOptions
from builder.images.failure import BuildFailed
from builder.recipes.recipe import UNLIMITED, Limits
from tests.builder.conftest import Builds

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

SMALL = Limits(time=60, memory=200, disk=200)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            "x=$(head -c 900000000 /dev/zero | tr '\\0' a)",
            "the build used more than 200 MiB of memory and was stopped",
            id="memory of a process",
        ),
        pytest.param(
            "head -c 150000000 /dev/zero > /tmp/x; head -c 150000000 /dev/zero > /dev/shm/x; sleep 60",
            "the build used more than 200 MiB of memory and was stopped",
            id="files in memory",
        ),
        pytest.param(
            "i=0; while :; do i=$((i+1)); head -c 20000000 /dev/zero > $PREFIX/$i; done",
            "the build wrote more than 200 MiB and was stopped",
            id="disk",
        ),
        pytest.param(
            "f() { f | f & }; f; sleep 60",
            "the build had more than 4096 processes and threads and was stopped",
            id="processes",
        ),
    ],
)
def test_a_build_that_takes_too_much_is_stopped(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    monkeypatch.setattr(sandbox, "PROCESSES", 300)  # enough, and kind to what else runs here
    state = builds.beside(tmp_path / "state")

    with pytest.raises(BuildFailed) as failed:
        builds.build(builds.plan(script, limits=SMALL), state)

    assert failed.value.message.splitlines()[0] == said
    assert list(state.scratch.iterdir()) == []


def test_a_build_that_takes_too_long_is_stopped(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_MINUTE_S", 1.0)
    state = builds.beside(tmp_path / "state")

    with pytest.raises(BuildFailed, match="the build took longer than 2 minutes and was stopped"):
        builds.build(builds.plan("sleep 600", limits=Limits(time=2)), state)

    assert list(state.scratch.iterdir()) == []


def test_a_file_that_is_too_large_is_not_written(builds: Builds, tmp_path: Path) -> None:
    plan = builds.plan("head -c 300000000 /dev/zero > $PREFIX/x", limits=SMALL)

    with pytest.raises(BuildFailed, match=r"a file system is full|wrote more than 200 MiB"):
        builds.build(plan, builds.beside(tmp_path / "state"))


@pytest.mark.parametrize("by", ["run", "site"])
def test_a_recipe_gets_no_more_than_is_allowed(builds: Builds, tmp_path: Path, by: str) -> None:
    state = builds.beside(tmp_path / "state")
    plan = builds.plan("x=$(head -c 900000000 /dev/zero | tr '\\0' a)", limits=SMALL)
    options = BuildOptions(ceiling=Limits(memory=64) if by == "run" else UNLIMITED)
    (state.folder / "site.yaml").write_text(
        "schema: 1\nlimits: {memory: 64}\n" if by == "site" else "schema: 1\n"
    )

    with pytest.raises(BuildFailed, match="used more than 64 MiB of memory") as failed:
        builds.build(plan, state, options=options)

    assert "the recipe asks for 200; 64 are allowed here" in str(failed.value.hint)


def test_limits_are_no_part_of_the_plans_id(builds: Builds) -> None:
    assert builds.plan("true", limits=SMALL).id == builds.plan("true").id
