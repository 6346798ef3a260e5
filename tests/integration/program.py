# SPDX-License-Identifier: BSD-3-Clause
"""The program run as a user runs it, and what a finished demo is."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from core import process
from core.process import Completed

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo: its state folder and what it printed."""

    state: Path
    run: Completed


def pansoft(
    *arguments: str | Path,
    state: Path,
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
    timeout_s: float = 600.0,
) -> Completed:
    """Run the program as a user does, in a process of its own, and return how it ended."""
    return process.run(
        [sys.executable, "-m", "pansoft", "--state", state, *arguments],
        reason="run pansoft",
        cwd=cwd,
        env=env,
        timeout_s=timeout_s,
        check=False,
    )


def copy_of(state: Path, target: Path) -> Path:
    """Return a copy of a state that shares its files: what is written replaces, never changes them."""
    process.run(["cp", "-al", state, target], reason="copy a state")
    return target


def commit() -> str:
    """Return the commit that is checked out; nothing where there is no git."""
    done = process.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], reason="name the commit", check=False
    )
    return done.stdout.strip()
