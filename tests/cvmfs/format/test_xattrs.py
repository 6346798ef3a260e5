# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import logging
import os
import struct
from pathlib import Path

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import FormatInvalid, RepositoryError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.xattrs import attributes_of, decode, encode
from cvmfs.publishing.local_tree import TreeRules
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import AT, read

CAPABILITIES = struct.pack("<5I", 0x0200_0001, 1 << 13, 0, 0, 0)
"""cap_net_raw+ep, as the kernel keeps it."""


def test_blob_is_that_of_the_genuine_publisher() -> None:
    blob = encode({"user.b": b"\x00\xff", "user.a": b""})

    assert blob == b"\x01\x02" + b"\x06\x00user.a" + b"\x06\x02user.b\x00\xff"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"user.x": b""},
        {"user.ü": "größe".encode()},
        {"user." + "n" * 250: b"v" * 255},
        {f"user.{number}": bytes([number]) for number in range(255)},
    ],
    ids=["none", "empty", "utf-8", "longest", "most"],
)
def test_attributes_come_back_as_they_were(attributes: dict[str, bytes]) -> None:
    assert decode(encode(attributes)) == attributes


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"user.long": b"v" * 256}, "user.long has 256 bytes"),
        ({"n" * 256: b""}, "cannot name"),
        ({"": b""}, "cannot name"),
        ({"a\0b": b""}, "cannot name"),
        ({f"user.{number}": b"" for number in range(256)}, "256 extended attributes"),
    ],
    ids=["value", "name", "no name", "zero byte", "too many"],
)
def test_what_the_format_cannot_hold_is_refused(attributes: dict[str, bytes], message: str) -> None:
    with pytest.raises(RepositoryError, match=message):
        encode(attributes)


@pytest.mark.parametrize(
    "blob",
    [
        b"", b"\x01", b"\x02\x00", b"\x01\x01", b"\x01\x01\x01", b"\x01\x01\x01\x00", b"\x01\x01\x00\x00",
        b"\x01\x01\x01\x02ab", b"\x01\x00x", b"\x01\x02\x01\x00a\x01\x00a", b"\x01\x01\x01\x00\x00",
    ],
)  # fmt: skip
def test_blob_that_is_none_is_refused(blob: bytes) -> None:
    with pytest.raises(FormatInvalid, match="extended attribute"):
        decode(blob)


def test_every_cut_of_a_blob_is_refused() -> None:
    blob = encode({"user.one": b"1", "user.two": b"22"})
    assert blob is not None

    for length in range(len(blob)):
        with pytest.raises(FormatInvalid):
            decode(blob[:length])


def test_attributes_of_a_tree_are_published_when_asked_for(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    tree = _tree_with_attributes(tmp_path / "tree")

    with transaction(repository, keys, at=AT, message="with") as tx:
        tx.put_tree(tree, "with", nest=True, rules=TreeRules(xattrs=True))
        tx.put_file(tree / "file", "one", rules=TreeRules(xattrs=True))
        tx.put_tree(tree, "without")

    with read(repository, keys) as reader:
        assert decode(reader.entry("with").xattr) == {"user.tree": b"root"}
        assert decode(reader.entry("with/file").xattr) == {"user.one": b"1", "user.two": b"\0\xff"}
        assert decode(reader.entry("with/directory").xattr) == {"user.kind": b"directory"}
        assert decode(reader.entry("one").xattr) == {"user.one": b"1", "user.two": b"\0\xff"}
        assert all(entry.xattr is None for entry in reader.walk("without"))
        counted = reader.catalog_with("with").statistics().own
        assert counted.xattr == 3
        assert check(reader).findings == ()


def test_changed_attribute_is_a_new_revision_and_the_same_is_none(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    tree = _tree_with_attributes(tmp_path / "tree")
    rules = TreeRules(xattrs=True)
    for value, is_new in ((None, True), (None, False), (b"changed", True)):
        if value is not None:
            os.setxattr(tree / "file", "user.one", value)
        with transaction(repository, keys, at=AT, message="again") as tx:
            tx.put_tree(tree, "tree", rules=rules)
        assert tx.published.is_new is is_new

    assert decode(read(repository, keys).entry("tree/file").xattr)["user.one"] == b"changed"


def test_attribute_that_is_too_long_is_refused_with_its_file(
    repository: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    tree = _tree_with_attributes(tmp_path / "tree")
    os.setxattr(tree / "file", "user.long", b"v" * 300)

    with (
        pytest.raises(RepositoryError, match=r"tree/file: .*user\.long has 300 bytes"),
        transaction(repository, keys, at=AT, message="long") as tx,
    ):
        tx.put_tree(tree, "tree", rules=TreeRules(xattrs=True))


def test_capabilities_are_kept_or_their_loss_is_said(
    repository: Repository,
    keys: RepositoryKeys,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tree").mkdir()
    ping = tmp_path / "tree" / "ping"
    ping.write_text("a program\n")
    ping.chmod(0o755)
    # an ordinary user cannot give a program capabilities, so another attribute stands for them
    monkeypatch.setattr("cvmfs.format.xattrs.CAPABILITY", "user.capability")
    os.setxattr(ping, "user.capability", CAPABILITIES)

    with caplog.at_level(logging.WARNING), transaction(repository, keys, at=AT) as tx:
        tx.put_tree(tmp_path / "tree", "with", rules=TreeRules(xattrs=True))
        assert caplog.records == []
        tx.put_tree(tmp_path / "tree", "without")

    assert "1 programs in" in caplog.text
    assert str(ping) in caplog.text
    reader = read(repository, keys)
    assert decode(reader.entry("with/ping").xattr) == attributes_of(ping)
    assert reader.entry("without/ping").xattr is None


def _tree_with_attributes(tree: Path) -> Path:
    (tree / "directory").mkdir(parents=True)
    (tree / "file").write_text("content\n")
    (tree / "plain").write_text("content\n")
    os.setxattr(tree, "user.tree", b"root")
    os.setxattr(tree / "directory", "user.kind", b"directory")
    os.setxattr(tree / "file", "user.one", b"1")
    os.setxattr(tree / "file", "user.two", b"\0\xff")
    return tree
