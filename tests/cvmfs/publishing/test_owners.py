# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.local_tree import TreeRules
from cvmfs.publishing.owners import IdMap, Owners, load_id_map
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import AT, read


def test_map_file_of_the_genuine_publisher_is_read(tmp_path: Path) -> None:
    (tmp_path / "uid.map").write_text("# users\n1000 0\n\n1001 5  # the other one\n* 99\n")

    users = load_id_map(tmp_path / "uid.map")

    assert [users[number] for number in (1000, 1001, 1002, 0)] == [0, 5, 99, 99]


def test_numbers_stay_where_the_map_has_no_default(tmp_path: Path) -> None:
    (tmp_path / "uid.map").write_text("1000 0\n")

    users = load_id_map(tmp_path / "uid.map")

    assert [users[number] for number in (1000, 1002)] == [0, 1002]


@pytest.mark.parametrize("line", ["1000", "a 0", "0 b", "1 2 3", "* -1", "* 4294967295", "1.0 2"])
def test_line_that_maps_nothing_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "uid.map").write_text(f"* 0\n{line}\n")

    with pytest.raises(UserError, match=r"uid\.map:2: "):
        load_id_map(tmp_path / "uid.map")


def test_missing_map_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the map of owners .*none\.map"):
        load_id_map(tmp_path / "none.map")


def test_files_belong_to_whom_the_map_says(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").touch()
    here = (tmp_path / "tree").stat()
    owners = Owners(IdMap({here.st_uid: 1234}), IdMap(default=77))

    with transaction(repository, keys, at=AT) as tx:
        tx.put_tree(tmp_path / "tree", "tree", rules=TreeRules(owners=owners))
        tx.put_file(tmp_path / "tree" / "file", "one", rules=TreeRules(owners=owners))
        tx.put_file(tmp_path / "tree" / "file", "nobody's")

    reader = read(repository, keys)
    assert {(entry.uid, entry.gid) for entry in reader.walk("tree")} == {(1234, 77)}
    assert (reader.entry("one").uid, reader.entry("nobody's").uid) == (1234, 0)
    assert os.getuid() == here.st_uid
