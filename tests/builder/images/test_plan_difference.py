# SPDX-License-Identifier: BSD-3-Clause
"""What is told of two plans is what makes their images differ, all of it and in few words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builder.images.plan import BasePlan, BuildPlan, PlannedFile
from builder.images.plan_difference import plan_difference, sentences
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import BaseLock, NodePackage, PythonArtefact, PythonSdist
from builder.recipes.recipe import Source, SourceKind

HASH = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4
DEB = DebianPackage("hdf5", "1.10", "amd64", "pool/main/h/hdf5.deb", 5, HASH)
WHEEL = PythonArtefact("numpy", "2.1", "numpy-2.1-py3-none-any.whl", HASH)
SDIST = PythonSdist("fisx", "1.3", "fisx-1.3.tar.gz", HASH, ())
NODE = NodePackage("vega", "5.0.0", "vega/-/vega-5.0.0.tgz", "node_modules/vega", "sha512-x", HASH)
SOURCE = Source(SourceKind.URL, "https://example.org/mcpl.tar.gz", HASH)
BASE = BasePlan("debian-12", "bookworm", BaseLock("debian-12", HASH, 1_700_000_000, (DEB,), ()))
PLAN = BuildPlan(
    name="plotter",
    version="1.0",
    license="MIT",
    base=BASE,
    debian=(DEB,),
    tools=(),
    python=(WHEEL,),
    sources=(SOURCE,),
    files=(PlannedFile("/opt/plotter/run", 0o755, HASH, b""),),
    script="make",
    environment=(("LC_ALL", "C.UTF-8"),),
)
NEWER = replace(DEB, version="1.14", sha256=OTHER)
ABOVE = BasePlan(
    "debian-12-python", None, BaseLock("debian-12-python", HASH, 1, (), (), below=BASE.lock), BASE
)


def with_base(*debian: DebianPackage, epoch: int = 1_700_000_000) -> BasePlan:
    return replace(BASE, lock=replace(BASE.lock, system=debian, epoch=epoch))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (replace(PLAN, version="1.1"), ["version 1.0 → 1.1"]),
        (replace(PLAN, license="ISC"), ["licence MIT → ISC"]),
        (replace(PLAN, debian=(NEWER,)), ["Debian package: hdf5 1.10 → 1.14"]),
        (replace(PLAN, debian=()), ["Debian package: -hdf5"]),
        (replace(PLAN, tools=(DEB,)), ["build tool: +hdf5 1.10"]),
        (replace(PLAN, python=()), ["Python package: -numpy"]),
        (replace(PLAN, sdists=(SDIST,)), ["Python package: +fisx 1.3"]),
        (replace(PLAN, node=(NODE,)), ["npm package: +vega 5.0.0"]),
        (replace(PLAN, sources=()), ["source: -mcpl.tar.gz"]),
        (
            replace(PLAN, sources=(replace(SOURCE, sha256=OTHER),)),
            ["source: mcpl.tar.gz 01234567 → fedcba98"],
        ),
        (
            replace(PLAN, python=(replace(WHEEL, sha256=OTHER),)),
            ["Python package: numpy 2.1 01234567 → 2.1 fedcba98"],
        ),
        (replace(PLAN, files=()), ["file: -/opt/plotter/run"]),
        (replace(PLAN, script=None), ["no script any more"]),
        (replace(PLAN, environment=()), ["variable: -LC_ALL"]),
        (
            replace(PLAN, environment=(("LC_ALL", "x" * 200),)),
            ["variable: LC_ALL C.UTF-8 → xxxxxxxxxxxxxxxxxxxxxxx…"],
        ),
        (replace(PLAN, base=with_base(NEWER)), ["Debian package of debian-12: hdf5 1.10 → 1.14"]),
        (
            replace(PLAN, base=with_base(DEB, epoch=1_800_000_000)),
            ["time of debian-12 1700000000 → 1800000000"],
        ),
        (
            replace(PLAN, base=replace(BASE, own_environment=(("A", "1"),))),
            ["variable of debian-12: +A 1"],
        ),
        (replace(PLAN, base=ABOVE), ["base debian-12 → debian-12-python"]),
    ],
)
def test_each_part_of_a_plan_is_told(after: BuildPlan, told: list[str]) -> None:
    assert list(sentences(plan_difference(PLAN, after))) == told


def test_the_same_plan_has_no_difference() -> None:
    assert plan_difference(PLAN, replace(PLAN)) == ()


def test_another_script_is_told_by_its_digests() -> None:
    [said] = sentences(plan_difference(PLAN, replace(PLAN, script="make install")))

    assert said.startswith("script ")
    assert " → " in said


def test_hundreds_of_packages_are_counted_and_a_few_named() -> None:
    many = tuple(replace(DEB, name=f"lib{number:03}") for number in range(200))

    [said] = sentences(plan_difference(replace(PLAN, debian=()), replace(PLAN, debian=many)))

    assert said.startswith("200 Debian packages: +lib000 1.10, +lib001 1.10")
    assert said.endswith("and 196 more")


def test_a_layer_further_down_is_told_by_its_own_name() -> None:
    before, after = (
        replace(PLAN, base=ABOVE),
        replace(PLAN, base=replace(ABOVE, below=with_base(NEWER))),
    )

    assert sentences(plan_difference(before, after)) == (
        "Debian package of debian-12: hdf5 1.10 → 1.14",
    )
