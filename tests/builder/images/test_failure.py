# SPDX-License-Identifier: BSD-3-Clause
"""Why a build failed: the place in the recipe, the limit, and the words for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.images import failure
from builder.images.failure import SCRIPT_FAILED, BuildFailed, Subject, explain, traced
from builder.recipes.recipe import Limits
from core.files import DiskFull
from tests.builder.recipes.projects import make_project

WHOLE = "the whole log: pansoft log plotter; look inside: pansoft shell plotter --at-failure"
SCRIPT = 'mkdir -p "$PREFIX/bin"\ncd "$PREFIX"\n\ncc -o bin/plot plot.c\ncc -o bin/other other.c\n'


def subject(script: str | None = SCRIPT, recipe: Path | None = None, **limits: int) -> Subject:
    return Subject("plotter", Limits(**limits), Limits(), script, recipe)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("{ echo a; echo b; } > log 2>&1", id="group"),
        pytest.param("(cd x; make) 2> $PREFIX/errors", id="subshell"),
        pytest.param("for x in 1 2; do echo $x; done 2>/dev/null", id="loop"),
        pytest.param("if true; then echo\nfi > log \\\n  2>&1", id="over two lines"),
        pytest.param("exec 2> log\nls", id="exec"),
        pytest.param(". ./settings.sh", id="other file"),
        pytest.param('eval "$command"', id="eval"),
        pytest.param("set +x\nls", id="its own trace"),
    ],
)
def test_a_script_whose_trace_might_get_into_a_file_is_not_traced(script: str) -> None:
    assert traced(script) == script


@pytest.mark.parametrize(
    "script", ["make > log 2>&1", 'x=$(cc --version 2>&1)\necho "$x"', "ls 2>/dev/null || true"]
)
def test_a_trace_moves_no_line(script: str) -> None:
    assert traced(script).splitlines()[1:] == script.splitlines()[1:]
    assert traced(script).endswith(script)
    assert traced(script) != script


def explained(log: str, of: Subject, tmp_path: Path, status: int = SCRIPT_FAILED) -> str:
    error = explain(status, log, of, scratch=tmp_path)
    assert isinstance(error, BuildFailed)
    return f"{error.message}\nhint: {error.hint}"


def test_the_command_that_failed_is_named_with_its_line(tmp_path: Path) -> None:
    log = "script$ cc -o bin/plot plot.c\nscript$ cc -o bin/other other.c\nother.c:1: error: x\n"

    said = explained(log, subject(), tmp_path)

    assert said.splitlines()[:2] == [
        "the recipe's script failed",
        "  at line 5 of the script: cc -o bin/other other.c",
    ]
    assert said.splitlines()[-1] == f"hint: {WHOLE}"


@pytest.mark.parametrize("comment", ["", "# a comment\n"])
def test_the_line_is_that_of_the_recipe(tmp_path: Path, comment: str) -> None:
    script = "".join(f"    {line}\n" if line else "\n" for line in SCRIPT.splitlines())
    project = make_project(tmp_path)
    file = project / "recipes" / "plotter" / "recipe.yaml"
    text = comment + file.read_text(encoding="utf-8")
    text = text.replace("build:\n", f"build:\n  script: |\n{script}")
    file.write_text(text, encoding="utf-8")
    line = text.splitlines().index("    cc -o bin/plot plot.c") + 1
    log = "script$ cc -o bin/plot plot.c\nplot.c:1: error: x\n"

    said = explained(log, subject(SCRIPT.strip(), file), tmp_path)

    assert said.splitlines()[1] == f"  at {file}:{line}: cc -o bin/plot plot.c"


def test_a_line_that_is_not_certain_is_not_named(tmp_path: Path) -> None:
    script = "make\nmake\n"

    said = explained("script$ make\nError 1\n", subject(script), tmp_path)

    assert said.splitlines()[1] == "  at the command: make"


def test_the_shell_itself_names_the_line(tmp_path: Path) -> None:
    log = "/run/pansoft/stage/script.sh: 4: Syntax error: end of file unexpected\n"

    assert explained(log, subject(), tmp_path).splitlines()[:2] == [
        "the recipe's script failed: the script is no shell script: end of file unexpected",
        "  at line 4 of the script",
    ]


@pytest.mark.parametrize(
    ("status", "limits", "said", "hint"),
    [
        (failure.OUT_OF_TIME, {}, "the build took longer than 60 minutes and was stopped",
         "raise build.limits.time of the recipe, in minutes: it is 60 now"),
        (failure.OUT_OF_MEMORY, {}, "the build used more than 8192 MiB of memory and was stopped",
         "raise build.limits.memory of the recipe, in MiB: it is 8192 now"),
        (failure.OUT_OF_DISK, {"disk": 100}, "the build wrote more than 100 MiB and was stopped",
         "the recipe asks for 20480; 100 are allowed here, by --max-disk or by `limits` in site.yaml"),
        (failure.TOO_MANY_PROCESSES, {}, "the build had more than 4096 processes and threads and was stopped",
         "run fewer jobs at once: make -j2; this limit is the same for all builds"),
    ],
)  # fmt: skip
def test_what_was_too_much_is_said_with_the_way_to_get_more(
    tmp_path: Path, status: int, limits: dict[str, int], said: str, hint: str
) -> None:
    lines = explained("", subject(None, None, **limits), tmp_path, status).splitlines()

    assert lines == [said, f"hint: {hint}; {WHOLE}"]


def test_outside_of_the_script_the_step_is_named(tmp_path: Path) -> None:
    log = "==> installing 3 Debian packages\ndpkg: error processing package x (--configure):\n"

    assert explained(log, subject(), tmp_path, 100).splitlines()[0] == (
        "the build failed with status 100 at 'installing 3 Debian packages': "
        "the Debian package x could not be configured"
    )


def test_on_a_full_disk_that_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "free_space", lambda folder: 1000)

    error = explain(SCRIPT_FAILED, "", subject(), scratch=tmp_path)

    assert isinstance(error, DiskFull)
    assert "pansoft cache prune" in str(error.hint)
