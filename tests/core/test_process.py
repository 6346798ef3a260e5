# SPDX-License-Identifier: BSD-3-Clause
"""The one door to other programs: what they said, and why they failed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from core import process
from core.errors import CommandFailed, UserError
from core.process import Completed


def test_the_outputs_are_kept_apart_and_input_is_given() -> None:
    done = process.run(["sh", "-c", "cat; echo talk >&2"], reason="test", stdin="answer")

    assert (done.stdout, done.stderr, done.returncode) == ("answer", "talk\n", 0)


def test_the_environment_is_only_what_is_passed() -> None:
    done = process.run(["/usr/bin/env"], reason="test", env={"A": "1"})

    assert done.stdout == "A=1\n"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sh", "-c", "echo why >&2; exit 3"], r"sh failed with status 3, could not test\n    why"),
        (["sh", "-c", "kill -9 $$"], "sh was killed by SIGKILL, could not test"),
        (["no-such-program"], "no-such-program was not found; it is needed to test"),
        (["/etc/passwd"], "/etc/passwd may not be run; it is needed to test"),
    ],
)
def test_a_failure_is_explained_by_its_kind(argv: list[str], said: str) -> None:
    with pytest.raises(CommandFailed, match=said):
        process.run(argv, reason="test")


def test_a_failure_may_be_an_answer() -> None:
    assert process.run(["false"], reason="test", check=False).returncode == 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="gone was not found"):
        process.run(["true"], reason="test", cwd=tmp_path / "gone")


def test_out_of_time_ends_the_program_and_its_children() -> None:
    begin = time.monotonic()

    with pytest.raises(CommandFailed, match="took longer than 1 s to test"):
        process.run(["sh", "-c", "sleep 60 & sleep 60"], reason="test", timeout_s=1)

    assert time.monotonic() - begin < 20


def watched(script: str, *, timeout_s: float = 60, too_much: str | None = None) -> Completed:
    return process.run_watched(
        ["sh", "-c", script],
        reason="see",
        env={"PATH": process.SYSTEM_PATH},
        cwd=Path("/"),
        timeout_s=timeout_s,
        most_output=1_000_000,
        too_much=lambda: too_much,
    )


def test_a_watched_program_says_what_it_says_and_ends_as_it_ends() -> None:
    done = watched("echo out; echo err >&2; exit 3")

    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


@pytest.mark.parametrize(
    ("script", "timeout_s", "too_much", "why"),
    [
        ("yes", 60, None, "was stopped: it printed more than 1 MB"),
        ("yes >&2", 60, None, "was stopped: it printed more than 1 MB"),
        ("echo first; sleep 60", 1, None, "was stopped: it took longer than 1 s"),
        ("exec >&- 2>&-; sleep 60", 1, None, "was stopped: it took longer than 1 s"),
        ("echo first; sleep 60", 60, "it is too large", "was stopped: it is too large"),
    ],
    ids=["prints", "complains", "takes its time", "is silent for ever", "takes something else"],
)
def test_a_watched_program_that_takes_too_much_is_stopped(
    script: str, timeout_s: float, too_much: str | None, why: str
) -> None:
    began = time.monotonic()

    with pytest.raises(CommandFailed) as failed:
        watched(script, timeout_s=timeout_s, too_much=too_much)

    assert failed.value.message == why
    assert time.monotonic() - began < 30
    assert len(failed.value.stderr) < 1_200_000
    assert failed.value.stderr[:6] in ("first\n", "y\ny\ny\n", "")


def test_a_long_running_program_is_stopped() -> None:
    handle = process.start([sys.executable, "-c", "import time; time.sleep(60)"], reason="test")

    assert process.stop(handle) != 0


def test_a_missing_tool_says_what_it_is_for() -> None:
    assert process.find("sh", reason="test", hint="none").name == "sh"
    with pytest.raises(UserError, match="it is needed to pack") as caught:
        process.find("no-such-program", reason="pack", hint="install it")

    assert caught.value.hint == "install it"
