# SPDX-License-Identifier: BSD-3-Clause
"""What a kind of test asks to be run, and what the run left to be judged.

What a test left was written by the program that is tested, and is read by whoever runs pansoft, who
may be root: a link, a pipe and a device are no files here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.recipes.recipe import Recipe, Test

HARNESS = "/pansoft-test"
"""Where the image sees the harness: its scripts, and what they write for the judge."""

SCRIPTS = Path(__file__).parent / "scripts"
TIMEOUT_S = 600.0
_MOST_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What to run in the image: `argv`, with `files` of the harness; killed after `timeout_s`."""

    argv: tuple[str, ...]
    files: Mapping[str, str]
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run left: its status, its outputs, the harness folder and the test's own folder."""

    status: int
    stdout: str
    stderr: str
    harness: Path
    work: Path

    @property
    def output(self) -> str:
        """Return all that was printed."""
        return self.stdout + self.stderr

    @property
    def reason(self) -> str | None:
        """Return why the harness gave up, if it did."""
        content = left(self.harness, "reason")
        return None if content is None else content.decode("utf-8", "replace").strip()


def left(folder: Path, path: str) -> bytes | None:
    """Return the content of a file that a test left; None if there is no such ordinary file.

    No part of `path` may be a link. Of a large file the first 64 MB are read.
    """
    place = folder
    for part in Path(path).parts:
        place = place / part
        if place.is_symlink():
            return None
    try:
        # no waiting for the other end of a pipe
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(_MOST_BYTES)
    finally:
        os.close(descriptor)


def scripted(test: Test, recipe: Recipe) -> Trial:  # noqa: ARG001
    """Return what runs a test's own script and nothing around it."""
    return around(test, ("sh", "-eu", f"{HARNESS}/test.sh"))


def around(
    test: Test,
    argv: tuple[str, ...],
    *,
    scripts: tuple[str, ...] = (),
    files: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Trial:
    """Return a trial of `argv` after what the test prepares, with its script and the named scripts.

    It may take as long as the test says, by default ten minutes.
    """
    own = {"test.sh": test.run or "", "prepare.sh": test.prepare or "", **(files or {})}
    return Trial(
        argv=("sh", f"{HARNESS}/prepared.sh", *argv),
        files=own | {name: script(name) for name in ("prepared.sh", *scripts)},
        timeout_s=timeout_s or test.timeout_s or TIMEOUT_S,
        environment=environment or {},
    )


def script(name: str) -> str:
    """Return a script of the harness."""
    return (SCRIPTS / name).read_text(encoding="utf-8")
