# SPDX-License-Identifier: BSD-3-Clause
"""What is tested of every package: a real image with good and broken commands in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.images.built import Built
from builder.recipes import load
from builder.recipes.recipe import Command, Recipe, TestKind
from builder.stages import PlanId, TestOutcome, TestReport, TestResult
from builder.testing import smoke
from builder.testing.run import test_image
from builder.testing.trial import Ended, script
from core import process
from core.console import Console
from tests.builder.conftest import Builds
from tests.builder.recipes.projects import make_project

needs_apptainer = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

# Each command of the image, and why it does not start; an ELF header is changed byte by byte.
COMMANDS: dict[str, tuple[str, str | None]] = {
    "good": ("printf '#!/bin/sh\\nexit 0\\n' > good", None),
    "elf": ("cp /bin/true elf", None),
    "grumbles": ("printf '#!/bin/sh\\nexit 1\\n' > grumbles", None),
    "grumbles-much": ("printf '#!/bin/sh\\nexit 255\\n' > grumbles-much", None),
    "through-env": ("printf '#!/usr/bin/env sh\\nexit 0\\n' > through-env", None),
    "gone": (":", "there is no gone in the image"),
    "closed": ("printf '#!/bin/sh\\n' > closed", "/opt/tiny/bin/closed is not executable"),
    "text": ("echo hello > text", "/opt/tiny/bin/text is neither a program nor a script"),
    "orphan": (
        "printf '#!/opt/python9/bin/python\\n' > orphan",
        "its interpreter /opt/python9/bin/python is not there",
    ),
    "env-orphan": (
        "printf '#!/usr/bin/env python9\\n' > env-orphan",
        "its interpreter python9 is not there",
    ),
    "foreign": (
        "cp /bin/true foreign; printf '\\267' | dd of=foreign bs=1 seek=18 conv=notrunc",
        "/opt/tiny/bin/foreign is for another kind of machine",
    ),
    "lacking": (
        # the name of a library that it wants, changed in place
        "sed 's/libselinux.so.1/libmissing.so.1/' /bin/ls > lacking",
        "/opt/tiny/bin/lacking lacks libmissing.so.1",
    ),
    "driver": (
        "sed 's/libselinux.so.1/libcuda.so.1\\x00\\x00\\x00/' /bin/ls > driver",
        "/opt/tiny/bin/driver lacks libcuda.so.1",
    ),
    "crashes": ("printf '#!/bin/sh\\nkill -SEGV $$\\n' > crashes", "signal 11 ended it"),
    "no-module": (
        "printf '#!/bin/sh\\necho \"ModuleNotFoundError: No module named x\" >&2; exit 1\\n'"
        " > no-module",
        "ModuleNotFoundError: No module named x",
    ),
    "no-module-and-help": (
        'printf \'#!/bin/sh\\n[ "$1" != --help ] || exit 0\\necho Traceback "(most recent call last):"\\n'
        'echo "ImportError: cannot import name y"; exit 1\\n\' > no-module-and-help',
        "ImportError: cannot import name y",
    ),
    "takes-modules": (
        'printf \'#!/bin/sh\\n[ -n "$1" ] || exit 0\\necho Traceback "(most recent call last):"\\n'
        'echo "ModuleNotFoundError: No module named \\047$1\\047"; exit 1\\n\' > takes-modules',
        None,
    ),
    "no-distribution": (
        "printf '#!/bin/sh\\necho \"pkg_resources.DistributionNotFound: x was not found\" >&2; exit 1\\n'"
        " > no-distribution",
        "pkg_resources.DistributionNotFound: x was not found",
    ),
    "calls-nothing": ("printf '#!/bin/sh\\nexec nothing\\n' > calls-nothing", "it cannot be run"),
}


@pytest.fixture(scope="session")
def broken(builds: Builds) -> Built:
    """Return an image with all these commands."""
    make = "\n".join(script for script, _ in COMMANDS.values())
    script = f"mkdir $PREFIX/bin; cd $PREFIX/bin\n{make}\nchmod 755 *; chmod 644 closed"
    return builds.build(builds.plan(script))


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    recipe = load.load_recipe(make_project(tmp_path) / "recipes" / "plotter")
    commands = tuple(Command(name, (name,)) for name in COMMANDS)
    return replace(recipe, name="tiny", commands=commands, tests=())


@needs_apptainer
def test_each_command_is_looked_at_and_each_fault_is_named(
    builds: Builds, broken: Built, recipe: Recipe
) -> None:
    report = test_image(
        recipe, broken.image, builds.state, user=builds.user, console=Console(quiet=True)
    )

    assert [result.name for result in report.results] == [
        f"command {name}: starts" for name in COMMANDS
    ]
    assert {name: result.reason for name, result in zip(COMMANDS, report.results, strict=True)} == {
        name: reason for name, (_, reason) in COMMANDS.items()
    }
    outcomes = {name: result.outcome for name, result in zip(COMMANDS, report.results, strict=True)}
    assert {name for name in COMMANDS if outcomes[name] is TestOutcome.NOT_RUN} == {"driver"}
    assert outcomes["lacking"] is TestOutcome.FAILED
    assert not report.passed


@needs_apptainer
def test_a_look_that_is_stopped_has_seen_nothing_start(
    builds: Builds, broken: Built, recipe: Recipe
) -> None:
    slow = replace(recipe, commands=(Command("slow", ("sh", "-c", "sleep 100")),))

    report = test_image(
        slow, broken.image, builds.state, user=builds.user, console=Console(quiet=True),
        timeout_s=1,
    )  # fmt: skip

    assert report.results[0].reason == "was stopped: it took longer than 1 s"
    assert not report.passed


class TestModules:
    """What the loader says of the modules of a package's Python."""

    def test_each_module_is_shown_to_the_loader(self, recipe: Recipe, tmp_path: Path) -> None:
        harness, folder = tmp_path / "harness", tmp_path / "a venv"
        harness.mkdir()
        folder.mkdir()
        for name in ("smoke.sh", "display.sh"):
            (harness / name).write_text(script(name))
        program = Path("/bin/ls").read_bytes()  # a module is a library, and so is a program
        (folder / "good.abi3.so").write_bytes(program)
        lacking = program.replace(b"libselinux.so.1", b"libmissing.so.1")
        (folder / "bad.cpython-311-x86_64-linux-gnu.so").write_bytes(lacking)
        (folder / "plugin.so").write_bytes(lacking)

        done = process.run(
            ["sh", harness / "smoke.sh", "02013e00", folder, tmp_path / "none"], reason="try it"
        )
        [result] = smoke.results(
            replace(recipe, commands=()), Ended(0, done.stdout, "", harness, tmp_path), seconds=1
        )

        assert result.reason == "not there: libmissing.so.1"
        assert result.output.endswith("/a venv/bad.cpython-311-x86_64-linux-gnu.so\n")

    FOUND = (
        "/opt/venv/lib/one.abi3.so:\n"
        "\tlibthing.so.4 => not found\n"
        "\tlibcuda.so.1 => not found\n"
        "/opt/venv/lib/two.cpython-311-x86_64-linux-gnu.so:\n"
        "\tlibthing.so.4 => not found\n"
    )

    def result(self, recipe: Recipe, folder: Path, found: str) -> TestResult:
        (folder / "modules").write_text(found)
        [result] = smoke.results(
            replace(recipe, commands=()), Ended(0, "", "", folder, folder), seconds=2.5
        )
        return result

    def test_a_library_that_is_not_there_is_named_with_its_users(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        result = self.result(recipe, tmp_path, self.FOUND)

        assert (result.outcome, result.reason) == (TestOutcome.FAILED, "not there: libthing.so.4")
        assert result.output == (
            "libthing.so.4: wanted by /opt/venv/lib/one.abi3.so, "
            "/opt/venv/lib/two.cpython-311-x86_64-linux-gnu.so\n"
        )

    def test_the_driver_of_a_gpu_comes_from_the_machine(
        self, recipe: Recipe, tmp_path: Path
    ) -> None:
        found = self.FOUND.replace("\tlibthing.so.4 => not found\n", "")

        result = self.result(recipe, tmp_path, found)

        assert (result.outcome, result.output) == (TestOutcome.PASSED, "2 modules\n")

    def test_without_modules_nothing_is_told(self, recipe: Recipe, tmp_path: Path) -> None:
        ended = Ended(0, "", "", tmp_path, tmp_path)

        assert list(smoke.results(replace(recipe, commands=()), ended, seconds=1)) == []


def test_what_was_not_run_has_not_passed() -> None:
    started = TestResult("command x: starts", TestKind.SMOKE, TestOutcome.PASSED, 1.0, "")
    missed = TestResult(
        "gpu", TestKind.GPU, TestOutcome.NOT_RUN, 0.0, "", "this machine has no GPU"
    )

    assert TestReport(PlanId("p"), "x", "1", "0" * 64, (started, missed)).passed
    assert not TestReport(PlanId("p"), "x", "1", "0" * 64, (missed,)).passed
