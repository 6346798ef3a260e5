# SPDX-License-Identifier: BSD-3-Clause
"""One real run of the demo, shared by all tests that look at what it leaves behind.

It builds every recipe of the project with the real tools, which takes minutes; PANSOFT_TEST_STATE
names a state folder to keep between runs, in which only what changed is built again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.builder.conftest import builds
from tests.integration.program import Demo, pansoft

__all__ = ["builds", "demo"]

DEMO_TIMEOUT_S = 2400.0


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the state that the demo of all recipes leaves behind."""
    kept = os.environ.get("PANSOFT_TEST_STATE")
    state = Path(kept) if kept else tmp_path_factory.mktemp("demo") / "state folder"
    done = pansoft("demo", state=state, timeout_s=DEMO_TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(state, done)
