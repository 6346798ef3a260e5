# SPDX-License-Identifier: BSD-3-Clause
"""What goes into the image of jobs is what setup installs; on another system it is not begun."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from builder.inputs import apt
from builder.state import State
from core import process
from core.console import Console
from core.errors import UserError
from pansoft.ci.image.ingredients import gather, listed

ROOT = Path(__file__).parents[4]


def begin(folder: Path) -> None:
    gather(
        ROOT,
        State(folder),
        folder,
        tests=False,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        console=Console(io.StringIO()),
    )


def test_the_list_is_that_of_setup_and_longer_for_tests() -> None:
    setup = (ROOT / "setup" / "setup.sh").read_text(encoding="utf-8")
    short, long = listed(ROOT, tests=False), listed(ROOT, tests=True)

    assert {"mmdebstrap", "uidmap", "python3-venv"} < set(short)
    assert long[: len(short)] == short
    assert "chromium" in long[len(short) :]
    assert all(name in setup for name in long)


@pytest.mark.parametrize("option", ["--lst", "--test"])
def test_setup_refuses_an_option_that_it_has_not(option: str) -> None:
    done = process.run(["sh", ROOT / "setup/setup.sh", option], reason="try it", check=False)

    assert done.returncode == 2
    assert f"there is no option {option}" in done.stderr


def test_on_a_host_of_another_debian_it_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "source_suites", lambda: ("trixie",))

    with pytest.raises(UserError, match="is a Debian bookworm; this host's apt is configured for"):
        begin(tmp_path)


def test_with_another_python_it_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "source_suites", lambda: ("bookworm",))
    monkeypatch.setattr(sys, "version_info", (3, 13, 1))

    with pytest.raises(UserError, match=r"has Python 3.11 on x86-64, this is "):
        begin(tmp_path)
