# SPDX-License-Identifier: BSD-3-Clause
"""Why a job left no image, in words: from SLURM's state, the task's answer, its log and its node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.executors.executor import Stage
from builder.executors.slurm import SCRIPT
from builder.executors.slurm_cli import OTHERS, JobId, Seen, seen_of
from builder.executors.slurm_ends import why
from builder.executors.slurm_journal import Array, Open, Task
from core import process


@pytest.fixture
def ended(tmp_path: Path) -> Open:
    return Open(Array(tmp_path, "pansoft-x", (Task("plan", "plotter", "base"),), JobId("12")), 0)


def put(ended: Open, name: str, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (ended.array.folder / name).write_text(text)


@pytest.mark.parametrize(
    ("seen", "message", "hint"),
    [
        (Seen("TIMEOUT", node="n1"), "job 12_0 on n1 ran into its time limit", "--time"),
        (Seen("OUT_OF_MEMORY", node="n1"), "job 12_0 on n1 had too little memory", "--memory"),
        (Seen("NODE_FAIL", node="n1"), "the node of job 12_0 on n1 failed", "again"),
        (Seen("PREEMPTED"), "job 12_0 had to make room for other jobs", "again"),
        (Seen("CANCELLED"), "job 12_0 was cancelled", "again"),
        (Seen("CANCELLED", "DependencyNeverSatisfied"), "held back: its base", "again"),
        (Seen("FAILED", "JobLaunchFailure", "n1"), "n1 does not see the state folder", "--state"),
        (Seen("FAILED", node="n1", status=78), "n1 does not see the state folder", "--state"),
        (Seen("FAILED", node="n1", signal=53), "n1 does not see the state folder", "--state"),
        (Seen("FAILED", node="n1", status=79), "pansoft does not run on n1", ".venv"),
        (Seen("FAILED", node="n1", signal=11), "job 12_0 on n1 ended by signal 11", "0.log"),
        (None, "SLURM does not know job 12_0 any more, and it left nothing", "again"),
    ],
    ids=str,
)
def test_what_slurm_says_is_told_with_what_helps(
    ended: Open, seen: Seen | None, message: str, hint: str
) -> None:
    error = why(ended, seen, patient=False)

    assert error is not None
    assert message in error.message
    assert hint in str(error.hint)


@pytest.mark.parametrize("seen", [Seen("COMPLETED"), Seen("FAILED", status=2), None], ids=str)
def test_files_of_another_node_may_be_late(ended: Open, seen: Seen | None) -> None:
    assert why(ended, seen, patient=True) is None
    assert why(ended, seen, patient=False) is not None


def test_what_the_job_answered_is_told_with_its_node(ended: Open) -> None:
    answer = {"plan": "plan", "failed": str(Stage.BUILD), "message": "no", "hint": "do this"}
    put(ended, "0.json", [answer])
    put(ended, "0.node", "n7\n")

    error = why(ended, Seen("FAILED", status=2), patient=True)

    assert error is not None
    assert (error.message, error.hint) == ("no\n    (job 12_0 on n7)", "do this")


def test_what_the_node_lacks_is_told_first_in_the_hint(ended: Open) -> None:
    put(ended, "0.json", [{"plan": "plan", "failed": "build", "message": "no", "hint": "look"}])
    put(ended, "0.node", "n7\n")
    ids = {"check": "/etc/subuid", "health": "bad", "message": "gives 0 ids", "mend": "usermod x"}
    disk = {"check": "disk", "health": "warning", "message": "is small", "mend": "--state DIR"}
    put(ended, "0.doctor.json", [disk, ids])

    error = why(ended, Seen("FAILED", status=2), patient=True)

    assert error is not None
    assert error.message.splitlines()[2:] == ["    n7 lacks: /etc/subuid gives 0 ids"]
    assert error.hint == "on n7: usermod x"


def test_a_task_that_said_something_and_answered_nothing_shows_its_log(ended: Open) -> None:
    put(ended, "0.log", "Traceback\nZeroDivisionError\n")

    error = why(ended, Seen("FAILED", status=1), patient=False)

    assert error is not None
    assert error.message.splitlines()[1:] == ["    Traceback", "    ZeroDivisionError"]


def test_tasks_cancelled_before_they_began_share_a_line() -> None:
    seen = {("12", 1): Seen("RUNNING"), ("12", OTHERS): Seen("CANCELLED")}

    assert seen_of(("12", 0), seen) == Seen("CANCELLED")
    assert seen_of(("12", 1), seen) == Seen("RUNNING")
    assert seen_of(("13", 0), seen) is None


@pytest.mark.parametrize(
    ("token", "program", "status"),
    [("theirs", "true", 78), ("ours", "/no/such/program", 79), ("ours", "true", 0)],
)
def test_a_job_builds_nothing_where_it_sees_another_folder_or_no_program(
    tmp_path: Path, token: str, program: str, status: int
) -> None:
    (tmp_path / "token").write_text("ours")
    (tmp_path / "program").write_text(program)
    (tmp_path / "tasks").write_text(f"{program} build one\n")

    done = process.run(
        ["sh", SCRIPT, tmp_path, token], reason="run a job", env={"PATH": "/bin"}, check=False
    )

    assert done.returncode == status
    assert (tmp_path / "0.json").exists() == (status == 0)
