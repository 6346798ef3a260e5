# SPDX-License-Identifier: BSD-3-Clause
"""What of a package is hidden, decided without an image; images are in test_prove.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from builder.images.plan import BuildPlan
from builder.recipes import load
from builder.recipes.recipe import Build, Command, Recipe
from builder.testing.sabotage import Named, hiding, mutable, of_the_base
from tests.builder.recipes.projects import make_project

SITE = "/opt/venv/lib/python3.11/site-packages"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")


@pytest.fixture
def plan() -> BuildPlan:
    """Return a plan on a base that has lmfit, NumPy and gnuplot."""
    wheels = [SimpleNamespace(name=name) for name in ("lmfit", "numpy", "silx_kit")]
    packages = [SimpleNamespace(name=name) for name in ("gnuplot-nox", "python3-gsd")]
    lock = SimpleNamespace(wheels=wheels, packages=packages)
    return cast(BuildPlan, SimpleNamespace(base=SimpleNamespace(lock=lock)))


@pytest.mark.parametrize(
    ("name", "build", "found"),
    [
        pytest.param("lmfit", Build(pip=("lmfit==1.3.4",)), Named(python=("lmfit",)), id="in base"),
        pytest.param(
            "lmfit", Build(pip=("lmfit[all]==1.3.4", "corner==2")), Named(python=("lmfit",)),
            id="with more",
        ),
        pytest.param("new", Build(pip=("new==1", "numpy==2")), Named(), id="not in base"),
        pytest.param("new", Build(pip=("numpy==2",), script="make"), Named(), id="a script"),
        pytest.param("fits", Build(pip=("numpy==2",)), Named(python=("numpy",)), id="other name"),
        pytest.param("fits", Build(pip=("numpy==2", "x==1")), Named(), id="other name, half"),
        pytest.param("silx-kit", Build(pip=("Silx.Kit==2",)), Named(python=("silx-kit",)), id="case"),
        pytest.param("gsd", Build(apt=("python3-gsd",)), Named(("python3-gsd",)), id="python3-"),
        pytest.param("plot", Build(apt=("gnuplot-nox=5.4",)), Named(("gnuplot-nox",)), id="apt"),
        pytest.param("plot", Build(apt=("gnuplot-nox", "other")), Named(), id="apt, half"),
    ],
)  # fmt: skip
def test_what_a_base_has_of_a_package(
    recipe: Recipe, plan: BuildPlan, name: str, build: Build, found: Named
) -> None:
    assert of_the_base(replace(recipe, name=name, build=build), plan) == found


def test_a_python_package_is_hidden_as_a_whole() -> None:
    files = [
        f"{SITE}/lmfit/__init__.py",
        f"{SITE}/lmfit/ui/__init__.py",
        f"{SITE}/lmfit/ui/base.py",
        f"{SITE}/lmfit-1.3.4.dist-info/METADATA",
        f"{SITE}/shared/part/__init__.py",
        f"{SITE}/one.py",
        "/opt/venv/bin/lmfit",
    ]

    assert hiding(files) == (
        "/opt/venv/bin/lmfit",
        f"{SITE}/lmfit",
        f"{SITE}/lmfit-1.3.4.dist-info",
        f"{SITE}/one.py",
        f"{SITE}/shared/part",
    )


def test_python_and_shells_are_never_mute(recipe: Recipe) -> None:
    commands = (
        Command("a", ("plot",)),
        Command("b", ("plot", "--fast")),
        Command("c", ("/opt/venv/bin/python3.11", "-m", "c")),
        Command("d", ("sh", "-c", "true")),
        Command("e", ("/opt/e/bin/python-e",)),
    )

    assert mutable(replace(recipe, commands=commands)) == ("plot", "/opt/e/bin/python-e")
