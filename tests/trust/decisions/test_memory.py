# SPDX-License-Identifier: BSD-3-Clause
"""What this machine has seen of a log: it may grow, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from tests.trust.cases import NOON
from tests.trust.decisions.chains import REPOSITORY, decision
from trust.decisions.chain import BrokenLog, appended
from trust.decisions.head import SignedHead, head_of
from trust.decisions.log import Log
from trust.decisions.memory import check_continues, name_of, remember, remembered


def log_of(*numbers: int) -> Log:
    links = tuple(appended((), [decision(n) for n in numbers], at=NOON))
    return Log(REPOSITORY, links, SignedHead(head_of(links, repository=REPOSITORY), None))


def test_a_log_may_grow() -> None:
    seen = log_of(0, 1).head

    check_continues(None, log_of(0))
    check_continues(seen, log_of(0, 1))
    check_continues(seen, log_of(0, 1, 2))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(log_of(0), "entry 1 of the log: missing; the log of .* shrank", id="shrank"),
        pytest.param(log_of(0, 5), "entry 1 .* forked", id="forked"),
        pytest.param(log_of(7, 1, 2), "entry 1 .* or one before it, .* forked", id="other-past"),
        pytest.param(None, "is gone", id="gone"),
    ],
)
def test_a_log_that_shrank_or_forked_is_refused(now: Log | None, said: str) -> None:
    with pytest.raises(BrokenLog, match=said):
        check_continues(log_of(0, 1).head, now)


def test_a_head_is_remembered(tmp_path: Path) -> None:
    assert remembered(tmp_path, REPOSITORY) is None

    remember(tmp_path / "seen", REPOSITORY, log_of(0, 1).head)
    remember(tmp_path / "seen", REPOSITORY, log_of(0, 1, 2).head)

    assert remembered(tmp_path / "seen", REPOSITORY) == log_of(0, 1, 2).head


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"entries": "3"}'])
def test_a_memory_that_cannot_be_read_is_no_blank_one(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{REPOSITORY}.json").write_text(content)

    with pytest.raises(UserError, match="is not the head of a log"):
        remembered(tmp_path, REPOSITORY)


def test_with_another_key_it_is_another_repository(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text("a")
    (tmp_path / "b.pub").write_text("b")

    names = {name_of(REPOSITORY, key) for key in (tmp_path / "a.pub", tmp_path / "b.pub", None)}

    assert len(names) == 3
    assert name_of(REPOSITORY, None) == REPOSITORY
