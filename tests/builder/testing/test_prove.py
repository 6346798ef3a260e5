# SPDX-License-Identifier: BSD-3-Clause
"""Tests run where they have to fail: in real images without their program, and with mute commands."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.images.built import Built
from builder.images.plan import BuildPlan
from builder.recipes import load
from builder.recipes.recipe import Command, Recipe, Test, TestKind
from builder.testing.bench import Bench
from builder.testing.proofs import Outcome, Proof
from builder.testing.prove import known_proof, patience_s, prove
from builder.testing.run import known_report, test_image
from builder.testing.sabotage import Named, Whereabouts
from core.console import Console
from tests.builder.conftest import Builds
from tests.builder.recipes.projects import make_project

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

# A screen that says it is there, and one window as soon as somebody writes /tmp/shown.
SCREEN = r"""
cat > /usr/local/bin/Xvfb <<'EOT'
#!/bin/sh
echo 7 >&3
while [ "$1" != -fbdir ]; do shift; done
echo picture > "$2/Xvfb_screen0"
exec sleep 1000
EOT
cat > /usr/local/bin/xwininfo <<'EOT'
#!/bin/sh
[ -e /tmp/shown ] || exit 0
case $1 in -root) echo '     0x1 "Viewer": ("viewer")';; *) echo '  Map State: IsViewable';; esac
EOT
printf '#!/bin/sh\ntouch /tmp/shown; exec sleep 1000\n' > $PREFIX/bin/viewer
"""
SCRIPT = rf"""
mkdir $PREFIX/bin
printf '#!/bin/sh\necho the answer is $((6 * 7))\n' > $PREFIX/bin/answer
printf '#!/bin/sh\nwhile read -r line; do echo "$line"; done\n' > $PREFIX/bin/copies
{SCREEN}
chmod 755 $PREFIX/bin/* /usr/local/bin/*
"""


@pytest.fixture(scope="session")
def plan(builds: Builds) -> BuildPlan:
    return builds.plan(SCRIPT, name="answers")


@pytest.fixture(scope="session")
def made(builds: Builds, plan: BuildPlan) -> Built:
    """Return an image with a program that says one thing, one that copies, and one with a window."""
    return builds.build(plan)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    recipe = load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")
    build = replace(recipe.build, apt=(), script=SCRIPT)
    commands = tuple(Command(name, (name,)) for name in ("answer", "copies", "viewer"))
    return replace(recipe, name="answers", commands=commands, build=build)


def a_test(run: str, kind: TestKind = TestKind.COMMAND, **more: Any) -> Test:
    return Test("it", kind, run, **more)


def proven(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe, *tests: Test
) -> tuple[Recipe, Proof]:
    """Return what comes of tests that pass with their program, and the recipe that has them."""
    recipe = replace(recipe, tests=tests)
    quiet = Console(quiet=True)
    report = test_image(recipe, made.image, builds.state, user=builds.user, console=quiet)
    proof = prove(recipe, plan, made.image, report, builds.state, user=builds.user, console=quiet)
    assert list(builds.state.scratch.iterdir()) == []
    return recipe, proof


def test_which_tests_notice_that_their_program_is_broken(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    recipe, proof = proven(
        builds, plan, made, recipe,
        a_test("answer", expect=("the answer is 42",)),
        a_test("echo ok", expect=("ok",)),
        a_test("answer; echo done", expect=("done",)),
        a_test("answer > said || true; cat said /dev/null; echo done", expect=("done",)),
        a_test("sh -c 'echo one; echo two' | copies | wc -l", stdout="^2$"),
    )  # fmt: skip

    fails, passes, neither = Outcome.FAILS, Outcome.PASSES, Outcome.NOT_APPLICABLE
    assert [(item.removed.outcome, item.mute.outcome) for item in proof.results] == [
        (fails, fails),
        (passes, neither),
        (fails, passes),
        (passes, passes),
        (fails, fails),
    ]
    assert [item.fault for item in proof.results] == [
        None,
        "proves nothing: passes without the program",
        "proves nothing: passes with mute commands",
        "proves nothing: passes without the program",
        None,
    ]
    assert proof.way == "the base debian-12 alone"
    assert proof.results[0].removed.why == "ended with status 127"
    assert proof.results[0].mute.why == "did not print 'the answer is 42'"
    assert not proof.holds


def test_a_test_that_is_named_and_not_called_is_no_test_of_a_mute_command(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    _, proof = proven(
        builds, plan, made, recipe,
        a_test("test -x /opt/answers/bin/answer; echo answer", expect=("answer",)),
    )  # fmt: skip

    [result] = proof.results
    assert (result.removed.outcome, result.mute.outcome) == (Outcome.FAILS, Outcome.NOT_APPLICABLE)


def test_a_window_that_never_comes_is_not_waited_for(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    recipe, proof = proven(
        builds, plan, made, recipe,
        a_test("viewer", TestKind.GUI, window="^Viewer$"),
        a_test("viewer & touch /tmp/shown; exec sleep 1000", TestKind.GUI, window="^Viewer$"),
    )  # fmt: skip

    honest, idle = proof.results
    assert honest.removed.outcome is Outcome.FAILS
    assert honest.mute.why.startswith("the program ended with status 0 before a window")
    assert honest.mute.seconds < 10
    assert idle.fault == "proves nothing: passes with mute commands"


def test_a_test_that_does_not_end_without_its_program_has_noticed(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    began = time.monotonic()
    recipe, proof = proven(
        builds, plan, made, recipe, a_test("until answer | grep -q 42; do sleep 0.2; done")
    )

    [result] = proof.results
    report = known_report(recipe, made.image, builds.state)
    assert report
    limit_s = patience_s(report.results[0])
    assert result.mute.outcome is Outcome.LATE
    assert result.mute.why == f"did not end in {limit_s:.0f} s"
    assert time.monotonic() - began < 3 * limit_s + 30


def test_a_package_that_its_base_has_is_hidden_in_the_base(builds: Builds, recipe: Recipe) -> None:
    """Such a package adds nothing: what is tested is in the base already."""
    plan = builds.plan(None, name="grep")
    grep = replace(
        recipe,
        name="grep",
        commands=(Command("grep", ("grep",)),),
        build=replace(recipe.build, apt=("grep",), script=None),
    )
    _, proof = proven(
        builds, plan, builds.build(plan), grep,
        a_test("echo 17 | grep -c 7", stdout="^1$"),
        a_test("echo 17 | sed s/1/2/", expect=("27",)),
    )  # fmt: skip

    assert proof.way == "the base debian-12 without grep"
    assert [item.removed.outcome for item in proof.results] == [Outcome.FAILS, Outcome.PASSES]
    assert [item.mute.outcome for item in proof.results] == [
        Outcome.FAILS,
        Outcome.NOT_APPLICABLE,
    ]


def test_what_is_tested_by_python_alone_cannot_be_mute(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    of_python = replace(recipe, commands=(Command("answers-python", ("python3", "-m", "x")),))
    _, proof = proven(builds, plan, made, of_python, a_test("answer", expect=("42",)))

    [result] = proof.results
    assert (result.removed.outcome, result.mute.outcome) == (Outcome.FAILS, Outcome.NOT_APPLICABLE)


def test_a_test_that_fails_with_its_program_proves_nothing_yet(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    recipe, proof = proven(builds, plan, made, recipe, a_test("answer", expect=("43",)))

    assert proof.unseen
    assert proof.results[0].fault == "proves nothing yet: fails with the program, too"
    assert known_proof(recipe, made.image, builds.state) is None


def test_what_was_seen_holds_until_the_tests_change(
    builds: Builds, plan: BuildPlan, made: Built, recipe: Recipe
) -> None:
    recipe, proof = proven(builds, plan, made, recipe, a_test("answer", expect=("42",)))

    assert known_proof(recipe, made.image, builds.state) == proof
    other = replace(recipe, tests=(a_test("answer", expect=("4",)),))
    assert known_proof(other, made.image, builds.state) is None


def test_files_of_python_packages_are_found_by_what_they_record(
    builds: Builds, recipe: Recipe
) -> None:
    site = "/opt/venv/lib/python3.11/site-packages"
    plan = builds.plan(
        f"mkdir -p {site}/Some_Thing-1.0.dist-info {site}/something /opt/venv/bin\n"
        f"cd {site}\n"
        "touch something/__init__.py something/core.py /opt/venv/bin/some\n"
        "printf '%s,,\\n' something/__init__.py something/core.py something/gone.py "
        "Some_Thing-1.0.dist-info/RECORD ../../../bin/some > Some_Thing-1.0.dist-info/RECORD\n",
        name="something",
    )
    bench = Bench(recipe, builds.build(plan).image, builds.state, builds.user)

    found = Whereabouts.of(bench, Named(python=("some-thing",)), commands=("/bin/sh", "nothing"))

    assert set(found.files) == {
        f"{site}/something/__init__.py",
        f"{site}/something/core.py",
        f"{site}/Some_Thing-1.0.dist-info/RECORD",
        "/opt/venv/bin/some",
    }
    assert found.programs == ("/usr/bin/sh",)
