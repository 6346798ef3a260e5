# SPDX-License-Identifier: BSD-3-Clause
"""One catalog: an SQLite database that holds the rows of a part of the tree.

The tables are verbatim those of the genuine publisher with schema 2.5, revision 7 (catalog_sql.cc
`CreateEmptyDatabase`); a reader chooses its SQL by the revision number, so they may not deviate. The file is
in rollback-journal mode: clients stop on an assertion at one in WAL mode.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cvmfs.errors import FormatInvalid
from cvmfs.format.chunking import Piece
from cvmfs.format.compression import Compression
from cvmfs.format.entries import Chunk, Entry
from cvmfs.format.hashes import (
    NO_HASH,
    Algorithm,
    ContentHash,
    Suffix,
    algorithm_of,
    from_blob,
    parse_hash,
    to_blob,
)
from cvmfs.format.paths import (
    NO_KEY,
    PathKey,
    absolute,
    is_inside,
    join,
    key_of,
    parent_of,
    repository_path,
)
from cvmfs.format.statistics import Counters, Statistics, from_rows

SCHEMA = 2.5
SCHEMA_REVISION = 7
PAGE_SIZE = 4096
_JOURNAL_MODE = slice(18, 20)
_ROLLBACK = b"\x01\x01"

_TABLES = """
BEGIN;
CREATE TABLE properties (key TEXT, value TEXT, CONSTRAINT pk_properties PRIMARY KEY (key));
CREATE TABLE catalog (md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, parent_2 INTEGER, hardlinks INTEGER, hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, mtimens INTEGER, flags INTEGER, name TEXT, symlink TEXT, uid INTEGER, gid INTEGER, xattr BLOB,  CONSTRAINT pk_catalog PRIMARY KEY (md5path_1, md5path_2));
CREATE INDEX idx_catalog_parent ON catalog (parent_1, parent_2);
CREATE TABLE chunks (md5path_1 INTEGER, md5path_2 INTEGER, offset INTEGER, size INTEGER,  hash BLOB,  CONSTRAINT pk_chunks PRIMARY KEY (md5path_1, md5path_2, offset, size),  FOREIGN KEY (md5path_1, md5path_2) REFERENCES    catalog(md5path_1, md5path_2));
CREATE TABLE nested_catalogs (path TEXT, sha1 TEXT, size INTEGER, CONSTRAINT pk_nested_catalogs PRIMARY KEY (path));
CREATE TABLE bind_mountpoints (path TEXT, sha1 TEXT, size INTEGER, CONSTRAINT pk_bind_mountpoints PRIMARY KEY (path));
CREATE TABLE statistics (counter TEXT, value INTEGER, CONSTRAINT pk_statistics PRIMARY KEY (counter));
COMMIT;
"""  # noqa: E501 - verbatim

TABLES = {
    statement.split()[2]: statement
    for statement in (line.strip().rstrip(";") for line in _TABLES.splitlines())
    if statement.startswith("CREATE")
}
"""The statement that makes each table or index, by its name, as it stands in the database."""

_COLUMNS = (
    "md5path_1, md5path_2, parent_1, parent_2, hardlinks, hash, size, mode, mtime, mtimens, flags, "
    "name, symlink, uid, gid, xattr"
)

# Flags of a row (catalog_sql.h).
FLAG_DIRECTORY = 1
FLAG_MOUNTPOINT = 2
FLAG_FILE = 4
FLAG_LINK = 8
FLAG_SPECIAL = 16
FLAG_NESTED_ROOT = 32
FLAG_CHUNKED = 64
FLAG_EXTERNAL = 128
FLAG_BIND_MOUNTPOINT = 0x4000
FLAG_HIDDEN = 0x8000
FLAG_DIRECT_IO = 0x10000
HASH_SHIFT = 8
COMPRESSION_SHIFT = 11
_THREE_BITS = 7
_LINK_COUNT_BITS = 32
_LINK_COUNT_MASK = (1 << _LINK_COUNT_BITS) - 1
_BIND_MOUNTPOINTS_SINCE = 4
"""The schema revision that brought the table (catalog_sql.cc)."""


@dataclass(frozen=True, slots=True)
class NestedCatalog:
    """Where a nested catalog is attached, the hash of its object, its size in bytes when uncompressed."""

    path: str
    content_hash: ContentHash
    size: int


class Catalog:
    """An open catalog. It belongs to one thread."""

    def __init__(self, connection: sqlite3.Connection, *, where: str) -> None:
        connection.text_factory = _decode
        self._db = connection
        self._where = where
        self.properties = self._read_properties()
        self.nested: dict[str, NestedCatalog] = self._read_nested()

    @classmethod
    def from_bytes(cls, content: bytes, *, where: str) -> Catalog:
        """Return a catalog to read, held in memory; `where` names the object in errors.

        Raises:
            FormatInvalid: it is not a catalog.
        """
        if content[_JOURNAL_MODE] != _ROLLBACK:
            raise FormatInvalid(f"{where} is not an SQLite catalog in rollback-journal mode")
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            connection.deserialize(content)
            return cls(connection, where=where)
        except sqlite3.Error as err:
            connection.close()
            raise FormatInvalid(f"{where} is not an SQLite catalog: {err}") from err

    @classmethod
    def open(cls, file: Path) -> Catalog:
        """Return the catalog in a scratch file, to change."""
        return cls(_connect(file), where=str(file))

    @classmethod
    def create(cls, file: Path, root: Entry) -> Catalog:
        """Return a new catalog in a scratch file that holds its root directory only."""
        connection = _connect(file)
        connection.executescript(f"PRAGMA page_size={PAGE_SIZE};{_TABLES}")
        catalog = cls(connection, where=str(file))
        catalog.put(root)
        return catalog

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    @property
    def database(self) -> sqlite3.Connection:
        """Return the database, for looking at what only a check looks at."""
        return self._db

    # -- what it says of itself

    @property
    def root_path(self) -> str:
        """Return the directory this catalog is the root of; only nested ones have the property."""
        return repository_path(self.properties.get("root_prefix", ""))

    @property
    def previous(self) -> ContentHash:
        """Return the hash of the catalog that this one followed; all zeros for the first."""
        text = self.properties.get("previous_revision", "") or NO_HASH
        return parse_hash(text, where=self._where)

    def statistics(self) -> Statistics:
        """Return the counters the catalog carries.

        Raises:
            FormatInvalid: one is missing; clients do not open such a catalog.
        """
        rows = dict(self._db.execute("SELECT counter, value FROM statistics"))
        try:
            return from_rows(rows)
        except KeyError as err:
            raise FormatInvalid(f"{self._where} has no statistics counter {err}") from err

    def counted(self) -> Counters:
        """Return the counters of this catalog's own rows, counted afresh."""
        row = self._db.execute(
            f"""
            SELECT
              coalesce(sum(flags & {FLAG_LINK | FLAG_SPECIAL} = 0 AND flags & {FLAG_FILE} != 0), 0),
              coalesce(sum(flags & {FLAG_LINK} != 0), 0),
              coalesce(sum(flags & {FLAG_SPECIAL} != 0), 0),
              coalesce(sum(flags & {FLAG_DIRECTORY} != 0), 0),
              (SELECT count(*) FROM nested_catalogs),
              coalesce(sum(flags & {FLAG_CHUNKED} != 0), 0),
              (SELECT count(*) FROM chunks),
              coalesce(sum(CASE WHEN flags & {FLAG_LINK | FLAG_SPECIAL} = 0 AND flags & {FLAG_FILE} != 0
                           THEN size ELSE 0 END), 0),
              coalesce(sum(CASE WHEN flags & {FLAG_CHUNKED} != 0 THEN size ELSE 0 END), 0),
              coalesce(sum(xattr IS NOT NULL), 0),
              coalesce(sum(flags & {FLAG_EXTERNAL} != 0), 0),
              coalesce(sum(CASE WHEN flags & {FLAG_EXTERNAL} != 0 THEN size ELSE 0 END), 0)
            FROM catalog
            """  # noqa: S608 - only numbers from this module
        ).fetchone()
        return Counters(*row)

    @property
    def row_count(self) -> int:
        """Return how many rows there are."""
        return int(self._db.execute("SELECT count(*) FROM catalog").fetchone()[0])

    @property
    def max_rowid(self) -> int:
        """Return the highest rowid, from which clients take the range of inodes."""
        return int(self._db.execute("SELECT max(rowid) FROM catalog").fetchone()[0] or 0)

    # -- reading rows

    def get(self, path: str) -> Entry | None:
        """Return the entry at a path, if this catalog has it."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM catalog WHERE md5path_1 = ? AND md5path_2 = ?",  # noqa: S608
            key_of(path),
        ).fetchone()
        return None if row is None else self._entry(row, path)

    def children(self, path: str) -> list[Entry]:
        """Return what a directory holds, sorted by name; a mountpoint's content is in its own catalog."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM catalog WHERE parent_1 = ? AND parent_2 = ?",  # noqa: S608
            key_of(path),
        ).fetchall()
        entries = [self._entry(row, join(path, row[11])) for row in rows]
        return sorted(entries, key=lambda entry: entry.path)

    def count_directories(self, path: str) -> int:
        """Return how many directories a directory holds."""
        row = self._db.execute(
            f"SELECT count(*) FROM catalog WHERE parent_1 = ? AND parent_2 = ? AND flags & {FLAG_DIRECTORY}",  # noqa: S608
            key_of(path),
        ).fetchone()
        return int(row[0])

    def directories(self, root: str) -> dict[str, int]:
        """Return the directories of this catalog, from its root, each with how many of its rows are none."""
        counts = {
            PathKey(first, second): count
            for first, second, count in self._db.execute(
                f"SELECT parent_1, parent_2, count(*) FROM catalog WHERE flags & {FLAG_DIRECTORY} = 0 "  # noqa: S608
                f"OR flags & {FLAG_MOUNTPOINT} GROUP BY parent_1, parent_2"
            )
        }
        inside: dict[PathKey, list[tuple[PathKey, str]]] = {}
        for first, second, above, beside, name in self._db.execute(
            "SELECT md5path_1, md5path_2, parent_1, parent_2, name FROM catalog "  # noqa: S608
            f"WHERE flags & {FLAG_DIRECTORY | FLAG_MOUNTPOINT} = {FLAG_DIRECTORY}"
        ):
            inside.setdefault(PathKey(above, beside), []).append((PathKey(first, second), name))
        found: dict[str, int] = {}
        open_ones = [(key_of(root), root)]
        while open_ones:
            key, path = open_ones.pop()
            found[path] = counts.get(key, 0)
            open_ones += [(child, join(path, name)) for child, name in inside.get(key, ())]
        return found

    def flags(self, path: str) -> int | None:
        """Return the flags of a row as they are."""
        row = self._db.execute(
            "SELECT flags FROM catalog WHERE md5path_1 = ? AND md5path_2 = ?", key_of(path)
        ).fetchone()
        return None if row is None else int(row[0])

    def objects(self) -> Iterator[tuple[ContentHash, Suffix]]:
        """Return every object that the files of this catalog are stored in, once each.

        A chunked file may have an object of the whole as well. What is stored elsewhere is left out.
        """
        files = self._db.execute(
            f"SELECT DISTINCT hash, flags & {_THREE_BITS << HASH_SHIFT} FROM catalog "  # noqa: S608
            f"WHERE hash IS NOT NULL AND flags & {FLAG_EXTERNAL} = 0"
        )
        for blob, flags in files:
            yield from_blob(blob, self._algorithm(flags, "")), Suffix.FILE
        chunks = self._db.execute(
            f"SELECT DISTINCT chunks.hash, flags & {_THREE_BITS << HASH_SHIFT} "  # noqa: S608
            "FROM chunks JOIN catalog USING (md5path_1, md5path_2) "
            f"WHERE flags & {FLAG_EXTERNAL} = 0"
        )
        for blob, flags in chunks:
            yield from_blob(blob, self._algorithm(flags, "")), Suffix.CHUNK

    def bound(self) -> tuple[NestedCatalog, ...]:
        """Return the catalogs that are shown at a second place, as the genuine publisher can do."""
        if int(float(self.properties.get("schema_revision", "0"))) < _BIND_MOUNTPOINTS_SINCE:
            return ()
        rows = self._db.execute("SELECT path, sha1, size FROM bind_mountpoints ORDER BY path")
        return tuple(
            NestedCatalog(repository_path(path), parse_hash(sha1, where=self._where), size or 0)
            for path, sha1, size in rows.fetchall()
        )

    def next_link_group(self) -> int:
        """Return a hard link group number that is free in this catalog."""
        row = self._db.execute(
            f"SELECT coalesce(max(hardlinks >> {_LINK_COUNT_BITS}), 0) FROM catalog"  # noqa: S608
        )
        return int(row.fetchone()[0]) + 1

    # -- changing rows

    def put(self, entry: Entry) -> None:
        """Add an entry, or replace the one at its path."""
        key = key_of(entry.path)
        parent = NO_KEY if not entry.path else key_of(parent_of(entry.path))
        self._db.execute(
            f"INSERT OR REPLACE INTO catalog ({_COLUMNS}) "  # noqa: S608
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,CAST(? AS TEXT),CAST(? AS TEXT),?,?,?)",
            (*key, *parent, *_values(entry)),
        )
        self._db.execute("DELETE FROM chunks WHERE md5path_1 = ? AND md5path_2 = ?", key)
        self._db.executemany(
            "INSERT INTO chunks (md5path_1, md5path_2, offset, size, hash) VALUES (?,?,?,?,?)",
            (
                (*key, chunk.piece.offset, chunk.piece.size, to_blob(chunk.content_hash))
                for chunk in entry.chunks
            ),
        )

    def add(self, directory: str, entries: Sequence[Entry]) -> None:
        """Add entries that are new to a directory, all at once."""
        parent = key_of(directory)
        keys = [key_of(entry.path) for entry in entries]
        self._db.executemany(
            f"INSERT INTO catalog ({_COLUMNS}) "  # noqa: S608
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,CAST(? AS TEXT),CAST(? AS TEXT),?,?,?)",
            ((*key, *parent, *_values(entry)) for key, entry in zip(keys, entries, strict=True)),
        )
        self._db.executemany(
            "INSERT INTO chunks (md5path_1, md5path_2, offset, size, hash) VALUES (?,?,?,?,?)",
            (
                (*key, chunk.piece.offset, chunk.piece.size, to_blob(chunk.content_hash))
                for key, entry in zip(keys, entries, strict=True)
                for chunk in entry.chunks
            ),
        )

    def remove(self, path: str) -> None:
        """Remove one entry, if it is there."""
        key = key_of(path)
        self._db.execute("DELETE FROM chunks WHERE md5path_1 = ? AND md5path_2 = ?", key)
        self._db.execute("DELETE FROM catalog WHERE md5path_1 = ? AND md5path_2 = ?", key)

    def attach(self, nested: NestedCatalog) -> None:
        """Record a nested catalog, or its new hash and size."""
        self.nested[nested.path] = nested
        self._db.execute(
            "INSERT OR REPLACE INTO nested_catalogs (path, sha1, size) VALUES (CAST(? AS TEXT),?,?)",
            (_encode(absolute(nested.path)), nested.content_hash, nested.size),
        )

    def detach(self, path: str) -> None:
        """Forget a nested catalog."""
        del self.nested[path]
        self._db.execute(
            "DELETE FROM nested_catalogs WHERE path = CAST(? AS TEXT)", (_encode(absolute(path)),)
        )

    def move_below(self, path: str, target: Catalog) -> None:
        """Move everything below a directory into another catalog, nested catalogs in it included.

        Hard link groups get numbers that are free there.
        """
        self._db.execute(
            "CREATE TEMP TABLE moving AS WITH RECURSIVE below (first, second) AS ("
            "SELECT md5path_1, md5path_2 FROM catalog WHERE parent_1 = ? AND parent_2 = ? UNION ALL "
            "SELECT md5path_1, md5path_2 FROM catalog JOIN below ON parent_1 = first AND parent_2 = second"
            ") SELECT first, second FROM below",
            key_of(path),
        )
        moving = "(md5path_1, md5path_2) IN (SELECT first, second FROM moving)"
        columns = _COLUMNS.replace("name, symlink", "CAST(name AS BLOB), CAST(symlink AS BLOB)")
        groups = (target.next_link_group() - 1) << _LINK_COUNT_BITS
        target._db.executemany(
            f"INSERT INTO catalog ({_COLUMNS}) VALUES (?,?,?,?,"  # noqa: S608
            f"CASE WHEN ?5 >> {_LINK_COUNT_BITS} THEN ?5 + {groups} ELSE ?5 END,"
            "?,?,?,?,?,?,CAST(? AS TEXT),CAST(? AS TEXT),?,?,?)",
            self._db.execute(f"SELECT {columns} FROM catalog WHERE {moving}"),  # noqa: S608
        )
        target._db.executemany(
            "INSERT INTO chunks (md5path_1, md5path_2, offset, size, hash) VALUES (?,?,?,?,?)",
            self._db.execute(
                f"SELECT md5path_1, md5path_2, offset, size, hash FROM chunks WHERE {moving}"  # noqa: S608
            ),
        )
        for nested in [one for one in self.nested.values() if is_inside(one.path, path)]:
            target.attach(nested)
            self.detach(nested.path)
        self._db.execute(f"DELETE FROM chunks WHERE {moving}")  # noqa: S608
        self._db.execute(f"DELETE FROM catalog WHERE {moving}")  # noqa: S608
        self._db.execute("DROP TABLE moving")

    def write(self, file: Path, properties: Mapping[str, str], statistics: Statistics) -> None:
        """Write the catalog as it is published: rows dense from 1, in one order, properties and
        statistics set.

        Clients number inodes by rowid, so the numbers have to be dense. Equal catalogs are equal bytes.
        """
        self._db.commit()
        with contextlib.closing(_connect(file)) as target:
            target.executescript(f"PRAGMA page_size={PAGE_SIZE};{_TABLES}")
        self._db.execute("ATTACH DATABASE ? AS fresh", (str(file),))
        self._db.execute(
            f"INSERT INTO fresh.catalog ({_COLUMNS}) SELECT {_COLUMNS} FROM main.catalog "  # noqa: S608
            "ORDER BY parent_1, parent_2, name"
        )
        self._db.execute(
            "INSERT INTO fresh.chunks SELECT * FROM main.chunks ORDER BY md5path_1, md5path_2, offset"
        )
        self._db.execute(
            "INSERT INTO fresh.nested_catalogs SELECT * FROM main.nested_catalogs ORDER BY path"
        )
        if self.bound():  # of a genuine publisher; nothing of ours makes one
            self._db.execute(
                "INSERT INTO fresh.bind_mountpoints SELECT path, sha1, size FROM main.bind_mountpoints"
            )
        self._db.executemany(
            "INSERT INTO fresh.properties VALUES (?,CAST(? AS TEXT))",
            ((key, _encode(value)) for key, value in sorted(properties.items())),
        )
        self._db.executemany("INSERT INTO fresh.statistics VALUES (?,?)", statistics.rows())
        self._db.commit()
        self._db.execute("DETACH DATABASE fresh")

    # -- rows and entries

    def _entry(self, row: tuple[Any, ...], path: str) -> Entry:
        (
            first,
            second,
            _,
            _,
            links,
            blob,
            size,
            mode,
            mtime,
            nanoseconds,
            flags,
            _,
            symlink,
            uid,
            gid,
            xattr,
        ) = row
        return Entry(
            path=path,
            mode=mode,
            size=size,
            mtime=mtime,
            mtime_ns=max(nanoseconds or 0, 0),
            uid=uid,
            gid=gid,
            content_hash=None if blob is None else from_blob(blob, self._algorithm(flags, path)),
            chunks=(
                self._chunks(PathKey(first, second), self._algorithm(flags, path))
                if flags & FLAG_CHUNKED
                else ()
            ),
            compression=self._compression(flags, path),
            target=symlink,
            link_count=links & _LINK_COUNT_MASK,
            link_group=links >> _LINK_COUNT_BITS,
            is_mountpoint=bool(flags & FLAG_MOUNTPOINT),
            is_nested_root=bool(flags & FLAG_NESTED_ROOT),
            xattr=xattr,
        )

    def _chunks(self, key: PathKey, algorithm: Algorithm) -> tuple[Chunk, ...]:
        rows = self._db.execute(
            "SELECT offset, size, hash FROM chunks WHERE md5path_1 = ? AND md5path_2 = ? ORDER BY offset",
            key,
        )
        return tuple(
            Chunk(Piece(offset, size), from_blob(blob, algorithm)) for offset, size, blob in rows
        )

    def _algorithm(self, flags: int, path: str) -> Algorithm:
        try:
            return Algorithm((flags >> HASH_SHIFT) & _THREE_BITS)
        except ValueError as err:
            raise FormatInvalid(
                f"{absolute(path)} in {self._where} has a hash of an unknown algorithm"
            ) from err

    def _compression(self, flags: int, path: str) -> Compression:
        try:
            return Compression((flags >> COMPRESSION_SHIFT) & _THREE_BITS)
        except ValueError as err:
            raise FormatInvalid(
                f"{absolute(path)} in {self._where} is compressed in an unknown way"
            ) from err

    def _read_properties(self) -> dict[str, str]:
        properties = {
            key: str(value) for key, value in self._db.execute("SELECT key, value FROM properties")
        }
        schema = properties.get("schema")
        if schema is not None and not schema.startswith("2."):
            raise FormatInvalid(f"{self._where} is a catalog of schema {schema}, not 2.5")
        return properties

    def _read_nested(self) -> dict[str, NestedCatalog]:
        rows = self._db.execute(
            "SELECT path, sha1, size FROM nested_catalogs ORDER BY path"
        ).fetchall()
        nested = (
            NestedCatalog(repository_path(path), parse_hash(sha1, where=self._where), size or 0)
            for path, sha1, size in rows
        )
        return {catalog.path: catalog for catalog in nested}


def properties_of(
    *, path: str, revision: int, at: int, previous: ContentHash, ttl_s: int
) -> dict[str, str]:
    """Return the properties of a catalog that is published now.

    Only a nested catalog has `root_prefix`, only the root one the time to live (sql_impl.h).
    """
    properties = {
        "schema": str(SCHEMA),
        "schema_revision": str(SCHEMA_REVISION),
        "revision": str(revision),
        "last_modified": str(at),
        "previous_revision": previous,
    }
    return properties | ({"root_prefix": absolute(path)} if path else {"TTL": str(ttl_s)})


def as_root(entry: Entry) -> Entry:
    """Return a directory as the root row of its nested catalog."""
    return replace(entry, is_nested_root=bool(entry.path), is_mountpoint=False)


def as_mountpoint(entry: Entry) -> Entry:
    """Return a directory as the row in the parent where its nested catalog is attached."""
    return replace(entry, is_nested_root=False, is_mountpoint=True)


def flags_of(entry: Entry) -> int:
    """Return the flags of a row; a symlink is a file and a link, a special a file and a special."""
    if stat.S_ISDIR(entry.mode):
        return (
            FLAG_DIRECTORY
            | (FLAG_MOUNTPOINT if entry.is_mountpoint else 0)
            | (FLAG_NESTED_ROOT if entry.is_nested_root else 0)
        )
    if stat.S_ISLNK(entry.mode):
        return FLAG_FILE | FLAG_LINK
    if not stat.S_ISREG(entry.mode):
        return FLAG_FILE | FLAG_SPECIAL
    chunked = FLAG_CHUNKED if entry.chunks else 0
    content_hash = entry.chunks[0].content_hash if entry.chunks else entry.content_hash
    algorithm = algorithm_of(content_hash) if content_hash else Algorithm.SHA1
    return (
        FLAG_FILE | chunked | (algorithm << HASH_SHIFT) | (entry.compression << COMPRESSION_SHIFT)
    )


def _values(entry: Entry) -> tuple[object, ...]:
    return (
        (entry.link_group << _LINK_COUNT_BITS) | entry.link_count,
        None if entry.content_hash is None else to_blob(entry.content_hash),
        entry.size,
        entry.mode,
        entry.mtime,
        entry.mtime_ns or None,
        flags_of(entry),
        _encode(entry.name),
        _encode(entry.target),
        entry.uid,
        entry.gid,
        entry.xattr,
    )


def _encode(text: str) -> str | bytes:
    """Return text for SQLite; what is not ASCII goes as bytes, which the statement casts to text."""
    return text if text.isascii() else os.fsencode(text)


def _decode(data: bytes) -> str:
    return os.fsdecode(data)


def _connect(file: Path) -> sqlite3.Connection:
    """Open a scratch database: it is thrown away after a crash, so nothing is journalled or synced."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    return connection
