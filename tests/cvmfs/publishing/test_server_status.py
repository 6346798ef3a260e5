# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cvmfs.publishing.server_status import STATUS, note, status_date, status_time
from cvmfs.storage.local import LocalStorage
from tests.cvmfs.samples import AT, LATER


def test_each_field_has_its_time_and_others_stay(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.prepare()
    (tmp_path / STATUS).write_text('{"of_somebody": 1}')

    note(storage, "last_gc", AT)
    note(storage, "last_snapshot", LATER)

    assert json.loads((tmp_path / STATUS).read_text()) == {
        "of_somebody": 1,
        "last_gc": "Sun Mar  1 12:30:15 UTC 2026",
        "last_snapshot": "Mon Mar  2 09:00:00 UTC 2026",
    }


@pytest.mark.parametrize("content", ["", "[1]", "no json", "null"])
def test_a_status_that_is_none_is_written_anew(tmp_path: Path, content: str) -> None:
    storage = LocalStorage(tmp_path)
    storage.prepare()
    (tmp_path / STATUS).write_text(content)

    note(storage, "last_gc", AT)

    assert json.loads((tmp_path / STATUS).read_text()).keys() == {"last_gc"}


@pytest.mark.parametrize("day", [1, 28])
def test_a_date_is_read_back(day: int) -> None:
    at = datetime(2026, 2, day, 7, 5, 9, tzinfo=UTC)

    assert status_time(f"{status_date(at)}\n") == at
    assert status_time("yesterday") is None
