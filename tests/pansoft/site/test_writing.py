# SPDX-License-Identifier: BSD-3-Clause
"""Files that people may edit: when they are written, and what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from pansoft.site import writing
from pansoft.site.writing import Care, Change, Wanted


def changes(*wanted: Wanted, known: dict[str, tuple[str, ...]] | None = None) -> list[Change]:
    return [each.change for each in writing.compare(wanted, written=known or {})]


def test_a_file_goes_from_new_to_as_it_should_be(tmp_path: Path) -> None:
    wanted = Wanted(tmp_path / "a" / "b.conf", b"one\n")

    (before,) = writing.compare([wanted], written={})
    writing.write([before])

    assert before.change is Change.NEW
    assert wanted.path.read_bytes() == b"one\n"
    assert wanted.path.stat().st_mode & 0o777 == 0o644
    assert changes(wanted) == [Change.NONE]


def test_what_we_left_is_changed_and_what_we_did_not_is_edited(tmp_path: Path) -> None:
    file = tmp_path / "f"
    old, new = Wanted(file, b"old\n"), Wanted(file, b"new\n")
    writing.write(writing.compare([old], written={}))

    assert changes(new, known=writing.hashes([old])) == [Change.CHANGED]
    assert changes(new) == [Change.EDITED]


def test_nothing_is_written_where_one_file_was_edited(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine\n")
    found = writing.compare(
        [Wanted(tmp_path / "new", b"x"), Wanted(tmp_path / "mine", b"y")], written={}
    )

    with pytest.raises(UserError, match=r"edited by hand, or made by somebody else: .*/mine"):
        writing.check(found, force=False)

    writing.check(found, force=True)


@pytest.mark.parametrize(
    ("care", "change"),
    [(Care.WHOLE, Change.EDITED), (Care.SHARED, Change.CHANGED), (Care.FIRST, Change.NONE)],
)
def test_how_a_file_is_treated(tmp_path: Path, care: Care, change: Change) -> None:
    (tmp_path / "f").write_bytes(b"there\n")

    assert changes(Wanted(tmp_path / "f", b"wanted\n", care)) == [change]


def test_what_is_wanted_no_more_goes_unless_somebody_edited_it(tmp_path: Path) -> None:
    files = [Wanted(tmp_path / name, name.encode()) for name in ("kept", "gone", "edited")]
    writing.write(writing.compare(files, written={}))
    known = writing.hashes(files)
    (tmp_path / "edited").write_bytes(b"mine")

    assert writing.left_over(files[:1], written=known) == (tmp_path / "gone",)


def test_a_difference_is_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a\nb\n")
    (found,) = writing.compare([Wanted(tmp_path / "f", b"a\nc\n")], written={})

    assert found.diff().splitlines()[-3:] == [" a", "-b", "+c"]


def test_a_difference_of_bytes_is_told_in_figures(tmp_path: Path) -> None:
    (found,) = writing.compare([Wanted(tmp_path / "f", b"\xff\xfe\xfd")], written={})

    assert found.diff() == f"{tmp_path / 'f'}: nothing -> 3 bytes"


def test_a_folder_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()

    with pytest.raises(UserError, match="cannot be read"):
        writing.compare([Wanted(tmp_path / "f", b"")], written={})
