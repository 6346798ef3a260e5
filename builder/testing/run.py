# SPDX-License-Identifier: BSD-3-Clause
"""Run a recipe's tests in its image, and keep the report beside it.

What the recipe does not have to say is tested as well: its commands start (`builder.testing.smoke`).
"""

from __future__ import annotations

import shutil
from dataclasses import astuple

from builder.images.build_user import BuildUser
from builder.recipes.recipe import Recipe
from builder.stages import Image, TestReport
from builder.state import State
from builder.testing import reports
from builder.testing.bench import Bench
from core.canonical import readable_json, sha256_of
from core.console import Console
from core.files import write_atomic


def test_image(
    recipe: Recipe,
    image: Image,
    state: State,
    *,
    user: BuildUser,
    console: Console,
    timeout_s: float | None = None,  # noqa: PT028 - a verb, not a test
) -> TestReport:
    """Run every test of a recipe in its image and return how they went, also written beside it.

    A test that takes longer than it says, than its kind allows or than `timeout_s`, is killed and
    has failed. Pictures and long outputs are kept in the folder `tests` beside the report.
    """
    folder = state.image(image.plan)
    shutil.rmtree(folder / "tests", ignore_errors=True)
    bench = Bench(recipe, image, state, user, timeout_s)
    results = []
    for number, test in enumerate(recipe.tests, 1):
        console.status(f"testing {recipe.name}: {test.name}")
        results.append(bench.test(test, folder, number))
    console.status(f"testing {recipe.name}: its commands start")
    results += bench.smoke()
    report = TestReport(image.plan, recipe.name, recipe.version, image.sha256, tuple(results))
    text = readable_json(reports.as_json(report, tests=id_of_tests(recipe)))
    write_atomic(folder / "tests.json", text)
    write_atomic(folder / "junit.xml", reports.as_junit(report))
    console.say(f"tested {recipe.name} {recipe.version}: {reports.summary(report)}")
    return report


test_image.__test__ = False  # type: ignore[attr-defined]  # a verb, not a test


def known_report(recipe: Recipe, image: Image, state: State) -> TestReport | None:
    """Return the report of an earlier run of exactly these tests on exactly this image, if any."""
    kept = reports.read(state.image(image.plan) / "tests.json", plan=image.plan)
    if kept is None or kept.tests != id_of_tests(recipe):
        return None
    return kept.report if kept.report.image_sha256 == image.sha256 else None


def id_of_tests(recipe: Recipe) -> str:
    """Return what says which tests were run: a hash of all of the recipe that decides it."""
    jupyter = recipe.runtime.jupyter
    return sha256_of(
        {
            "tests": [astuple(test) for test in recipe.tests],
            "commands": [astuple(command) for command in recipe.commands],
            "modules": bool(recipe.build.pip),
            "kernel": None if jupyter is None else astuple(jupyter),
        }
    )
