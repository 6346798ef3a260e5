# SPDX-License-Identifier: BSD-3-Clause
"""SLURM's command line: submit, look, cancel. The only module that runs its programs.

The columns asked for are those of `squeue(1)` and `sacct(1)` since SLURM 21.08; what a state means
is in `squeue(1)`, JOB STATE CODES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NewType

from core import process
from core.errors import UserError

JobId = NewType("JobId", str)
"""The number of a job array, as `sbatch` prints it."""

_TIMEOUT_S = 120.0  # a busy controller takes its time
_QUEUE = ("ArrayJobID", "ArrayTaskID", "State", "Reason", "NodeList", "exit_code")
_HISTORY = ("JobID", "State", "ExitCode", "NodeList")
_NO_REASON = "None"

ENDED = frozenset({
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY",
    "PREEMPTED", "REVOKED", "TIMEOUT",
})  # fmt: skip
"""The states that a job does not leave by itself."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a site wants of our jobs; None leaves it to the site's defaults.

    Times and sizes are in SLURM's own notation (`1:30:00`, `8G`), which it checks itself.
    """

    partition: str | None = None
    account: str | None = None
    time: str | None = None
    cpus: int | None = None
    memory: str | None = None

    def arguments(self) -> list[str]:
        """Return them as arguments of `sbatch`."""
        given = {
            "partition": self.partition,
            "account": self.account,
            "time": self.time,
            "cpus-per-task": self.cpus,
            "mem": self.memory,
        }
        return [f"--{name}={value}" for name, value in given.items() if value is not None]


@dataclass(frozen=True, slots=True)
class Array:
    """An array to be submitted: `size` tasks of one script, numbered from 0.

    Args:
        name: the name of the job; nobody else's has the same.
        size: how many tasks.
        at_once: how many of them may run at the same time; None for all.
        script: what each task runs, with `arguments`.
        arguments: the script's.
        log: what the tasks print; `%a` is the number of the task.
        after: the array that must have ended well before this one begins.
    """

    name: str
    size: int
    at_once: int | None
    script: Path
    arguments: tuple[str, ...]
    log: str
    after: JobId | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A task as the controller sees it; `status` and `signal` mean something once it has ended."""

    state: str
    reason: str = _NO_REASON
    node: str = ""
    status: int = 0
    signal: int = 0

    @property
    def has_ended(self) -> bool:
        """Return whether it will not go on by itself."""
        return self.state in ENDED


TaskKey = tuple[str, int]
"""The number of an array, and that of a task in it."""

OTHERS = -1
"""Stands for all tasks of an array without a line of their own: cancelled before they began."""


def need_slurm() -> None:
    """Make sure that jobs can be submitted from here.

    Raises:
        UserError: SLURM's programs are missing.
    """
    for program in ("sbatch", "squeue", "scancel", "scontrol"):
        process.find(
            program,
            reason="submit builds to a cluster",
            hint="run this where jobs are submitted from, such as a login node, or leave out "
            "--executor slurm to build here",
        )


def submit_command(array: Array, options: Options, *, dry: bool = False) -> list[str]:
    """Return the command line that submits an array."""
    throttle = f"%{array.at_once}" if array.at_once is not None else ""
    return [
        "sbatch",
        "--test-only" if dry else "--parsable",
        f"--job-name={array.name}",
        f"--array=0-{array.size - 1}{throttle}",
        "--export=NONE",  # nothing of the caller's environment, which may hold secrets
        "--requeue",  # a build that was cut off begins anew, at no loss but time
        "--open-mode=append",
        "--chdir=/",
        f"--output={array.log}",
        *([f"--dependency=afterok:{array.after}"] if array.after else []),
        *(["--kill-on-invalid-dep=yes"] if array.after else []),
        *options.arguments(),
        str(array.script),
        *array.arguments,
    ]


def submit(array: Array, options: Options) -> JobId:
    """Submit an array and return its number.

    Raises:
        UserError: SLURM does not take it; the message has its words.
    """
    done = _run(submit_command(array, options), "submit jobs", check=False)
    if done.returncode != 0:
        raise _refused(done)
    return JobId(done.stdout.strip().split(";")[0])  # a federation adds `;cluster`


def try_out(array: Array, options: Options) -> str:
    """Return what SLURM says of when and where an array would start; nothing is submitted.

    Raises:
        UserError: it would not take it.
    """
    done = _run(submit_command(array, options, dry=True), "ask when jobs would start", check=False)
    if done.returncode != 0:
        raise _refused(done)
    return (done.stderr.strip() or done.stdout.strip()).removeprefix("sbatch: ")


def queue(names: Sequence[str]) -> Mapping[TaskKey, Seen]:
    """Return the tasks of the jobs with these names that the controller knows, ended ones as well.

    Raises:
        CommandFailed: the controller does not answer.
    """
    if not names:
        return {}
    columns = ",".join(f"{column}:|" for column in _QUEUE)
    done = _run(
        ["squeue", "--noheader", "--array", "--states=all", f"--name={','.join(names)}",
         f"--Format={columns}"],
        "look at the queue",
    )  # fmt: skip
    seen: dict[TaskKey, Seen] = {}
    for line in done.stdout.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < len(_QUEUE):
            continue
        job, task, state, reason, node, ended = cells[: len(_QUEUE)]
        status, signal = _exit_of(ended)
        number = int(task) if task.isdecimal() else OTHERS
        seen[job, number] = Seen(state, reason, node, status, signal)
    return seen


def number_of(name: str) -> JobId | None:
    """Return the number of the array with this name, if the controller knows one."""
    return next((JobId(job) for job, _ in queue([name])), None)


def seen_of(task: TaskKey, seen: Mapping[TaskKey, Seen]) -> Seen | None:
    """Return how a task stands among those that were seen; None where nothing is known of it."""
    others = seen.get((task[0], OTHERS))
    return seen.get(task) or (others if others is not None and others.has_ended else None)


def history(jobs: Sequence[JobId]) -> Mapping[TaskKey, Seen]:
    """Return the tasks of these arrays that the accounting knows; nothing where there is none."""
    if not jobs or process.which("sacct") is None:
        return {}
    done = _run(
        ["sacct", "--noheader", "--parsable2", "--allocations", "--array",
         f"--jobs={','.join(jobs)}", f"--format={','.join(_HISTORY)}"],
        "look into the accounting",
        check=False,
    )  # fmt: skip
    seen: dict[TaskKey, Seen] = {}
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        cells = line.split("|")
        numbers = re.fullmatch(r"(\d+)_(\d+)", cells[0])
        if numbers is None or len(cells) != len(_HISTORY):
            continue
        state, _, by = cells[1].partition(" ")  # `CANCELLED by 1000`
        status, signal = _exit_of(cells[2])
        seen[numbers[1], int(numbers[2])] = Seen(state, by or _NO_REASON, cells[3], status, signal)
    return seen


def cancel(tasks: Sequence[TaskKey]) -> None:
    """Cancel tasks; those that have ended stay as they are."""
    if tasks:
        named = [f"{job}_{task}" for job, task in tasks]
        _run(["scancel", "--quiet", *named], "cancel jobs", check=False)


def largest_array() -> int:
    """Return how many tasks an array may have here."""
    said = _run(["scontrol", "show", "config"], "ask for the largest array").stdout
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", said, re.MULTILINE)
    return max(1, int(found[1])) if found else 1000  # the number is the first index too large


def _exit_of(text: str) -> tuple[int, int]:
    """Return status and signal from `78:0`, or from the status that wait(2) gives."""
    status, colon, signal = text.partition(":")
    if not status.isdecimal():
        return 0, 0
    if colon:
        return int(status), int(signal) if signal.isdecimal() else 0
    return int(status) >> 8, int(status) & 0x7F


def _refused(done: process.Completed) -> UserError:
    said = [
        line.removeprefix("sbatch: ").removeprefix("error: ")
        for line in (done.stderr or done.stdout).strip().splitlines()
    ]
    words = said[-1] if said else f"sbatch ended with status {done.returncode}"
    return UserError(
        f"SLURM does not take the jobs: {words}",
        hint="see what there is with: sinfo; choose with --partition, --account, --time, --cpus "
        "and --memory",
    )


def _run(argv: Sequence[str], reason: str, *, check: bool = True) -> process.Completed:
    return process.run(
        argv,
        reason=reason,
        timeout_s=_TIMEOUT_S,
        cwd=Path("/"),
        check=check,
        hint="does SLURM work here? try: sinfo",
    )
