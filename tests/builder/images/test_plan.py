# SPDX-License-Identifier: BSD-3-Clause
"""A plan's id says everything that decides the bytes of an image, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.images import base as base_building
from builder.images import build as building
from builder.images.container_files import base_container_files, package_container_files
from builder.images.plan import (
    ENGINE,
    BasePlan,
    BuildPlan,
    Retired,
    environment_script,
    plan_package,
    refuse_retired,
)
from builder.inputs.apt import DebianPackage
from builder.inputs.lock import BaseLock, PackageLock, PythonArtefact
from builder.recipes.recipe import (
    Build,
    License,
    LocalFile,
    Maintainer,
    Recipe,
    Redistribution,
    Release,
    Source,
    SourceKind,
    Test,
    TestKind,
)
from core.errors import UserError

SCRIPTS = Path(__file__).parents[3] / "builder" / "images" / "scripts"
HASH = "0123456789abcdef" * 4
DEB = DebianPackage("gnuplot-nox", "5.4.4-1", "amd64", "pool/main/g/gnuplot.deb", 5, HASH)
WHEEL = PythonArtefact("numpy", "2.1", "numpy-2.1-py3-none-any.whl", HASH)
SOURCE = Source(SourceKind.PYPI_SDIST, "fabio==2024.9", HASH)
BASE = BasePlan("debian-12", "bookworm", BaseLock("debian-12", HASH, 1_700_000_000, (DEB,), ()))
LOCK = PackageLock("plotter", HASH, BASE.lock.id, (DEB,), (DEB,), (WHEEL,), (SOURCE,))


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    return Recipe(
        folder=tmp_path,
        name="plotter",
        version="5.4.4",
        title="Plotter",
        summary="Plots things.",
        description="It plots things.",
        homepage="https://plotter.example.org",
        license=License("MIT", Redistribution.ALLOWED),
        maintainers=(Maintainer("Somebody"),),
        base="debian-12",
        build=Build(
            apt=("gnuplot-nox",),
            pip=("numpy",),
            files=(LocalFile("run.sh", "/opt/plotter/bin/run", 0o755),),
            script="make install",
        ),
        tests=(Test("plots", TestKind.COMMAND, "plot"),),
        environment=(("PLOT_HOME", "/opt/plotter"),),
    )


def plan_of(recipe: Recipe, lock: PackageLock = LOCK, base: BasePlan = BASE) -> BuildPlan:
    return plan_package(recipe, lock, base)


def test_the_id_of_a_plan_is_the_same_for_ever(recipe: Recipe) -> None:
    # A golden value: where it changes on purpose, every image of every site is built again.
    assert plan_of(recipe).id == "150171339abd87066367848943a45b352f12be59fd2eb0cac764d969c6c8b7d5"
    assert BASE.id == "24b45e0e17f66b47d0b8c1162760686a98cb66f8de8373be68f35809f5d331d3"


def with_build(**changes: object) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, build=replace(recipe.build, **changes))  # type: ignore[arg-type]


def with_recipe(**changes: object) -> Callable[[Recipe], Recipe]:
    return lambda recipe: replace(recipe, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_recipe(name="other"), id="name"),
        pytest.param(with_recipe(version="5.4.5"), id="version"),
        pytest.param(with_recipe(license=License("BSD-3-Clause", Redistribution.ALLOWED)), id="licence"),
        pytest.param(with_recipe(environment=()), id="environment"),
        pytest.param(with_build(script="make all install"), id="script"),
        pytest.param(with_build(script=None), id="no script"),
        pytest.param(with_build(files=()), id="files"),
        pytest.param(with_build(files=(LocalFile("run.sh", "/opt/plotter/bin/run"),)), id="mode"),
        pytest.param(
            with_build(files=(LocalFile("run.sh", "/opt/plotter/run", 0o755),)), id="target"
        ),
    ],
)  # fmt: skip
def test_a_recipe_that_gives_other_bytes_is_another_plan(
    recipe: Recipe, change: Callable[[Recipe], Recipe]
) -> None:
    assert plan_of(change(recipe)).id != plan_of(recipe).id


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param(replace(LOCK, debian=()), id="debian"),
        pytest.param(replace(LOCK, debian=(replace(DEB, version="5.4.4-2"),)), id="version"),
        pytest.param(replace(LOCK, debian=(replace(DEB, sha256=HASH[::-1]),)), id="sha256"),
        pytest.param(replace(LOCK, tools=()), id="tools"),
        pytest.param(replace(LOCK, python=()), id="python"),
        pytest.param(replace(LOCK, sources=()), id="sources"),
    ],
)
def test_a_lock_of_other_inputs_is_another_plan(recipe: Recipe, lock: PackageLock) -> None:
    assert plan_of(recipe, lock).id != plan_of(recipe).id


@pytest.mark.parametrize(
    "base",
    [
        pytest.param(replace(BASE, suite="trixie"), id="suite"),
        pytest.param(replace(BASE, lock=replace(BASE.lock, epoch=1)), id="epoch"),
        pytest.param(replace(BASE, lock=replace(BASE.lock, debian=(DEB,))), id="packages"),
    ],
)
def test_another_base_is_another_plan(recipe: Recipe, base: BasePlan) -> None:
    assert plan_of(recipe, base=base).id != plan_of(recipe).id
    assert base.id != BASE.id


def test_a_layer_is_what_it_adds_and_what_it_lies_on(recipe: Recipe) -> None:
    lock = BaseLock("science", HASH, 1_700_000_001, (), (), (WHEEL,), BASE.lock)
    layer = BasePlan("science", None, lock, BASE, (("OMP_NUM_THREADS", "1"),))
    other = replace(layer, below=replace(BASE, suite="trixie"))

    assert [item.name for item in layer.layers] == ["debian-12", "science"]
    assert len({BASE.id, layer.id, other.id, replace(layer, own_environment=()).id}) == 4
    assert dict(layer.environment) == {
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "PATH": "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    on_it = plan_of(with_build(pip=())(recipe), replace(LOCK, python=()), layer)
    assert dict(on_it.environment)["PATH"].startswith("/opt/plotter/bin:/opt/venv/bin:")


def test_a_local_file_decides_by_its_content(recipe: Recipe) -> None:
    before = plan_of(recipe).id

    (recipe.folder / "run.sh").write_text("#!/bin/sh\necho\n")

    assert plan_of(recipe).id != before


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_recipe(title="x", summary="x", description="x"), id="words"),
        pytest.param(with_recipe(tests=()), id="tests"),
        pytest.param(with_recipe(maintainers=()), id="maintainers"),
        pytest.param(with_recipe(release=Release(owner="me")), id="release"),
        pytest.param(with_recipe(folder=Path("/somewhere/else")), id="folder"),
    ],
)
def test_what_decides_no_byte_rebuilds_nothing(
    recipe: Recipe, change: Callable[[Recipe], Recipe]
) -> None:
    changed = replace(change(recipe), build=replace(recipe.build, files=()))

    assert plan_of(changed).id == plan_of(with_build(files=())(recipe)).id


def test_a_local_file_that_is_gone_is_named(recipe: Recipe) -> None:
    (recipe.folder / "run.sh").unlink()

    with pytest.raises(UserError, match=r"run\.sh cannot be read: No such file"):
        plan_of(recipe)


def test_what_is_retired_is_refused_with_its_reason(recipe: Recipe) -> None:
    alone = replace(recipe, retire="It plots no more.")
    replaced = replace(alone, release=replace(recipe.release, replaced_by="drawer"))

    refuse_retired(recipe)
    with pytest.raises(Retired, match=r"is retired: It plots no more\.") as first:
        refuse_retired(alone)
    with pytest.raises(Retired) as second:
        refuse_retired(replaced)

    assert first.value.hint == f"to have it again, take `retire` out of {recipe.file}"
    assert second.value.hint == "use drawer instead"


def test_programs_of_the_package_come_first_on_the_path(recipe: Recipe) -> None:
    path = dict(plan_of(recipe).environment)["PATH"]

    assert path.startswith("/opt/plotter/bin:/opt/venv/bin:/usr/local/sbin:")


def test_the_environment_is_quoted_for_the_shell(recipe: Recipe) -> None:
    plan = plan_of(with_recipe(environment=(("GREETING", "it's $HOME; rm -rf /"),))(recipe))

    assert "export GREETING='it'\"'\"'s $HOME; rm -rf /'\n" in environment_script(plan)


def test_an_image_carries_an_identity_made_of_its_plan(recipe: Recipe) -> None:
    one, other = plan_of(recipe), plan_of(with_recipe(version="6")(recipe))

    assert one.identity == plan_of(recipe).identity
    assert one.identity != other.identity


def test_the_engine_number_is_raised_with_the_bytes_it_makes(recipe: Recipe) -> None:
    digest = hashlib.sha256()
    for script in sorted(SCRIPTS.iterdir()):
        if script.suffix in (".sh", ".py"):
            digest.update(script.name.encode() + b"\0" + script.read_bytes())
    digest.update(f"{base_building.ZSTD_LEVEL} {building.ZSTD_LEVEL}".encode())
    staged = {**base_container_files(BASE), **package_container_files(plan_of(recipe))}
    for name, (content, mode) in sorted(staged.items()):
        digest.update(f"{name}\0{mode:o}\0".encode() + content)

    assert (ENGINE, digest.hexdigest()) == (
        3,
        "842df7ebb45cd69e50415357b02ab13bfabcc840c2dfc51fb49b389f1db283d9",
    ), (
        "what runs inside builds has changed: raise ENGINE in builder/images/plan.py when the bytes of "
        "images change with it, then record the new number and hash here"
    )
