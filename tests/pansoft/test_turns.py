# SPDX-License-Identifier: BSD-3-Clause
"""One run at a time: the next one waits and is told for whom, and a dead one holds nobody up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.state import State
from core.console import Console
from core.errors import Busy
from pansoft.turns import is_taken, turn

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 23, 18, 40, tzinfo=UTC)
HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from builder.state import State
from core.console import Console
from pansoft.turns import turn

at = datetime(2026, 11, 23, 18, 40, tzinfo=UTC)
with turn(State(Path(sys.argv[1])), Console(), now=lambda: at):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def other(state: State) -> Iterator[subprocess.Popen[str]]:
    """Run another process, which has the turn until it reads a line."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state.folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process
        process.kill()


def held_by(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def test_who_does_not_wait_is_told_who_has_it_and_since_when(state: State) -> None:
    with other(state) as process:
        held_by(process)
        assert is_taken(state)

        with (
            pytest.raises(Busy) as caught,
            turn(state, Console(quiet=True), now=lambda: AT, wait=False),
        ):
            pytest.fail("two at once")

    said = f"cannot apply: process {process.pid} is at it (apply, on {os.uname().nodename} since "
    assert caught.value.message == f"{said}2026-11-23T18:40:00Z)"


def test_the_next_one_waits_and_then_has_it(state: State) -> None:
    with other(state) as first:
        held_by(first)
        with other(state) as second:
            assert second.stderr is not None
            assert f"process {first.pid} is at it" in second.stderr.readline()
            assert second.poll() is None

            assert first.stdin is not None
            first.stdin.write("\n")
            first.stdin.flush()

            held_by(second)
            assert first.wait(timeout=60) == 0


def test_a_dead_process_holds_nobody_up(state: State) -> None:
    with other(state) as process:
        held_by(process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)

        began = time.monotonic()
        with turn(state, Console(quiet=True), now=lambda: AT, wait=False):
            assert time.monotonic() - began < 10

    assert not is_taken(state)
