# SPDX-License-Identifier: BSD-3-Clause
"""The table of content hashes: its form, its signature, and what a client shows against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import Refused
from tests.trust.conftest import public
from trust.contents import content_table, cvmfs_attributes
from trust.contents.content_table import HEAD_FILE, TABLE_FILE, ContentTable, StoredFile
from trust.contents.cvmfs_attributes import NotShown, Shown
from trust.keys import SigningKey
from trust.keys.folder import FolderKey
from trust.signing import dsse

pytestmark = pytest.mark.needs("apptainer", "gpg")

ONE, TWO, THREE = ("1" * 40, "2" * 40 + "-shake128", "3" * 40)
SMALL = StoredFile("bin/small", "a" * 64, 5, "zlib", (f"{ONE},0,5",))
LARGE = StoredFile("x.sif", "b" * 64, 9, "none", (f"{TWO},0,4", f"{THREE},4,5"))
EMPTY = StoredFile("two\nlines", "c" * 64, 0, "zlib", (f"{ONE},0,0",))
FILES = (SMALL, EMPTY, LARGE)


@dataclass(frozen=True)
class Version:
    """A folder with a statement, its table and its head, and who may have signed them."""

    folder: Path
    key: FolderKey

    @property
    def statement(self) -> Path:
        return self.folder / "x.sif.statement.json"

    def read(self) -> ContentTable:
        return content_table.read(
            self.folder, subject=self.statement, public_keys=[public(self.key)]
        )


def put(version: Version, key: SigningKey) -> None:
    """Write statement, table and head."""
    version.folder.mkdir()
    version.statement.write_text(f"the statement of {version.folder}")
    content_table.write(
        version.folder, FILES, repository="a.example.org", subject=version.statement, key=key
    )


@pytest.fixture
def version(tmp_path: Path, key: FolderKey) -> Version:
    made = Version(tmp_path / "1.0", key)
    put(made, key)
    return made


def test_what_was_written_is_read_back(version: Version) -> None:
    table = version.read()

    assert tuple(table.files()) == FILES
    assert table.file_at("x.sif") == LARGE
    assert table.file_at("y.sif") is None
    assert (table.repository, table.subject) == ("a.example.org", "x.sif.statement.json")
    assert table.signature.fingerprint == version.key.fingerprint


def test_a_version_without_a_table_is_to_be_read(version: Version) -> None:
    (version.folder / HEAD_FILE).unlink()

    with pytest.raises(NotShown, match="has no table of content hashes"):
        version.read()


def test_an_altered_table_is_refused(version: Version) -> None:
    file = version.folder / TABLE_FILE
    file.write_text(file.read_text().replace(ONE, THREE))

    with pytest.raises(Refused, match=r"was altered: it is not the one that content\.json signs"):
        version.read()


def test_a_table_that_was_taken_away_is_refused(version: Version) -> None:
    (version.folder / TABLE_FILE).unlink()

    with pytest.raises(Refused, match=r"content\.table is missing"):
        version.read()


def test_the_table_of_another_version_is_refused(
    version: Version, tmp_path: Path, key: FolderKey
) -> None:
    other = Version(tmp_path / "2.0", key)
    put(other, key)
    for name in (HEAD_FILE, TABLE_FILE):
        (other.folder / name).rename(version.folder / name)

    with pytest.raises(Refused, match=r"is not about x\.sif\.statement\.json: it was swapped"):
        version.read()


def test_a_table_by_another_key_is_refused(version: Version, other_key: FolderKey) -> None:
    content_table.write(
        version.folder, FILES, repository="r", subject=version.statement, key=other_key
    )

    with pytest.raises(Refused, match="which the policy does not list"):
        version.read()


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(lambda d: d["predicate"].update(schema=2), "another form than 1", id="schema"),
        pytest.param(lambda d: d.update(predicateType="urn:x"), "another form", id="kind"),
        pytest.param(lambda d: d["predicate"].update(more=1), "contradicts itself", id="more"),
        pytest.param(lambda d: d["subject"].pop(), "holds no table", id="one subject"),
        pytest.param(lambda d: d["subject"].reverse(), "contradicts itself", id="turned round"),
        pytest.param(lambda d: d.pop("predicate"), "holds no table", id="nothing said"),
    ],
)
def test_a_signed_head_of_another_form_is_refused(
    version: Version, edit: Callable[[Any], object], reason: str
) -> None:
    head = version.folder / HEAD_FILE
    opened = dsse.unseal(head.read_bytes(), public_keys=[public(version.key)], what="it")
    data = json.loads(opened.payload)
    edit(data)
    head.write_text(dsse.seal(json.dumps(data).encode(), key=version.key))

    with pytest.raises(Refused, match=reason):
        version.read()


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        pytest.param(replace(SMALL, path="../x"), "names the path", id="out of the folder"),
        pytest.param(replace(SMALL, path="/etc/passwd"), "names the path", id="absolute"),
        pytest.param(replace(SMALL, path="a//b"), "names the path", id="twice a slash"),
        pytest.param(replace(SMALL, path=""), "names the path", id="no path"),
        pytest.param(replace(SMALL, sha256="A" * 64), "no sha256", id="sha256"),
        pytest.param(replace(SMALL, compression="zstd"), "a compression", id="compression"),
        pytest.param(replace(SMALL, chunks=()), "not the whole of it", id="no chunks"),
        pytest.param(replace(SMALL, size=6), "not the whole of it", id="too few"),
        pytest.param(replace(LARGE, chunks=LARGE.chunks[1:]), "follow each other", id="a gap"),
        pytest.param(replace(LARGE, chunks=(LARGE.chunks[0],) * 2), "follow each", id="overlap"),
        pytest.param(replace(SMALL, chunks=("1,0,5",)), "do not follow", id="no hash"),
    ],
)
def test_a_signed_line_that_cannot_be_is_refused(
    version: Version, stored: StoredFile, reason: str
) -> None:
    content_table.write(
        version.folder, [stored], repository="r", subject=version.statement, key=version.key
    )

    with pytest.raises(Refused, match=reason):
        list(version.read().files())


def test_lines_out_of_order_are_refused(version: Version) -> None:
    content_table.write(
        version.folder, (LARGE, SMALL), repository="r", subject=version.statement, key=version.key
    )

    with pytest.raises(Refused, match=r"line 2 of content\.table is out of order"):
        list(version.read().files())


@pytest.mark.parametrize("text", ["", "{}\n", "[]\n", "{" * 9999, '{"path": "a"}\n', "\x80"])
def test_a_line_of_another_form_is_refused(version: Version, text: str) -> None:
    table = version.read()
    good = (version.folder / TABLE_FILE).read_text()
    (version.folder / TABLE_FILE).write_text(good.replace("\n", " \n", 1) + text)

    with pytest.raises(Refused, match=r"line 1 of content\.table is not in its one form"):
        list(table.files())


def seen(stored: StoredFile) -> Shown:
    return Shown(stored.size, stored.compression, stored.chunks)


def test_a_client_that_shows_what_was_signed_passes() -> None:
    assert content_table.check(FILES, {each.path: seen(each) for each in FILES}) == ()


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        (replace(seen(LARGE), size=8), "x.sif has 8 bytes instead of 9"),
        (replace(seen(LARGE), compression="zlib"), "x.sif is stored as zlib, not as none"),
        (
            replace(seen(LARGE), chunks=(LARGE.chunks[0], f"{ONE},4,5")),
            "x.sif is held by another object from byte 4 on (chunk 1)",
        ),
        (
            replace(seen(LARGE), chunks=(TWO.removesuffix("-shake128") + ",0,4", LARGE.chunks[1])),
            "x.sif is held by another object from byte 0 on (chunk 0)",
        ),
        (replace(seen(LARGE), chunks=LARGE.chunks[:1]), "x.sif is held by 1 objects, not by 2"),
    ],
)
def test_a_client_that_shows_something_else_is_told_apart(shown: Shown, fault: str) -> None:
    assert content_table.check([LARGE], {"x.sif": shown}) == (fault,)
    assert content_table.check([LARGE], {}) == ("x.sif is not there",)


def test_attributes_on_an_ordinary_file_system_count_for_nothing(version: Version) -> None:
    """Anybody can set them there."""
    with pytest.raises(NotShown, match="is not on a mount of CVMFS"):
        content_table.verify_by_attributes(version.folder, version.read(), expected={})


def test_the_file_system_is_the_one_of_the_kernel_s_list(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    number = f"{device >> 8 & 0xFFF}:{device & 0xFF}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 35 {number} / /cvmfs/x rw,noatime shared:1 - fuse cvmfs2 ro\n")

    with pytest.raises(NotShown, match=r"does not show user\.fqrn"):
        cvmfs_attributes.repository_at(tmp_path, mounts=mounts)
