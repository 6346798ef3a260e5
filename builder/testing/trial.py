# SPDX-License-Identifier: BSD-3-Clause
"""What a kind of test asks to be run, and what the run left to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HARNESS = "/pansoft-test"
"""Where the image sees the harness: its scripts, and what they write for the judge."""

SCRIPTS = Path(__file__).parent / "scripts"


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


def script(name: str) -> str:
    """Return a script of the harness."""
    return (SCRIPTS / name).read_text(encoding="utf-8")
