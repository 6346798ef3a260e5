# SPDX-License-Identifier: BSD-3-Clause
"""The published files, taken apart with zlib and sqlite3 alone, without the writer's code."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import create_repository
from tests.cvmfs.samples import AT, LATER, make_odd_tree, publish_tree

CATALOG_TABLES = {
    "bind_mountpoints": "CREATE TABLE bind_mountpoints (path TEXT, sha1 TEXT, size INTEGER, "
    "CONSTRAINT pk_bind_mountpoints PRIMARY KEY (path))",
    "catalog": "CREATE TABLE catalog (md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, "
    "parent_2 INTEGER, hardlinks INTEGER, hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, "
    "mtimens INTEGER, flags INTEGER, name TEXT, symlink TEXT, uid INTEGER, gid INTEGER, xattr BLOB,  "
    "CONSTRAINT pk_catalog PRIMARY KEY (md5path_1, md5path_2))",
    "chunks": "CREATE TABLE chunks (md5path_1 INTEGER, md5path_2 INTEGER, offset INTEGER, "
    "size INTEGER,  hash BLOB,  CONSTRAINT pk_chunks PRIMARY KEY (md5path_1, md5path_2, offset, size),  "
    "FOREIGN KEY (md5path_1, md5path_2) REFERENCES    catalog(md5path_1, md5path_2))",
    "idx_catalog_parent": "CREATE INDEX idx_catalog_parent ON catalog (parent_1, parent_2)",
    "nested_catalogs": "CREATE TABLE nested_catalogs (path TEXT, sha1 TEXT, size INTEGER, "
    "CONSTRAINT pk_nested_catalogs PRIMARY KEY (path))",
    "properties": "CREATE TABLE properties (key TEXT, value TEXT, "
    "CONSTRAINT pk_properties PRIMARY KEY (key))",
    "statistics": "CREATE TABLE statistics (counter TEXT, value INTEGER, "
    "CONSTRAINT pk_statistics PRIMARY KEY (counter))",
}
COUNTERS = (
    "regular", "symlink", "special", "dir", "nested", "chunked", "chunks", "file_size",
    "chunked_size", "xattr", "external", "external_file_size",
)  # fmt: skip


@dataclass
class Taken:
    """A repository taken apart: catalogs by mountpoint, each as its rows."""

    storage: Path
    manifest: dict[str, str]
    catalogs: dict[str, sqlite3.Connection] = field(default_factory=dict)
    totals: dict[str, Counter[str]] = field(default_factory=dict)


def stored(storage: Path, digest: str, suffix: str) -> bytes:
    """Return an object's bytes, which have to have its hash."""
    content = (storage / "data" / digest[:2] / (digest[2:] + suffix)).read_bytes()
    assert hashlib.sha1(content).hexdigest() == digest
    return content


def md5(path: str) -> tuple[int, ...]:
    return struct.unpack("<qq", hashlib.md5(path.encode("utf-8", "surrogateescape")).digest())


def take_apart(storage: Path) -> Taken:
    text, _, _ = (storage / ".cvmfspublished").read_bytes().partition(b"--\n")
    manifest = {line[:1]: line[1:] for line in text.decode().splitlines()}
    taken = Taken(storage, manifest)
    _open(taken, "", manifest["C"], int(manifest["B"]))
    return taken


def _open(taken: Taken, mountpoint: str, digest: str, size: int) -> None:
    content = zlib.decompress(stored(taken.storage, digest, "C"))
    assert len(content) == size
    assert content[18:20] == b"\x01\x01", "rollback journal"
    assert struct.unpack(">H", content[16:18])[0] == 4096, "page size"
    assert struct.unpack(">I", content[56:60])[0] == 1, "UTF-8"
    db = sqlite3.connect(":memory:")
    db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    db.row_factory = sqlite3.Row
    db.deserialize(content)
    taken.catalogs[mountpoint] = db
    for path, nested, nested_size in db.execute("SELECT path, sha1, size FROM nested_catalogs"):
        _open(taken, path, nested, nested_size)


@pytest.fixture(name="taken", scope="module")
def _taken(keys: RepositoryKeys, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """Take apart a repository with a history of changes behind it and three levels of catalogs."""
    folder = tmp_path_factory.mktemp("format")
    repository = create_repository(folder / "repository", keys, at=AT)
    odd_tree = make_odd_tree(folder / "tree")
    (odd_tree / "with spaces" / ".cvmfscatalog").touch()
    publish_tree(repository, keys, odd_tree, "images/odd/1.0", nest=True)
    publish_tree(repository, keys, odd_tree, "images/odd/2.0", nest=True, at=LATER)
    with transaction(repository, keys, at=LATER, message="changes") as tx:
        tx.nest("images/odd")
        tx.remove("images/odd/1.0/with spaces/deeper")
        tx.remove("images/odd/1.0/linked/two")
        tx.remove("images/odd/2.0/with spaces")
        tx.put_bytes(b"late\n", "stable/catalog/late.json")
        tx.put_bytes(b"late\n", "images/odd/2.0/late.sif")
    return take_apart(repository.folder)


def rows(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute("SELECT * FROM catalog").fetchall()


def test_catalogs_have_the_genuine_tables(taken: Taken) -> None:
    assert set(taken.catalogs) == {
        "", "/images/odd", "/images/odd/1.0", "/images/odd/1.0/with spaces", "/images/odd/2.0",
    }  # fmt: skip
    for db in taken.catalogs.values():
        tables = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        assert dict(map(tuple, tables)) == CATALOG_TABLES


def test_databases_are_whole_and_hold_the_types_that_clients_expect(taken: Taken) -> None:
    for db in taken.catalogs.values():
        assert tuple(db.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        types = db.execute(
            "SELECT DISTINCT typeof(name), typeof(symlink), typeof(size), typeof(mode), typeof(mtime), "
            "typeof(hardlinks), typeof(flags), typeof(uid), typeof(xattr) FROM catalog"
        ).fetchall()
        assert [tuple(row) for row in types] == [
            (
                "text",
                "text",
                "integer",
                "integer",
                "integer",
                "integer",
                "integer",
                "integer",
                "null",
            )
        ]
        lengths = db.execute(
            "SELECT DISTINCT length(hash), typeof(hash) FROM catalog WHERE hash NOT NULL"
        )
        assert {tuple(row) for row in lengths} <= {(20, "blob")}
        nested = db.execute(
            "SELECT DISTINCT typeof(path), typeof(sha1), typeof(size) FROM nested_catalogs"
        )
        assert {tuple(row) for row in nested} <= {("text", "text", "integer")}


def test_properties_are_complete(taken: Taken) -> None:
    for mountpoint, db in taken.catalogs.items():
        properties = dict(map(tuple, db.execute("SELECT key, value FROM properties")))
        assert properties["schema"] == "2.5"
        assert properties["schema_revision"] == "7"
        assert properties["last_modified"].isdigit()
        assert len(properties["previous_revision"]) == 40
        assert properties.get("root_prefix", "") == mountpoint
        assert ("TTL" in properties) == (not mountpoint)
    root = dict(map(tuple, taken.catalogs[""].execute("SELECT key, value FROM properties")))
    assert root["revision"] == taken.manifest["S"] == "4"


def test_rows_are_dense_and_keyed_by_md5(taken: Taken) -> None:
    for mountpoint, db in taken.catalogs.items():
        numbers = [row[0] for row in db.execute("SELECT rowid FROM catalog ORDER BY rowid")]
        assert numbers == list(range(1, len(numbers) + 1))
        names = {tuple(row[:2]): row for row in rows(db)}
        for row in rows(db):
            key, parent = tuple(row[:2]), tuple(row[2:4])
            if mountpoint == "" and row["name"] == "":
                assert (key, parent) == (md5(""), (0, 0))
            elif key == md5(mountpoint):
                assert parent == md5(mountpoint.rpartition("/")[0])
            else:
                assert key == md5(_path(names, row, mountpoint))


def _path(names: dict[tuple[Any, ...], sqlite3.Row], row: sqlite3.Row, mountpoint: str) -> str:
    """Return the path of a row by going up to the mountpoint; a dangling row raises KeyError."""
    path = ""
    while tuple(row[:2]) != md5(mountpoint):
        path = f"/{row['name']}{path}"
        row = names[tuple(row[2:4])]
    return mountpoint + path


def test_flags_hashes_and_sizes_fit_the_mode(taken: Taken) -> None:
    for mountpoint, db in taken.catalogs.items():
        nested = {path for (path,) in db.execute("SELECT path FROM nested_catalogs")}
        names = {tuple(row[:2]): row for row in rows(db)}
        for row in rows(db):
            path = (
                mountpoint if tuple(row[:2]) == md5(mountpoint) else _path(names, row, mountpoint)
            )
            kind, flags = row["mode"] >> 12, row["flags"]
            assert row["symlink"] is not None
            assert row["xattr"] is None
            match kind:
                case 0o04:
                    own = 33 if path == mountpoint and mountpoint else 1
                    assert flags == (3 if path in nested else own)
                    assert (row["hash"], row["size"]) == (None, 4096)
                case 0o12:
                    assert flags == 12
                    assert row["hash"] is None
                    assert row["size"] == len(row["symlink"].encode())
                case 0o01:
                    assert (flags, row["hash"], row["size"]) == (20, None, 0)
                case 0o10:
                    chunked = row["hash"] is None
                    is_raw = row["name"].endswith(".sif")
                    assert flags == 4 + (64 if chunked else 0) + (2048 if is_raw else 0)
                case _:
                    pytest.fail(f"unexpected mode {row['mode']:o}")


def test_contents_are_what_the_rows_say(taken: Taken) -> None:
    for db in taken.catalogs.values():
        for row in rows(db):
            if row["mode"] >> 12 != 0o10:
                continue
            pieces = db.execute(
                "SELECT offset, size, hash FROM chunks WHERE md5path_1=? AND md5path_2=? ORDER BY offset",
                tuple(row[:2]),
            ).fetchall()
            if row["hash"] is not None:
                assert pieces == []
                content = stored(taken.storage, row["hash"].hex(), "")
                content = content if row["flags"] & 2048 else zlib.decompress(content)
                assert len(content) == row["size"]
                continue
            end = 0
            for offset, size, digest in pieces:
                assert offset == end
                assert len(zlib.decompress(stored(taken.storage, digest.hex(), "P"))) == size
                end += size
            assert end == row["size"]
            assert len(pieces) > 1


def test_nested_transitions_are_equal_but_for_flags(taken: Taken) -> None:
    for mountpoint, db in taken.catalogs.items():
        markers = [row for row in rows(db) if row["name"] == ".cvmfscatalog"]
        assert len(markers) == (1 if mountpoint else 0)
        if not mountpoint:
            continue
        assert tuple(markers[0][2:4]) == md5(mountpoint)
        assert markers[0]["hash"].hex() == "e8ec3d88b62ebf526e4e5a4ff6162a3aa48a6b78"
        parent = max(
            (other for other in taken.catalogs if mountpoint.startswith(other + "/") or not other),
            key=lambda other: len(other) if other != mountpoint else -1,
        )
        above = taken.catalogs[parent].execute(
            "SELECT * FROM catalog WHERE md5path_1=? AND md5path_2=?", md5(mountpoint)
        )
        here = db.execute(
            "SELECT * FROM catalog WHERE md5path_1=? AND md5path_2=?", md5(mountpoint)
        )
        first, second = dict(above.fetchone()), dict(here.fetchone())
        assert (first.pop("flags"), second.pop("flags")) == (3, 33)
        assert first == second
        children = taken.catalogs[parent].execute(
            "SELECT count(*) FROM catalog WHERE parent_1=? AND parent_2=?", md5(mountpoint)
        )
        assert children.fetchone()[0] == 0


def test_link_counts_are_exact(taken: Taken) -> None:
    for mountpoint, db in taken.catalogs.items():
        below: Counter[tuple[Any, ...]] = Counter()
        groups: dict[int, list[sqlite3.Row]] = defaultdict(list)
        for row in rows(db):
            if row["flags"] & 1 and not (row["flags"] & 32 or row["name"] == ""):
                below[tuple(row[2:4])] += 1
            if row["hardlinks"] >> 32:
                groups[row["hardlinks"] >> 32].append(row)
        for row in rows(db):
            count = row["hardlinks"] & 0xFFFFFFFF
            if row["flags"] & 1 and not row["flags"] & 2:
                assert count == 2 + below[tuple(row[:2])], (mountpoint, row["name"])
            elif not row["flags"] & 1 and not row["hardlinks"] >> 32:
                assert count == 1
        for members in groups.values():
            assert {row["hardlinks"] & 0xFFFFFFFF for row in members} == {len(members)}
            assert len({tuple(row[2:4]) for row in members}) == 1
            assert len({tuple(row[4:11]) for row in members}) == 1


def test_all_24_counters_are_exact(taken: Taken) -> None:
    own: dict[str, Counter[str]] = {}
    for mountpoint, db in taken.catalogs.items():
        counted: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        for row in rows(db):
            kind = {0o04: "dir", 0o12: "symlink", 0o10: "regular"}.get(row["mode"] >> 12, "special")
            counted[kind] += 1
            if kind == "regular":
                counted["file_size"] += row["size"]
                if row["hash"] is None:
                    counted["chunked"] += 1
                    counted["chunked_size"] += row["size"]
        counted["chunks"] = db.execute("SELECT count(*) FROM chunks").fetchone()[0]
        counted["nested"] = db.execute("SELECT count(*) FROM nested_catalogs").fetchone()[0]
        own[mountpoint] = counted

    for mountpoint, db in taken.catalogs.items():
        expected = {f"self_{name}": own[mountpoint][name] for name in COUNTERS}
        for name in COUNTERS:
            expected[f"subtree_{name}"] = sum(
                counted[name]
                for other, counted in own.items()
                if other.startswith(mountpoint + "/")
            )
        found = dict(map(tuple, db.execute("SELECT counter, value FROM statistics")))
        assert found == expected, mountpoint
    assert sum(own[""].values()) > 0


def test_store_has_the_folders_and_files_of_a_genuine_one(taken: Taken) -> None:
    names = sorted(path.name for path in (taken.storage / "data").iterdir())

    assert names == sorted([f"{number:02x}" for number in range(256)] + ["txn"])
    assert list((taken.storage / "data" / "txn").iterdir()) == []
    assert (taken.storage / ".cvmfs_master_replica").exists()
    assert (
        zlib.decompress(stored(taken.storage, "e8ec3d88b62ebf526e4e5a4ff6162a3aa48a6b78", ""))
        == b""
    )
    for path in (taken.storage / "data").glob("??/*"):
        digest = path.parent.name + path.name[:38]
        assert hashlib.sha1(path.read_bytes()).hexdigest() == digest
        assert path.name[38:] in ("", "C", "H", "X", "M", "P")


def test_manifest_refers_to_objects_that_are_there(taken: Taken) -> None:
    assert list(taken.manifest) == list("CBRDSGANXHTMY")
    assert zlib.decompress(stored(taken.storage, taken.manifest["X"], "X")).startswith(
        b"-----BEGIN"
    )
    assert zlib.decompress(stored(taken.storage, taken.manifest["M"], "M")).strip() == b"{}"
    assert taken.manifest["T"] == str(int(LATER.timestamp()))


def test_history_is_a_genuine_tag_database(taken: Taken) -> None:
    db = sqlite3.connect(":memory:")
    db.deserialize(zlib.decompress(stored(taken.storage, taken.manifest["H"], "H")))

    properties = dict(db.execute("SELECT key, value FROM properties"))
    assert properties["schema"] == "1.0"
    assert properties["schema_revision"] == "3"
    assert properties["fqrn"] == taken.manifest["N"]
    assert db.execute("SELECT * FROM branches").fetchall() == [("", None, 0)]
    assert db.execute("SELECT count(*) FROM recycle_bin").fetchone() == (0,)
    tags = db.execute(
        "SELECT name, revision, channel, description, branch FROM tags ORDER BY revision, name"
    ).fetchall()
    assert tags == [
        (f"generic-{AT:%Y-%m-%dT%H:%M:%SZ}", 1, 0, "new repository", ""),
        (f"generic-{AT:%Y-%m-%dT%H:%M:%SZ}-2", 2, 0, "put images/odd/1.0", ""),
        (f"generic-{LATER:%Y-%m-%dT%H:%M:%SZ}", 3, 0, "put images/odd/2.0", ""),
        ("trunk-previous", 3, 0, "default undo target", ""),
        (f"generic-{LATER:%Y-%m-%dT%H:%M:%SZ}-4", 4, 0, "changes", ""),
        ("trunk", 4, 0, "current HEAD", ""),
    ]
    for digest, size in db.execute("SELECT hash, size FROM tags"):
        assert len(zlib.decompress(stored(taken.storage, digest, "C"))) == size
    db.close()
