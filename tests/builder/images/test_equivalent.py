# SPDX-License-Identifier: BSD-3-Clause
"""The definition file of a plan: genuine `apptainer build` accepts it and makes the same programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.images.equivalent import equivalent
from builder.images.plan import BuildPlan, plan_package, read_base_plan
from builder.images.sandbox import scratch_folder
from builder.inputs.archive import packages_index
from builder.inputs.cache import InputCache
from builder.inputs.fetch import fetch
from builder.inputs.lock import read_package_lock
from builder.recipes import load
from builder.recipes.definition import definition_text, parsed
from builder.recipes.image_reference import ImageOrigin, parse_reference
from builder.recipes.recipe import Build, Recipe
from core import process
from core.console import Console
from core.errors import UserError
from tests.builder.conftest import Builds

ROOT = Path(__file__).parents[3]
_PACKAGES = "dpkg-query --show --showformat '${Package} ${Version} ${db:Status-Abbrev}\\n'"


def recipe_and_plan(name: str) -> tuple[Recipe, BuildPlan]:
    recipe = load.load_recipe(ROOT / "recipes" / name)
    planned = read_base_plan(ROOT / "recipes" / "bases" / recipe.base)
    return recipe, plan_package(recipe, read_package_lock(recipe, planned.lock), planned)


@pytest.mark.parametrize("name", ["hdf5-tools", "mcpl", "h5py"])
def test_everything_that_the_lock_pins_is_pinned_in_the_definition(name: str) -> None:
    recipe, plan = recipe_and_plan(name)

    sections = parsed(definition_text(equivalent(recipe, plan)))

    post = [line.removesuffix(" \\") for line in sections["%post"]]
    packages = (*plan.base.lock.packages, *plan.debian, *plan.tools)
    assert {f"{item.name}={item.version}" for item in packages} <= set(post)
    artefacts = {item.name: item for item in (*plan.base.lock.wheels, *plan.python)}.values()
    wheels = {f"{item.name}=={item.version} --hash=sha256:{item.sha256}" for item in artefacts}
    assert wheels <= set(post)
    sources = {f"{item.sha256}  /.pansoft/sources/{item.filename}" for item in plan.sources}
    assert sources <= set(post)
    assert sections["header"] == ("Bootstrap: docker", "From: {{ from }}")


def test_pip_is_debians_since_the_environment_comes_first_in_path_and_has_none() -> None:
    recipe, plan = recipe_and_plan("fabio")

    sections = parsed(definition_text(equivalent(recipe, plan, base=Path("/base.sif"))))

    pip = [line for line in sections["%post"] if " -m pip " in line]
    assert [line.split()[0] for line in pip] == ["/usr/bin/python3"]


def test_what_stands_for_an_argument_in_a_definition_is_refused() -> None:
    recipe, plan = recipe_and_plan("hdf5-tools")
    odd = replace(recipe, build=Build(script="echo '{{ name }}'"))

    with pytest.raises(UserError, match=r"build\.script holds '\{\{'"):
        equivalent(odd, plan)


def test_a_base_of_a_container_image_begins_from_that() -> None:
    recipe, plan = recipe_and_plan("hdf5-tools")
    digest = f"sha256:{'0' * 64}"

    def from_image(text: str) -> str:
        origin = ImageOrigin(parse_reference(f"{text}@{digest}"), ROOT)
        lock = replace(plan.base.lock, system=(), origin=origin)
        of_image = replace(plan, base=replace(plan.base, suite=None, lock=lock))
        return definition_text(equivalent(recipe, of_image))

    assert f"from=registry.example.org/a/b@{digest}" in from_image(
        "docker://registry.example.org/a/b"
    )
    with pytest.raises(UserError, match="begins with an image that is in no registry: tiny"):
        from_image("docker-daemon:tiny")


@pytest.mark.needs("apptainer", "mmdebstrap", "mksquashfs")
def test_genuine_apptainer_makes_the_same_programs_of_it(builds: Builds) -> None:
    recipe, plan = recipe_and_plan("hdf5-tools")
    fetch(plan.inputs, InputCache(builds.state.inputs), console=Console(quiet=True))
    ours = builds.build(plan).image.path
    base = builds.state.base(plan.base.id) / "root"

    with scratch_folder(builds.state.scratch, builds.user) as folder:
        archive = folder / "archive"
        for item in plan.debian:
            deb = archive / "pool" / item.sha256[:2] / item.sha256
            deb.parent.mkdir(parents=True, exist_ok=True)
            deb.write_bytes((builds.state.inputs / item.sha256[:2] / item.sha256).read_bytes())
        index = packages_index(plan.debian, InputCache(builds.state.inputs))
        (archive / "Packages").write_text(index, encoding="utf-8")
        text = definition_text(equivalent(recipe, plan, base=base))
        (folder / "image.def").write_text(text, encoding="utf-8")
        theirs = folder / "image.sif"
        argv = [
            "apptainer", "build", "--mksquashfs-args", "-comp zstd -Xcompression-level 1",
            "--bind", f"{archive}:/mnt", "--build-arg", "archive=[trusted=yes] file:/mnt ./",
            str(theirs), str(folder / "image.def"),
        ]  # fmt: skip
        environment = builds.user.environment(
            HOME=str(folder), APPTAINER_TMPDIR=str(folder), APPTAINER_CACHEDIR=str(folder)
        )
        done = process.run(
            builds.user.command(argv, reach=[folder, base]),
            reason="build the definition",
            cwd=folder,
            env=environment,
            timeout_s=600,
        )

        assert "test: makes a file from text and reads it back" in done.stdout + done.stderr
        for script in ("h5dump --version", _PACKAGES, "echo $PATH $LC_ALL"):
            expected, found = builds.run(ours, script), builds.run(theirs, script)
            assert expected.returncode == 0, expected.stderr
            assert (found.returncode, found.stdout) == (0, expected.stdout)
