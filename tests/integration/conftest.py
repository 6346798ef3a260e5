# SPDX-License-Identifier: BSD-3-Clause
"""One real run of the demo, shared by all tests that look at what it leaves behind.

It builds every recipe of the project with the real tools, which takes minutes; PANSOFT_TEST_STATE
names a state folder to keep between runs, in which only what changed is built again.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import process
from core.process import Completed

ROOT = Path(__file__).parents[2]
DEMO_TIMEOUT_S = 2400.0


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


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the state that the demo of all recipes leaves behind."""
    kept = os.environ.get("PANSOFT_TEST_STATE")
    state = Path(kept) if kept else tmp_path_factory.mktemp("demo") / "state folder"
    done = pansoft("demo", state=state, timeout_s=DEMO_TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(state, done)
