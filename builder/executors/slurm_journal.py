# SPDX-License-Identifier: BSD-3-Clause
"""What was submitted, on disk: a command that is started again finds the jobs of the one before.

Below `slurm/` of the state folder, which all nodes share:

    <run>/run.json              the arrays of one submission; written before the first `sbatch`
    <run>/<array>/tasks         the command line of each task, one a line
    <run>/<array>/token         by which a node knows that it sees this very folder
    <run>/<array>/program       how pansoft is started
    <run>/<array>/<task>.log    what the task said
    <run>/<array>/<task>.json   its answer; <task>.doctor.json what its node lacks, where it failed
    <run>/<array>/<task>.told   whoever asked knows how it ended

A run whose tasks have all been told of is removed by the next command.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builder.executors.slurm_cli import JobId, TaskKey
from core.canonical import Json, readable_json
from core.errors import UserError
from core.files import write_atomic

SCHEMA = 1
_RUN = "run.json"


@dataclass(frozen=True, slots=True)
class Task:
    """One plan in an array: which it is, and on which base it lies (of a base: nothing)."""

    plan: str
    name: str
    base: str | None


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a run. `job` is None until SLURM has taken it."""

    folder: Path
    name: str
    tasks: tuple[Task, ...]
    job: JobId | None = None

    @property
    def token(self) -> str:
        """Return what a node must find in this folder."""
        return (self.folder / "token").read_text(encoding="ascii")

    def log(self, task: int) -> Path:
        """Return what a task said."""
        return self.folder / f"{task}.log"

    def node(self, task: int) -> str:
        """Return the node that a task ran on, as it says itself; empty where it did not begin."""
        return _text(self.folder / f"{task}.node").strip()

    def answer(self, task: int) -> Mapping[str, Json] | None:
        """Return what the command of a task answered, if it did."""
        rows = _json(self.folder / f"{task}.json")
        return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None

    def complaints(self, task: int) -> tuple[Mapping[str, Json], ...]:
        """Return what the doctor found on the node of a task that failed."""
        rows = _json(self.folder / f"{task}.doctor.json")
        return tuple(row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()

    def is_told(self, task: int) -> bool:
        """Return whether somebody was told how a task ended."""
        return (self.folder / f"{task}.told").exists()

    def tell(self, task: int) -> None:
        """Note that somebody was told; nothing where the run was removed meanwhile."""
        if self.folder.is_dir():
            (self.folder / f"{task}.told").touch()


@dataclass(frozen=True, slots=True)
class Run:
    """What one command submitted."""

    folder: Path
    arrays: tuple[Array, ...]

    @property
    def is_told(self) -> bool:
        """Return whether nobody waits for anything of it."""
        return all(
            array.is_told(number) for array in self.arrays for number in range(len(array.tasks))
        )

    def taken(self, array: Array, job: JobId) -> Run:
        """Return the run with the number of an array that SLURM took, written down."""
        arrays = tuple(
            replace(item, job=job) if item.name == array.name else item for item in self.arrays
        )
        run = Run(self.folder, arrays)
        _write(run)
        return run


@dataclass(frozen=True, slots=True)
class Open:
    """A task that nobody has been told of yet."""

    array: Array
    number: int

    @property
    def task(self) -> Task:
        """Return which plan it builds."""
        return self.array.tasks[self.number]

    @property
    def key(self) -> TaskKey | None:
        """Return its number in SLURM; None where it was not taken."""
        return None if self.array.job is None else (self.array.job, self.number)


def new_run(
    folder: Path,
    groups: Sequence[tuple[str, Sequence[Task]]],
    *,
    program: str,
    commands: Mapping[str, str],
) -> Run:
    """Write a run with one array for each group, and return it; nothing is submitted.

    Args:
        folder: where runs are kept.
        groups: for each array what to call it, and its tasks.
        program: the command line that starts pansoft.
        commands: for the id of each plan the command line that builds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    place.chmod(0o755)
    mark = place.name.removeprefix("run-")
    arrays = []
    for number, (label, tasks) in enumerate(groups):
        home = place / str(number)
        home.mkdir()
        write_atomic(home / "tasks", "".join(f"{commands[task.plan]}\n" for task in tasks))
        write_atomic(home / "program", program)
        write_atomic(home / "token", secrets.token_hex(16))
        arrays.append(Array(home, f"pansoft-{label}-{mark}{number}", tuple(tasks)))
    run = Run(place, tuple(arrays))
    _write(run)
    return run


def read_runs(folder: Path) -> tuple[Run, ...]:
    """Return every run below `folder`, the oldest first.

    Raises:
        UserError: one was written by another version.
    """
    files = sorted(folder.glob(f"*/{_RUN}"), key=lambda file: (file.stat().st_mtime, file))
    return tuple(_read(file) for file in files)


def open_tasks(runs: Sequence[Run]) -> Iterator[Open]:
    """Yield every task of these runs that nobody was told of."""
    for run in runs:
        for array in run.arrays:
            for number in range(len(array.tasks)):
                if not array.is_told(number):
                    yield Open(array, number)


def remove_run(run: Run) -> None:
    """Remove what is known of a run."""
    shutil.rmtree(run.folder, ignore_errors=True)


def _write(run: Run) -> None:
    content = {
        "schema": SCHEMA,
        "arrays": [
            {
                "folder": array.folder.name,
                "name": array.name,
                "job": array.job,
                "tasks": [[task.plan, task.name, task.base] for task in array.tasks],
            }
            for array in run.arrays
        ],
    }
    write_atomic(run.folder / _RUN, readable_json(content))


def _read(file: Path) -> Run:
    content = json.loads(file.read_bytes())
    if content.get("schema") != SCHEMA:
        raise UserError(
            f"{file} was written by another version of pansoft",
            hint=f"let its jobs end (squeue), then remove {file.parent}",
        )
    arrays = tuple(
        Array(
            file.parent / item["folder"],
            item["name"],
            tuple(Task(*task) for task in item["tasks"]),
            item["job"],
        )
        for item in content["arrays"]
    )
    return Run(file.parent, arrays)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _json(file: Path) -> Json:
    try:
        content: Json = json.loads(_text(file))
    except ValueError:
        return None
    return content
