# SPDX-License-Identifier: BSD-3-Clause
"""What each kind of test looks at, without an image: the harness is run on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from builder.recipes import load
from builder.recipes.recipe import ExpectedFile, Jupyter, Recipe, Test, TestKind
from builder.testing import expected, gpu, imports, mpi
from builder.testing.kinds import KINDS
from builder.testing.trial import HARNESS, Ended, Trial, left
from core import process
from core.process import SYSTEM_PATH
from tests.builder.recipes.projects import make_project


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load.load_recipe(make_project(tmp_path / "project") / "recipes" / "plotter")


def ended(trial: Trial, folder: Path, *, path: str = SYSTEM_PATH) -> Ended:
    """Return how a trial ends that is run here, with the harness in a folder."""
    harness, work = folder / "harness", folder / "work"
    work.mkdir()
    for name, text in trial.files.items():
        (harness / name).parent.mkdir(parents=True, exist_ok=True)
        (harness / name).write_text(text.replace(HARNESS, str(harness)), encoding="utf-8")
    done = process.run(
        [word.replace(HARNESS, str(harness)) for word in trial.argv],
        reason="try the harness",
        cwd=work,
        env={"PATH": path, "HOME": str(work), **trial.environment},
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, harness, work)


def command(**more: object) -> Test:
    return replace(Test("it", TestKind.COMMAND, "true"), **more)  # type: ignore[arg-type]


def after(folder: Path, *, status: int = 0, stdout: str = "", stderr: str = "") -> Ended:
    return Ended(status, stdout, stderr, folder, folder)


def test_every_kind_that_can_be_written_has_a_module() -> None:
    assert set(KINDS) == set(TestKind) - {TestKind.SMOKE}


class TestExpected:
    """What a recipe may expect of a test."""

    @pytest.mark.parametrize(
        ("test", "end", "fault"),
        [
            (command(), {"status": 3}, "ended with status 3"),
            (command(status=2), {"status": 2}, None),
            (command(status=2), {}, "ended with status 0, 2 was expected"),
            (command(expect=("one", "two")), {"stdout": "one", "stderr": "two"}, None),
            (command(expect=("one", "two")), {"stdout": "one"}, "did not print 'two'"),
            (command(stdout="^b+$"), {"stdout": "a\nbb\nc"}, None),
            (
                command(stdout="^b+$"),
                {"stderr": "bb"},
                "nothing on its standard output matches '^b+$'",
            ),
            (command(stderr="^b"), {"stderr": "bb"}, None),
            (command(stderr="^b"), {"stdout": "b"}, "nothing on its standard error matches '^b'"),
        ],
    )
    def test_status_and_outputs(
        self, tmp_path: Path, test: Test, end: dict[str, object], fault: str | None
    ) -> None:
        assert expected.fault(test, after(tmp_path, **end)) == fault  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("file", "fault"),
        [
            (ExpectedFile("out/data"), None),
            (ExpectedFile("out/data", "^fo+$", 8), None),
            (ExpectedFile("out/data", "bar"), "nothing in out/data matches 'bar'"),
            (
                ExpectedFile("out/data", size=9),
                "left 8 bytes in out/data, at least 9 were expected",
            ),
            (ExpectedFile("empty"), "left 0 bytes in empty, at least 1 were expected"),
            (ExpectedFile("empty", size=0), None),
            (ExpectedFile("none"), "left no file none"),
            (ExpectedFile("out"), "left no file out"),
        ],
    )
    def test_files(self, tmp_path: Path, file: ExpectedFile, fault: str | None) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "data").write_text("one\nfoo\n")
        (tmp_path / "empty").write_text("")

        assert expected.fault(command(files=(file,)), after(tmp_path)) == fault

    def test_a_link_is_not_followed_out_of_the_tests_folder(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.mkdir()
        (secret / "key").write_text("private")
        work = tmp_path / "work"
        work.mkdir()
        (work / "key").symlink_to(secret / "key")
        (work / "folder").symlink_to(secret)

        assert left(work, "key") is None
        assert left(work, "folder/key") is None

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")

        assert left(tmp_path, "pipe") is None

    def test_what_is_prepared_has_to_succeed(self, tmp_path: Path, recipe: Recipe) -> None:
        test = Test("it", TestKind.GPU, "cat made", prepare="echo 1 > made; exit 4")

        end = ended(gpu_trial(test, recipe), tmp_path)

        assert expected.fault(test, end) == "what it prepares ended with status 4"

    def test_what_is_prepared_is_there(self, tmp_path: Path, recipe: Recipe) -> None:
        test = Test("it", TestKind.GPU, "cat made", prepare="echo 1 > made")

        assert ended(gpu_trial(test, recipe), tmp_path).stdout == "1\n"


def gpu_trial(test: Test, recipe: Recipe) -> Trial:
    return KINDS[TestKind.GPU].trial(test, recipe)


class TestImports:
    """Modules imported one by one."""

    def go(self, folder: Path, recipe: Recipe, *modules: str) -> tuple[Ended, str | None]:
        test = Test("it", TestKind.IMPORT, modules=modules)
        end = ended(imports.trial(test, recipe), folder)
        return end, imports.fault(test, end)

    def test_modules_that_are_there(self, tmp_path: Path, recipe: Recipe) -> None:
        end, fault = self.go(tmp_path, recipe, "json", "xml.etree")

        assert fault is None
        assert [line.split()[0] for line in end.stdout.splitlines()] == ["json", "xml.etree"]

    def test_one_that_is_not_there_is_named(self, tmp_path: Path, recipe: Recipe) -> None:
        end, fault = self.go(tmp_path, recipe, "json", "json.no_such", "xml")

        assert fault == (
            "json.no_such cannot be imported: ModuleNotFoundError: No module named 'json.no_such'"
        )
        assert "Traceback" in end.stderr

    def test_one_that_takes_the_process_with_it_is_named(
        self, tmp_path: Path, recipe: Recipe
    ) -> None:
        (tmp_path / "harness").mkdir()
        (tmp_path / "harness" / "deadly.py").write_text("import os; os.abort()")

        _, fault = self.go(tmp_path, recipe, "json", "deadly")

        assert fault == "deadly cannot be imported: it ended the process"


class TestMpi:
    """Two processes, or no test."""

    test = Test("it", TestKind.MPI, "echo hello", expect=("hello",))

    def go(self, folder: Path, recipe: Recipe, mpirun: str | None) -> str | None:
        tools = folder / "bin"
        tools.mkdir()
        if mpirun is not None:
            (tools / "mpirun").write_text(f"#!/bin/sh\nshift 2\n{mpirun}\n")
            (tools / "mpirun").chmod(0o755)
        end = ended(mpi.trial(self.test, recipe), folder, path=f"{tools}:{SYSTEM_PATH}")
        return mpi.fault(self.test, end)

    def test_two_processes_that_know_of_each_other(self, tmp_path: Path, recipe: Recipe) -> None:
        open_mpi = (
            'for r in 0 1; do OMPI_COMM_WORLD_RANK=$r OMPI_COMM_WORLD_SIZE=2 "$@" & done; wait'
        )

        assert self.go(tmp_path, recipe, open_mpi) is None

    def test_mpich_is_understood(self, tmp_path: Path, recipe: Recipe) -> None:
        mpich = 'for r in 0 1; do PMI_RANK=$r PMI_SIZE=2 "$@" & done; wait'

        assert self.go(tmp_path, recipe, mpich) is None

    @pytest.mark.parametrize(
        ("mpirun", "said"),
        [
            ('OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=1 "$@"', "rank 0 of 1"),
            ('"$@"; "$@"', "mpirun ended with status 0"),
            ("exit 9", "mpirun ended with status 9"),
        ],
        ids=["one", "strangers", "broken"],
    )
    def test_anything_else_is_no_mpi(
        self, tmp_path: Path, recipe: Recipe, mpirun: str, said: str
    ) -> None:
        assert self.go(tmp_path, recipe, mpirun) == (
            f"mpirun did not start 2 processes that know of each other: {said}"
        )

    def test_an_image_without_mpi_is_told(self, tmp_path: Path, recipe: Recipe) -> None:
        if process.which("mpirun"):
            pytest.skip("this machine has an mpirun")

        assert self.go(tmp_path, recipe, None) == (
            "the image has no mpirun: a test of the kind mpi needs a base with MPI"
        )


def test_a_gpu_is_handed_in_as_its_driver_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvidia, amd = tmp_path / "nvidia", tmp_path / "amd"
    monkeypatch.setattr(gpu, "DEVICES", {nvidia: "--nv", amd: "--rocm"})

    assert gpu.option() is None
    amd.touch()
    assert gpu.option() == "--rocm"
    nvidia.touch()
    assert gpu.option() == "--nv"


def test_the_kernel_is_started_from_its_kernelspec(recipe: Recipe) -> None:
    jupyter = Jupyter("Plotter", "/opt/venv/bin/python")
    with_kernel = replace(recipe, runtime=replace(recipe.runtime, jupyter=jupyter))

    trial = KINDS[TestKind.NOTEBOOK].trial(Test("it", TestKind.NOTEBOOK, cell="1 + 1"), with_kernel)

    assert trial.argv[-3:] == ("/opt/venv/bin/python", f"{HARNESS}/notebook.py", "600.0")
    assert json.loads(trial.files["jupyter/kernels/pansoft/kernel.json"]) == {
        "argv": ["/opt/venv/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Plotter",
        "language": "python",
    }
    assert trial.environment == {"JUPYTER_PATH": f"{HARNESS}/jupyter"}
