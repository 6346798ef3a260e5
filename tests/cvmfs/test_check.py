# SPDX-License-Identifier: BSD-3-Clause
"""A catalog is broken on purpose in one place, published with right hashes and signatures, and found out."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cvmfs.check import check
from cvmfs.hashes import ContentHash, Suffix, object_path
from cvmfs.keys import RepositoryKeys
from cvmfs.manifest import sign_manifest
from cvmfs.repository import Repository
from tests.cvmfs.samples import flip_byte, object_file, read


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
    ],
    ids=[
        "own counter", "subtree counter", "missing counter", "directory link count",
        "hard link count", "chunk offset", "size", "transition", "root flag", "nested list",
        "symlink flag", "symlink size", "no hash", "dangling row", "sparse rowids", "root prefix",
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
