# SPDX-License-Identifier: BSD-3-Clause
"""The one door to other programs: what they said, and why they failed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from core import process
from core.errors import CommandFailed, UserError


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


def test_a_long_running_program_is_stopped() -> None:
    handle = process.start([sys.executable, "-c", "import time; time.sleep(60)"], reason="test")

    assert process.stop(handle) != 0


def test_a_missing_tool_says_what_it_is_for() -> None:
    assert process.find("sh", reason="test", hint="none").name == "sh"
    with pytest.raises(UserError, match="it is needed to pack") as caught:
        process.find("no-such-program", reason="pack", hint="install it")

    assert caught.value.hint == "install it"
