# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import sqlite3
from pathlib import Path

from cvmfs.format.catalog import Catalog, NestedCatalog
from cvmfs.format.entries import Entry
from cvmfs.format.hashes import Algorithm, ContentHash, Suffix, empty_file, hash_of, object_path
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.statistics import Statistics
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import read

A, B = hash_of(b"a"), hash_of(b"b")


def test_catalogs_name_every_object_of_the_store(
    published: Repository, keys: RepositoryKeys
) -> None:
    found: set[str] = set()
    with read(published, keys) as reader:
        for path in ("", "odd"):
            nested = reader.nested_catalog_with(path)
            found.add(object_path(nested.content_hash, Suffix.CATALOG))
            found |= {object_path(*name) for name in reader.catalog(nested).objects()}

    there = {
        str(file.relative_to(published.folder))
        for file in published.folder.glob("data/??/*")
        if file.name[-1] not in "XHM"
    }
    old_root = {path for path in there - found if path.endswith("C")}
    assert found <= there
    assert there - found == old_root  # that of revision 1
    assert len(old_root) == 1
    assert object_path(empty_file(Algorithm.SHA1), Suffix.FILE) in found


def test_genuine_catalog_has_objects_of_other_kinds(tmp_path: Path) -> None:
    """A bulk hash beside chunks, a file that is stored elsewhere, a catalog at a second place."""
    catalog = Catalog.open(_made_elsewhere(tmp_path / "catalog"))

    assert set(catalog.objects()) == {(A, Suffix.FILE), (B, Suffix.CHUNK)}
    assert catalog.bound() == (NestedCatalog("second", A, 7),)
    catalog.close()


def test_second_places_stay_when_a_catalog_is_written_again(tmp_path: Path) -> None:
    root = Entry(path="", mode=0o040755, size=4096, mtime=0, link_count=2)
    Catalog.create(tmp_path / "genuine", root).close()
    with sqlite3.connect(tmp_path / "genuine") as db:
        db.execute("INSERT INTO bind_mountpoints VALUES ('/second', ?, 7)", (A,))
        db.execute("INSERT INTO properties VALUES ('schema_revision', '7')")
    db.close()
    catalog = Catalog.open(tmp_path / "genuine")

    catalog.write(tmp_path / "written", {"schema_revision": "7"}, Statistics())

    catalog.close()
    written = Catalog.open(tmp_path / "written")
    assert written.bound() == (NestedCatalog("second", A, 7),)
    written.close()


def test_old_schema_has_no_second_places(tmp_path: Path) -> None:
    file = _made_elsewhere(tmp_path / "catalog")
    with sqlite3.connect(file) as db:
        db.execute("UPDATE properties SET value = '3.0' WHERE key = 'schema_revision'")
        db.execute("DROP TABLE bind_mountpoints")
    db.close()
    catalog = Catalog.open(file)

    assert catalog.bound() == ()
    catalog.close()


def _made_elsewhere(file: Path) -> Path:
    elsewhere = ContentHash("1" * 40)
    with sqlite3.connect(file) as db:
        db.executescript(
            f"""
            CREATE TABLE properties (key, value);
            INSERT INTO properties VALUES ('schema', '2.5'), ('schema_revision', '7');
            CREATE TABLE catalog (md5path_1, md5path_2, hash, flags);
            CREATE TABLE chunks (md5path_1, md5path_2, offset, size, hash);
            CREATE TABLE nested_catalogs (path, sha1, size);
            CREATE TABLE bind_mountpoints (path, sha1, size);
            INSERT INTO catalog VALUES (1, 1, x'{A}', 4 | 64), (1, 2, x'{elsewhere}', 4 | 128);
            INSERT INTO catalog VALUES (1, 3, x'{A}', 4), (1, 4, NULL, 1);
            INSERT INTO chunks VALUES (1, 1, 0, 1, x'{B}'), (1, 1, 1, 1, x'{B}');
            INSERT INTO chunks VALUES (1, 2, 0, 1, x'{elsewhere}');
            INSERT INTO bind_mountpoints VALUES ('/second', '{A}', 7);
            """
        )
    db.close()
    return file
