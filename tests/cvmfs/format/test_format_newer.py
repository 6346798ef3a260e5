# SPDX-License-Identifier: BSD-3-Clause
"""The newer parts of the format, taken apart with sqlite3, zlib and openssl, without the writer's code.

The repository has SHAKE-128 names, extended attributes, catalogs that were split for their size, files
that are cut by content, and a key that was replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core import process
from cvmfs.format.chunking import ContentCuts
from cvmfs.format.hashes import Algorithm
from cvmfs.format.keys import RepositoryKeys, load_keys
from cvmfs.format.metainfo import Metainfo
from cvmfs.publishing.describe import describe
from cvmfs.publishing.local_tree import TreeRules
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import create_repository
from cvmfs.publishing.rotation import rotate
from cvmfs.publishing.splitting import CatalogSizes
from tests.cvmfs.samples import AT, FQRN, LATER

ENDING = "-shake128"
LARGE = random.Random(0).randbytes(500_000)


@dataclass
class Parts:
    """A repository taken apart: the lines of its manifest, its catalogs by mountpoint."""

    folder: Path
    keys: Path
    manifest: dict[str, str]
    catalogs: dict[str, sqlite3.Connection] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[str, sqlite3.Row]]:
        """Return the rows of all catalogs, with the mountpoints of those."""
        for mountpoint, db in self.catalogs.items():
            for row in db.execute("SELECT * FROM catalog"):
                yield mountpoint, row

    def stored(self, digest: str, suffix: str) -> bytes:
        """Return an object's bytes, which have to have its hash."""
        content = (self.folder / "data" / digest[:2] / f"{digest[2:]}{ENDING}{suffix}").read_bytes()
        assert hashlib.shake_128(content).hexdigest(20) == digest
        return content


@pytest.fixture(name="parts", scope="module")
def _parts(keys: RepositoryKeys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    folder = tmp_path_factory.mktemp("newer")
    own = shutil.copytree(keys.public_key.parent, folder / "keys")
    repository = create_repository(
        folder / "repository", load_keys(own, FQRN), at=AT, algorithm=Algorithm.SHAKE128
    )
    for directory in ("one", "two", "three"):
        (folder / "tree" / directory).mkdir(parents=True)
        for number in range(12):
            (folder / "tree" / directory / f"{number:02}").write_text(f"{directory} {number}\n")
    (folder / "tree" / "large.sif").write_bytes(LARGE)
    os.setxattr(folder / "tree" / "one" / "00", "user.b", b"\x00\x01")
    os.setxattr(folder / "tree" / "one" / "00", "user.a", b"first")
    os.setxattr(folder / "tree" / "two", "user.kind", b"")
    with transaction(
        repository, load_keys(own, FQRN), at=AT, sizes=CatalogSizes(30, 8),
        cutter=lambda _: ContentCuts(1 << 16),
    ) as tx:  # fmt: skip
        tx.put_tree(folder / "tree", "tree", rules=TreeRules(xattrs=True))
    describe(repository, load_keys(own, FQRN), Metainfo(email="a@b"), at=LATER)
    rotate(repository, own, at=LATER)

    text = (repository.folder / ".cvmfspublished").read_bytes().partition(b"--\n")[0].decode()
    parts = Parts(repository.folder, own, {line[0]: line[1:] for line in text.splitlines()})
    _open(parts, "", parts.manifest["C"], int(parts.manifest["B"]))
    yield parts
    for db in parts.catalogs.values():
        db.close()


def _open(parts: Parts, mountpoint: str, name: str, size: int) -> None:
    digest, dash, ending = name.partition("-")
    assert dash + ending == ENDING
    content = zlib.decompress(parts.stored(digest, "C"))
    assert len(content) == size
    db = parts.catalogs[mountpoint] = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    db.deserialize(content)
    for path, nested, nested_size in db.execute("SELECT path, sha1, size FROM nested_catalogs"):
        _open(parts, path, nested, nested_size)


def test_every_hash_says_its_algorithm(parts: Parts) -> None:
    assert {name[-9:] for name in (parts.manifest[letter] for letter in "CXHMY")} == {ENDING}
    for path in (parts.folder / "data").glob("??/*"):
        assert path.name[38:47] == ENDING
        assert path.name[47:] in ("", "C", "H", "X", "M", "P")
    for _, row in parts.rows():
        is_file = row["mode"] >> 12 == 0o10
        assert (row["flags"] >> 8) & 7 == (2 if is_file else 0)


def test_contents_are_found_by_the_hashes_of_rows(parts: Parts) -> None:
    contents: dict[str, bytes] = {}
    for mountpoint, row in parts.rows():
        if row["mode"] >> 12 != 0o10:
            continue
        chunks = (
            parts.catalogs[mountpoint]
            .execute(
                "SELECT offset, size, hash FROM chunks WHERE md5path_1 = ? AND md5path_2 = ? ORDER BY offset",
                tuple(row[:2]),
            )
            .fetchall()
        )
        if row["hash"] is not None:
            contents[f"{mountpoint}/{row['name']}"] = zlib.decompress(
                parts.stored(row["hash"].hex(), "")
            )
            continue
        assert row["flags"] == 4 | 64 | 2 << 8 | 1 << 11
        pieces = [parts.stored(digest.hex(), "P") for _, _, digest in chunks]
        assert [size for _, size, _ in chunks] == list(map(len, pieces))
        assert len(pieces) > 2
        assert len({len(piece) for piece in pieces}) > 2  # cut by content
        contents[row["name"]] = b"".join(pieces)
    assert contents["large.sif"] == LARGE
    assert contents["/tree/two/03"] == b"two 3\n"
    assert contents["/tree/two/.cvmfscatalog"] == b""


def test_attributes_are_packed_as_clients_unpack_them(parts: Parts) -> None:
    blobs = {row["name"]: row["xattr"] for _, row in parts.rows() if row["xattr"] is not None}

    assert blobs == {
        "00": struct.pack("BB", 1, 2)
        + struct.pack("BB6s5s", 6, 5, b"user.a", b"first")
        + struct.pack("BB6s2s", 6, 2, b"user.b", b"\0\1"),
        "two": struct.pack("BB", 1, 1) + struct.pack("BB9s", 9, 0, b"user.kind"),
    }
    counted = 0
    for mountpoint, db in parts.catalogs.items():
        own = db.execute("SELECT count(*) FROM catalog WHERE xattr IS NOT NULL").fetchone()[0]
        said = dict(map(tuple, db.execute("SELECT counter, value FROM statistics")))
        assert said["self_xattr"] == own, mountpoint
        counted += own
    root = dict(map(tuple, parts.catalogs[""].execute("SELECT counter, value FROM statistics")))
    assert root["self_xattr"] + root["subtree_xattr"] == counted == 3  # a mountpoint counts twice


def test_catalogs_that_were_split_are_marked_as_by_the_genuine_publisher(parts: Parts) -> None:
    assert len(parts.catalogs) == 3
    for mountpoint, db in parts.catalogs.items():
        names = [row["name"] for row in db.execute("SELECT name FROM catalog")]
        assert len(names) <= 30
        markers = [name for name in names if name.startswith(".cvmfs")]
        expected = [".cvmfsautocatalog", ".cvmfscatalog"] if mountpoint else []
        assert sorted(markers) == expected, mountpoint


def test_reflog_holds_every_object_that_a_manifest_named(parts: Parts) -> None:
    content = (parts.folder / ".cvmfsreflog").read_bytes()
    assert hashlib.shake_128(content).hexdigest(20) + ENDING == parts.manifest["Y"]
    db = sqlite3.connect(":memory:")
    db.deserialize(content)

    found = set(map(tuple, db.execute("SELECT hash, type FROM refs")))

    db.close()
    stored = {
        (path.parent.name + path.name[:-1], "CXHM".index(path.name[-1]))
        for path in (parts.folder / "data").glob("??/*[CXHM]")
    }
    roots = {(digest, kind) for digest, kind in found if kind == 0}
    assert {one for one in stored if one[1]} == found - roots
    assert (parts.manifest["C"], 0) in roots
    assert len(roots) == 2


def test_description_is_the_json_that_monitors_read(parts: Parts) -> None:
    digest = parts.manifest["M"].partition("-")[0]

    assert json.loads(zlib.decompress(parts.stored(digest, "M"))) == {"email": "a@b"}


@pytest.mark.needs("openssl")
def test_openssl_accepts_the_new_key_by_the_whitelist(parts: Parts, tmp_path: Path) -> None:
    text, _, rest = (parts.folder / ".cvmfswhitelist").read_bytes().partition(b"--\n")
    printed, _, signature = rest.partition(b"\n")
    (tmp_path / "signature").write_bytes(signature)
    recovered = process.run(
        ["openssl", "pkeyutl", "-verifyrecover", "-pubin", "-inkey", parts.keys / f"{FQRN}.pub",
         "-in", tmp_path / "signature"],
        reason="recover",
    ).stdout  # fmt: skip
    assert recovered == printed.decode() == hashlib.shake_128(text).hexdigest(20) + ENDING

    certificate = zlib.decompress(parts.stored(parts.manifest["X"].partition("-")[0], "X"))
    (tmp_path / "certificate").write_bytes(certificate)
    process.run(
        ["openssl", "x509", "-in", tmp_path / "certificate", "-outform", "DER", "-out", tmp_path / "der"],
        reason="convert",
    )  # fmt: skip
    digest = hashlib.shake_128((tmp_path / "der").read_bytes()).hexdigest(20).upper()
    lines = text.decode().splitlines()
    assert lines[3] == ":".join(digest[at : at + 2] for at in range(0, 40, 2)) + "-SHAKE128"
    assert len(lines) == 5

    text, _, rest = (parts.folder / ".cvmfspublished").read_bytes().partition(b"--\n")
    printed, _, signature = rest.partition(b"\n")
    assert printed.decode() == hashlib.shake_128(text).hexdigest(20) + ENDING
    (tmp_path / "hash").write_bytes(printed)
    (tmp_path / "signature").write_bytes(signature)
    public = process.run(
        ["openssl", "x509", "-in", tmp_path / "certificate", "-pubkey", "-noout"], reason="get the key"
    ).stdout  # fmt: skip
    (tmp_path / "public").write_text(public)
    done = process.run(
        ["openssl", "dgst", "-sha1", "-verify", tmp_path / "public", "-signature", tmp_path / "signature",
         tmp_path / "hash"],
        reason="verify",
    )  # fmt: skip
    assert done.stdout.strip() == "Verified OK"
