# SPDX-License-Identifier: BSD-3-Clause
"""Runs of `apply` that are killed, and a warm process that forks one for each kill.

Run as a program it reads a line for each child, `[project, state, at, moment]`, and lets the child apply all
recipes until it comes to that moment: the so-many-th time that it opens a file of the state for writing,
renames, removes or makes one. Then it is killed. The answer is its exit status and how many moments it saw.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from builder.evidence import cyclonedx_form, spdx_form
from builder.state import State
from core.console import Console
from pansoft import loop, workspace
from pansoft.context import Context
from pansoft.turns import turn

WARM = (cyclonedx_form, spdx_form)  # libraries that every child would import anew
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = ("os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.symlink")


class Applying:
    """The warm process, as the tests use it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, context: Context, at: datetime, *, moment: int = 0) -> tuple[bool, int]:
        """Let a child apply, and die at a moment, by 0 at none.

        Returns whether it was killed, and how many moments it saw.
        """
        line = [str(context.project), str(context.state), at.isoformat(), moment]
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(line) + "\n")
        stdin.flush()
        status, seen = json.loads(stdout.readline())
        assert status in (0, -signal.SIGKILL), f"the child ended with {status}"
        return status != 0, seen


@contextmanager
def applying() -> Iterator[Applying]:
    """Run the warm process for the time of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.applying"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Applying(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _serve() -> None:
    for line in sys.stdin:
        project, state, at, moment = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(Path(project), Path(state), datetime.fromisoformat(at), moment, writing)
        os.close(writing)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with os.fdopen(reading, "rb") as counts:
            seen = len(counts.read())
        sys.stdout.write(json.dumps([status, seen]) + "\n")
        sys.stdout.flush()


def _child(project: Path, state: Path, at: datetime, moment: int, counts: int) -> None:
    status = 1
    try:
        seen = 0

        def watch(event: str, args: tuple[Any, ...]) -> None:
            nonlocal seen
            is_change = event in _CHANGES or (event == "open" and args[2] & _WRITES)
            if is_change and _is_below(args[0], state):
                seen += 1
                os.write(counts, b".")  # a byte for each: who is killed tells nothing later
                if seen == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        context = Context(project, state, Console(quiet=True))
        with turn(State(state), context.console, now=lambda: at):
            recipes = workspace.recipes_named(context, [])
            report = loop.apply(context, recipes, at=at, jobs=1)
        assert report.failures == (), report.failures
        assert report.outcome is not None
        assert report.outcome.refused == (), report.outcome.refused
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise
    finally:
        os._exit(status)


def _is_below(path: object, folder: Path) -> bool:
    return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(
        f"{folder}/"
    )


if __name__ == "__main__":
    _serve()
