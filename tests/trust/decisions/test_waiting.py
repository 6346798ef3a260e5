# SPDX-License-Identifier: BSD-3-Clause
"""Decisions that wait to be published: each once, until a log holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import UserError
from tests.trust.decisions.chains import decision
from trust.decisions.waiting import forget, note, waiting


def test_a_decision_waits_once_and_the_first_time_counts(tmp_path: Path) -> None:
    first = decision(1)
    again = replace(first, at=first.at + timedelta(hours=1))

    note(tmp_path / "waiting", first)
    note(tmp_path / "waiting", again)
    note(tmp_path / "waiting", decision(0))

    assert waiting(tmp_path / "waiting") == (decision(0), first)


def test_what_is_published_waits_no_longer(tmp_path: Path) -> None:
    note(tmp_path, decision(0))
    note(tmp_path, decision(1))

    forget(tmp_path, [decision(0).identity, decision(5).identity])

    assert waiting(tmp_path) == (decision(1),)


def test_nothing_waits_where_nothing_was_noted(tmp_path: Path) -> None:
    assert waiting(tmp_path / "missing") == ()


def test_an_altered_decision_is_refused(tmp_path: Path) -> None:
    note(tmp_path, decision(0))
    [file] = tmp_path.iterdir()
    file.write_text(file.read_text().replace("true", "false"))

    with pytest.raises(UserError, match="was altered"):
        waiting(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "sign"}'])
def test_what_is_no_decision_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)

    with pytest.raises(UserError, match=r"x\.json (is no decision|cannot be read)"):
        waiting(tmp_path)
