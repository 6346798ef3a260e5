# SPDX-License-Identifier: BSD-3-Clause
"""A catalog is broken on purpose in one place, published with right hashes and signatures, and found out."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cvmfs.checking.check import check
from cvmfs.format.hashes import ContentHash, Suffix, object_path
from cvmfs.format.history import Branch, Tag, history_object
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import Manifest, sign_manifest
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import LATER, flip_byte, object_file, read


@pytest.fixture(name="broken")
def _broken(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> Callable[[str, str], list[str]]:
    """Give a function that changes the nested catalog with SQL, and the root's with other SQL, and checks."""

    def rewrite(content: bytes, sql: str) -> tuple[str, int]:
        file = tmp_path / "catalog.db"
        file.write_bytes(content)
        db = sqlite3.connect(file)
        db.executescript(sql)
        db.close()
        stored = published.store.put_file(file, Suffix.CATALOG)
        published.storage.make_durable()
        return stored.content_hash, file.stat().st_size

    def run(nested_sql: str, root_sql: str) -> list[str]:
        reader = read(published, keys)
        nested = reader.nested_catalog_with("odd")
        contents = reader.location.contents
        digest, size = rewrite(
            contents.decompressed(nested.content_hash, Suffix.CATALOG), nested_sql
        )
        attach = f"UPDATE nested_catalogs SET sha1 = '{digest}', size = {size};"
        root, root_size = rewrite(
            contents.decompressed(reader.root_hash, Suffix.CATALOG), attach + root_sql
        )
        manifest = replace(
            reader.manifest,
            root_hash=type(reader.root_hash)(root),
            root_size=root_size,
            history=None,
        )
        (published.folder / ".cvmfspublished").write_bytes(
            sign_manifest(manifest, keys.repository_key)
        )
        return [str(finding) for finding in check(read(published, keys)).findings]

    return run


def test_sound_repository_has_no_findings(published: Repository, keys: RepositoryKeys) -> None:
    report = check(read(published, keys))

    assert report.is_sound
    assert (report.catalogs, report.revision) == (2, 2)
    assert report.entries == 21
    assert (
        report.stored_bytes
        == sum(path.stat().st_size for path in (published.folder / "data").glob("??/*"))
        - object_file(published, _first_history(published), Suffix.HISTORY).stat().st_size
    )


def _first_history(published: Repository) -> ContentHash:
    history = zlib.decompress(
        published.stored_object(published.manifest.history, Suffix.HISTORY)  # type: ignore[arg-type]
    )
    db = sqlite3.connect(":memory:")
    db.deserialize(history)
    found = db.execute("SELECT value FROM properties WHERE key = 'previous_revision'").fetchone()[0]
    db.close()
    return ContentHash(found)


def test_unbroken_repository_passes_the_same_way(
    broken: Callable[[str, str], list[str]],
) -> None:
    assert broken("", "") == []


@pytest.mark.parametrize(
    ("nested_sql", "root_sql", "expected"),
    [
        (
            "UPDATE statistics SET value = 99 WHERE counter = 'self_symlink'",
            "",
            ["/odd: statistics: self_symlink is 99, counted are 2",
             "/: statistics: subtree_symlink is 2, counted are 99"],
        ),
        (
            "",
            "UPDATE statistics SET value = 0 WHERE counter = 'subtree_chunks'",
            ["/: statistics: subtree_chunks is 0, counted are 3"],
        ),
        (
            "DELETE FROM statistics WHERE counter = 'self_xattr'",
            "",
            ["/odd: catalogs: ", "/: statistics: subtree_regular is 12, counted are 0"],
        ),
        (
            "UPDATE catalog SET hardlinks = 5 WHERE name = 'with spaces'",
            "",
            ["/odd/with spaces: rows: has the link count 5, not 3"],
        ),
        (
            "UPDATE catalog SET hardlinks = (hardlinks & ~0xffffffff) | 2 WHERE name = 'three'",
            "",
            ["/odd/linked/three: rows: has the link count 2; 3 names of it are in /odd/linked",
             "/odd/linked/three: rows: is a hard link of one and differs"],
        ),
        (
            "UPDATE chunks SET offset = offset + 1 WHERE offset = 4194304",
            "",
            ["/odd/large.bin: chunks: a chunk begins at 4194305, not at 4194304",
             "/odd/large.bin: chunks: a chunk begins at 8388608, not at 8388609"],
        ),
        (
            "UPDATE catalog SET size = size + 1 WHERE name = 'script.sh';"
            "UPDATE statistics SET value = value + 1 WHERE counter = 'self_file_size'",
            "UPDATE statistics SET value = value + 1 WHERE counter = 'subtree_file_size'",
            ["/odd/script.sh: objects: data/"],
        ),
        (
            "UPDATE catalog SET mtime = mtime + 1 WHERE flags & 32",
            "",
            ["/odd: nesting: differs in the two catalogs"],
        ),
        (
            "UPDATE catalog SET flags = 1 WHERE flags = 33",
            "",
            ["/odd: nesting: the flag for the root of a nested catalog is wrong"],
        ),
        (
            "",
            "UPDATE catalog SET name = '.cvmfscatalog', flags = 3 WHERE 0;"
            "DELETE FROM nested_catalogs",
            ["/: statistics: self_nested is 1, counted are 0"],
        ),
        (
            "UPDATE catalog SET flags = flags | 8 WHERE name = 'secret'",
            "",
            ["/odd: statistics: self_regular"],
        ),
        (
            "UPDATE catalog SET size = 1 WHERE name = 'dangling'",
            "",
            ["/odd/dangling: rows: has the size 1, its target 15"],
        ),
        (
            "UPDATE catalog SET hash = NULL WHERE name = 'secret'",
            "",
            ["/odd/secret: rows: has neither a hash nor chunks"],
        ),
        (
            "UPDATE catalog SET parent_1 = 7 WHERE name = 'secret'",
            "",
            ["/odd: catalogs: 20 rows, of which 19 are in a directory of it"],
        ),
        (
            "UPDATE catalog SET rowid = 1000 WHERE name = 'secret'",
            "",
            ["/odd: catalogs: 20 rows are numbered to 1000"],
        ),
        (
            "UPDATE properties SET value = '/other' WHERE key = 'root_prefix'",
            "",
            ["/odd: catalogs: "],
        ),
        ("CREATE TABLE more (x)", "", ["/odd: catalogs: more is not the table or index"]),
        ("DROP INDEX idx_catalog_parent", "", ["/odd: catalogs: idx_catalog_parent is not"]),
        ("UPDATE properties SET value = '1.0' WHERE key = 'schema'", "", ["/odd: catalogs: "]),
        (
            "UPDATE properties SET value = '8' WHERE key = 'schema_revision'",
            "",
            ["/odd: catalogs: the schema has the unknown revision 8"],
        ),
        (
            "UPDATE properties SET value = 'x' WHERE key = 'previous_revision'",
            "",
            ["/odd: catalogs: previous_revision: 'x' is not a content hash"],
        ),
        (
            "",
            "UPDATE properties SET value = '7' WHERE key = 'revision'",
            ["/: catalogs: the catalog is of revision 7, not 2"],
        ),
        (
            "UPDATE catalog SET hash = x'00' WHERE name = 'secret'",
            "",
            ["/odd: catalogs: 1 rows have a hash that is not 20 bytes"],
        ),
        (
            "UPDATE catalog SET name = 'a/b' WHERE name = 'secret'",
            "",
            ["/odd: catalogs: 1 rows have no name of a file"],
        ),
        (
            "UPDATE catalog SET uid = 'root' WHERE name = 'secret'",
            "",
            ["/odd: catalogs: 1 rows have a number that is none"],
        ),
        (
            "UPDATE catalog SET mtimens = 1000000000 WHERE name = 'secret'",
            "",
            ["/odd: catalogs: 1 rows have nanoseconds of more than a second"],
        ),
        (
            "INSERT INTO chunks VALUES (1, 2, 0, 5, zeroblob(20))",
            "",
            ["/odd: catalogs: 1 chunks belong to no chunked file"],
        ),
        (
            "UPDATE catalog SET md5path_1 = 5 WHERE name = 'secret'",
            "",
            ["/odd/secret: rows: has the flags None, not 4"],
        ),
        (
            "UPDATE catalog SET xattr = x'01' WHERE name = 'secret'",
            "",
            ["/odd/secret: rows: extended attributes"],
        ),
        (
            "UPDATE catalog SET xattr = x'0100' WHERE name = 'secret'",
            "",
            ["/odd/secret: rows: has a list of extended attributes with nothing in it"],
        ),
        (
            "UPDATE catalog SET symlink = '', size = 0 WHERE name = 'dangling'",
            "",
            ["/odd/dangling: rows: is a symlink without a target"],
        ),
        (
            "DELETE FROM catalog WHERE name = '.cvmfscatalog'",
            "",
            ["/odd: nesting: has no .cvmfscatalog"],
        ),
    ],
    ids=[
        "own counter", "subtree counter", "missing counter", "directory link count",
        "hard link count", "chunk offset", "size", "transition", "root flag", "nested list",
        "symlink flag", "symlink size", "no hash", "dangling row", "sparse rowids", "root prefix",
        "more tables", "index", "schema", "schema revision", "previous revision", "revision", "hash length",
        "name", "number", "nanoseconds", "stray chunk", "key", "attributes", "no attributes", "no target",
        "no marker",
    ],
)  # fmt: skip
def test_broken_rule_is_found(
    broken: Callable[[str, str], list[str]], nested_sql: str, root_sql: str, expected: list[str]
) -> None:
    found = broken(nested_sql, root_sql)

    missed = [text for text in expected if not any(line.startswith(text) for line in found)]
    assert (missed, found) == ([], found)


def test_flipped_byte_in_a_content_is_found(published: Repository, keys: RepositoryKeys) -> None:
    chunk = read(published, keys).entry("odd/large.bin").chunks[2]
    path = object_path(chunk.content_hash, Suffix.CHUNK)
    flip_byte(published.folder / path)

    findings = check(read(published, keys)).findings

    assert [(finding.rule, finding.where) for finding in findings] == [("objects", path)]
    assert check(read(published, keys), contents=False).is_sound


def test_missing_old_root_catalog_is_found(published: Repository, keys: RepositoryKeys) -> None:
    previous = read(published, keys).catalog_with("").previous
    (published.folder / object_path(previous, Suffix.CATALOG)).unlink()

    findings = check(read(published, keys)).findings

    assert [finding.where for finding in findings] == [object_path(previous, Suffix.CATALOG)]


def test_damaged_database_is_found(
    broken: Callable[[str, str], list[str]],
) -> None:
    found = broken(
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET rootpage = 1 WHERE name = 'idx_catalog_parent'",
        "",
    )

    assert any(line.startswith("/odd: catalogs: ") for line in found), found


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE catalog SET flags = flags | 0x8000 WHERE name = 'with spaces'",
        "UPDATE catalog SET flags = flags | 0x10000 WHERE name = 'secret'",
        "ALTER TABLE catalog DROP COLUMN mtimens; ALTER TABLE catalog ADD mtimens INTEGER",
    ],
    ids=["hidden", "direct", "upgraded"],
)
def test_what_the_genuine_publisher_may_write_is_sound(
    sql: str, broken: Callable[[str, str], list[str]]
) -> None:
    found = broken(sql, "")

    assert [line for line in found if ": reflog: " not in line and "differs in" not in line] == []


def test_every_revision_is_checked_when_asked(
    published: Repository, keys: RepositoryKeys, odd_tree: Path
) -> None:
    with transaction(published, keys, at=LATER) as tx:
        tx.put_bytes(b"short-lived\n", "short-lived")
    gone = read(published, keys).entry("short-lived").content_hash
    with transaction(published, keys, at=LATER) as tx:
        tx.remove("short-lived")
    assert gone is not None
    object_file(published, gone, Suffix.FILE).unlink()

    assert check(read(published, keys)).is_sound
    report = check(read(published, keys), all_revisions=True)

    assert [finding.where for finding in report.findings] == [object_path(gone, Suffix.FILE)]
    assert (report.revisions, report.catalogs) == (4, 5)


def test_storage_is_searched_for_what_does_not_belong_there(
    published: Repository, keys: RepositoryKeys
) -> None:
    storage = published.storage
    unused = published.store.put_compressed(b"nobody's\n", Suffix.FILE)
    storage.make_durable()
    (published.folder / "data" / "ab" / "README").write_text("?")

    report = check(read(published, keys), storage=storage)

    assert [str(finding) for finding in report.findings] == [
        "data/ab/README: storage: is no object"
    ]
    assert (report.unused_objects, report.unused_bytes) == (1, unused.size)
    assert check(read(published, keys)).unused_objects is None


def test_reflog_that_does_not_fit_is_found(published: Repository, keys: RepositoryKeys) -> None:
    reflog = published.folder / ".cvmfsreflog"
    content = reflog.read_bytes()
    flip_byte(reflog, 200)
    assert [finding.rule for finding in check(read(published, keys)).findings] == ["reflog"]
    reflog.unlink()
    assert "is missing" in check(read(published, keys)).findings[0].message
    reflog.write_bytes(content)

    def sign(manifest: Manifest) -> None:
        (published.folder / ".cvmfspublished").write_bytes(
            sign_manifest(manifest, keys.repository_key)
        )

    manifest = published.manifest
    sign(replace(manifest, reflog=None))
    assert "does not name it" in check(read(published, keys)).findings[0].message
    other = published.store.put_compressed(b"{}\n", Suffix.METAINFO).content_hash
    bad = published.store.put_compressed(b"[]\n", Suffix.METAINFO).content_hash
    published.storage.make_durable()
    sign(replace(manifest, metainfo=bad))
    assert [finding.rule for finding in check(read(published, keys)).findings] == [
        "metainfo", "reflog",
    ]  # fmt: skip
    assert other == manifest.metainfo


@pytest.mark.parametrize(
    ("tag", "branches", "expected"),
    [
        ({"branch": "side"}, (), "is on no branch side"),
        ({}, (Branch("side", "", 1),), "no tag is on the branch side"),
        ({"branch": "side"}, (Branch("side", "", 9),), "is older than its branch"),
        ({"branch": "side"}, (Branch("side", "", 1),), None),
        ({"root_size": 5}, (), "says 5 bytes of"),
        ({"name": "trunk", "revision": 1}, (), "the tag trunk is revision 1"),
    ],
)
def test_tags_that_do_not_fit_are_found(
    tag: dict[str, Any],
    branches: tuple[Branch, ...],
    expected: str | None,
    published: Repository,
    keys: RepositoryKeys,
) -> None:
    manifest = published.manifest
    sound = Tag("mine", manifest.root_hash, 2, manifest.published, "", manifest.root_size)
    history = published.store.put(
        _history([replace(sound, **tag)], branches, published.fqrn), Suffix.HISTORY
    )
    published.storage.make_durable()
    changed = replace(manifest, history=history.content_hash)
    (published.folder / ".cvmfspublished").write_bytes(sign_manifest(changed, keys.repository_key))

    found = [one for one in check(read(published, keys)).findings if one.rule == "history"]

    assert len(found) == (expected is not None)
    assert not expected or expected in found[0].message


def _history(tags: list[Tag], branches: tuple[Branch, ...], fqrn: str) -> bytes:
    """Return a history with exactly these branches; the writer leaves out those without a tag."""
    stored = zlib.decompress(history_object(tags, fqrn=fqrn, previous=None))
    db = sqlite3.connect(":memory:")
    db.deserialize(stored)
    db.executemany(
        "INSERT OR IGNORE INTO branches VALUES (?,?,?)",
        [(branch.name, branch.parent, branch.initial_revision) for branch in branches],
    )
    db.commit()
    content = db.serialize()
    db.close()
    return zlib.compress(content)
