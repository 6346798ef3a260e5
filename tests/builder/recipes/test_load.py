# SPDX-License-Identifier: BSD-3-Clause
"""From a faultless file to a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.folders import recipe_folders
from builder.recipes.load import load_all, load_base, load_bases, load_recipe
from builder.recipes.recipe import (
    BaseRecipe,
    Build,
    Channel,
    Command,
    Delivery,
    Desktop,
    ExpectedFile,
    Jupyter,
    License,
    LocalFile,
    Maintainer,
    Need,
    Recipe,
    Redistribution,
    Release,
    Runtime,
    Source,
    SourceKind,
    Test,
    TestKind,
)
from core.errors import InvalidInput
from tests.builder.recipes.projects import BASE, RECIPE, changed, make_project

FULL = """\
schema: 1
name: full
version: "113"
title: Full
summary: Has every field.
description: Has every field.
homepage: https://full.example.org
source: https://full.example.org/source
documentation: https://full.example.org/manual
citation: https://doi.org/10.1000/xyz
license: {spdx: MIT OR Zlib, redistribution: partners, evidence: LICENSE}
maintainers:
  - {name: Somebody, email: s@example.org, orcid: "https://orcid.org/0000-0002-1825-0097"}
facilities: [ESRF]
techniques: ["http://purl.org/pan-science/PaNET/PaNET01188"]
base: debian-12
build:
  apt: [zlib1g, nodejs]
  tools: [gcc]
  pip: ["h5py==3.16.0", "silx[full]==3.1.3"]
  npm: ["@scope/thing@1.2.3"]
  sources:
    - pypi-sdist: fisx==1.3.2
      sha256: 3c818b016b69bb50476bd246ab14cf06e8e3653114c2f2524dce11d6bc070e9a
    - pypi-wheel: full-1.0-py3-none-any.whl
      sha256: 3c818b016b69bb50476bd246ab14cf06e8e3653114c2f2524dce11d6bc070e9a
    - url: https://full.example.org/a-1.tar.gz
      sha256: 3c818b016b69bb50476bd246ab14cf06e8e3653114c2f2524dce11d6bc070e9a
  files:
    - {source: files/run.sh, target: /usr/local/bin/run.sh, mode: "0755"}
    - {source: files/run.sh, target: /etc/full/run.sh}
  script: |
    make
    make install
environment: {ZED: "1", A_lower: b c}
commands:
  - full
  - {name: full-python, run: "python -m 'a b'"}
tests:
  - {name: one, kind: mpi, prepare: make in, run: full, expect: " two "}
  - {name: two, kind: gpu, run: full}
  - {name: three, kind: notebook, run: full}
  - {name: four, kind: gui, run: full, window: Full}
  - name: five
    kind: command
    run: full --fail
    status: 2
    expect: [one, " two "]
    stdout: ^a$
    stderr: ^b$
    files: [a.txt, {path: b/c.txt, pattern: ^c, size: 0}]
    timeout: 60
  - {name: six, kind: import, modules: [full, full.part]}
  - {name: seven, kind: notebook, cell: full()}
runtime:
  gpu: required
  mpi: true
  cpus: 4
  memory: 2048
  time: 30
  desktop: {command: full, title: Full, icon: full, categories: [Science]}
  jupyter: {display_name: Full, python: /opt/venv/bin/python}
delivery: both
release: {channel: stable, owner: us, supported_until: "2027-12-31", replaced_by: plotter}
retire: nobody uses it
"""


@pytest.fixture
def full(tmp_path: Path) -> Path:
    make_project(tmp_path)
    make_project(tmp_path, recipe=FULL, name="full")
    folder = tmp_path / "recipes" / "full"
    (folder / "files").mkdir()
    (folder / "files" / "run.sh").write_text("exit 0\n", encoding="utf-8")
    return folder


def test_every_field_arrives(full: Path) -> None:
    recipe = load_recipe(full)

    digest = "3c818b016b69bb50476bd246ab14cf06e8e3653114c2f2524dce11d6bc070e9a"
    assert recipe == Recipe(
        folder=full,
        name="full",
        version="113",
        title="Full",
        summary="Has every field.",
        description="Has every field.",
        homepage="https://full.example.org",
        license=License("MIT OR Zlib", Redistribution.PARTNERS, "LICENSE"),
        maintainers=(
            Maintainer("Somebody", "s@example.org", "https://orcid.org/0000-0002-1825-0097"),
        ),
        base="debian-12",
        build=Build(
            apt=("zlib1g", "nodejs"),
            tools=("gcc",),
            pip=("h5py==3.16.0", "silx[full]==3.1.3"),
            npm=("@scope/thing@1.2.3",),
            sources=(
                Source(SourceKind.PYPI_SDIST, "fisx==1.3.2", digest),
                Source(SourceKind.PYPI_WHEEL, "full-1.0-py3-none-any.whl", digest),
                Source(SourceKind.URL, "https://full.example.org/a-1.tar.gz", digest),
            ),
            files=(
                LocalFile("files/run.sh", "/usr/local/bin/run.sh", 0o755),
                LocalFile("files/run.sh", "/etc/full/run.sh", 0o644),
            ),
            script="make\nmake install",
        ),
        tests=(
            Test("one", TestKind.MPI, "full", expect=(" two ",), prepare="make in"),
            Test("two", TestKind.GPU, "full"),
            Test("three", TestKind.NOTEBOOK, "full"),
            Test("four", TestKind.GUI, "full", window="Full"),
            Test(
                "five",
                TestKind.COMMAND,
                "full --fail",
                expect=("one", " two "),
                status=2,
                stdout="^a$",
                stderr="^b$",
                files=(ExpectedFile("a.txt"), ExpectedFile("b/c.txt", "^c", 0)),
                timeout_s=60,
            ),
            Test("six", TestKind.IMPORT, modules=("full", "full.part")),
            Test("seven", TestKind.NOTEBOOK, cell="full()"),
        ),
        source="https://full.example.org/source",
        documentation="https://full.example.org/manual",
        citation="https://doi.org/10.1000/xyz",
        facilities=("ESRF",),
        techniques=("http://purl.org/pan-science/PaNET/PaNET01188",),
        environment=(("A_lower", "b c"), ("ZED", "1")),
        commands=(Command("full", ("full",)), Command("full-python", ("python", "-m", "a b"))),
        runtime=Runtime(
            gpu=Need.REQUIRED,
            mpi=True,
            cpus=4,
            memory=2048,
            time=30,
            desktop=Desktop("full", "Full", "full", ("Science",)),
            jupyter=Jupyter("Full", "/opt/venv/bin/python"),
        ),
        delivery=Delivery.BOTH,
        release=Release(Channel.STABLE, "us", "2027-12-31", "plotter"),
        retire="nobody uses it",
    )


def test_a_base_arrives(tmp_path: Path) -> None:
    folder = make_project(tmp_path) / "recipes" / "bases" / "debian-12"

    assert load_base(folder) == BaseRecipe(
        folder=folder,
        name="debian-12",
        title="Debian 12",
        summary="A minimal Debian 12.",
        suite="bookworm",
        apt=("ca-certificates",),
        maintainers=(Maintainer("Somebody"),),
    )


def test_all_recipes_come_sorted_and_bases_are_no_recipes(full: Path) -> None:
    project = full.parent.parent

    assert [recipe.name for recipe in load_all(project)] == ["full", "plotter"]
    assert [base.name for base in load_bases(project)] == ["debian-12"]
    assert "bases" not in [folder.name for folder in recipe_folders(project)]


def test_the_problems_of_all_recipes_come_at_once(tmp_path: Path) -> None:
    make_project(tmp_path, recipe=RECIPE.replace("5.4.4", "5"))
    make_project(tmp_path, recipe=changed("name: plotter", "name: other"), name="second")

    with pytest.raises(InvalidInput) as caught:
        load_all(tmp_path)

    assert [problem.rule for problem in caught.value.problems] == ["schema-type", "recipe-name"]


def test_a_faulty_recipe_or_base_is_not_loaded(tmp_path: Path) -> None:
    project = make_project(tmp_path, recipe="schema: 1\n")
    base = project / "recipes" / "bases" / "debian-12"
    (base / "base.yaml").write_text(BASE.replace("[ca-certificates]", "[a, ab, ab]"), "utf-8")

    with pytest.raises(InvalidInput):
        load_recipe(project / "recipes" / "plotter")
    with pytest.raises(InvalidInput) as caught:
        load_base(base)

    assert [p.rule for p in caught.value.problems] == ["schema-pattern", "recipe-duplicate"]
