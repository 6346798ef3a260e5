# SPDX-License-Identifier: BSD-3-Clause
"""What holds for one catalog as a database: its tables, properties, and the types of what is in its rows.

Clients choose their statements by the schema's revision and read columns without looking at their types
(catalog_sql.cc), so what deviates makes them stop on an assertion or show nonsense.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from cvmfs.errors import FormatInvalid
from cvmfs.format.catalog import SCHEMA_REVISION, TABLES, Catalog
from cvmfs.format.hashes import parse_hash

_HASH_BYTES = 20
_NAME_BYTES = 255
_SECOND = 1_000_000_000

_ODD_ROWS = {
    f"""name IS NULL OR typeof(name) <> 'text' OR length(CAST(name AS BLOB)) > {_NAME_BYTES}
        OR instr(CAST(name AS BLOB), x'2f') OR instr(CAST(name AS BLOB), x'00')
        OR name IN ('.', '..')""": "no name of a file",
    "name = '' AND (parent_1 <> 0 OR parent_2 <> 0)": "an empty name",
    "symlink IS NULL OR typeof(symlink) <> 'text'": "no text as the target of a link",
    f"hash IS NOT NULL AND (typeof(hash) <> 'blob' OR length(hash) <> {_HASH_BYTES})": "a hash "
    f"that is not {_HASH_BYTES} bytes",
    """typeof(hardlinks) <> 'integer' OR typeof(size) <> 'integer' OR typeof(mode) <> 'integer'
       OR typeof(mtime) <> 'integer' OR typeof(flags) <> 'integer' OR typeof(uid) <> 'integer'
       OR typeof(gid) <> 'integer'""": "a number that is none",
    "size < 0": "a negative size",
}
_ODD_SINCE_7 = {
    f"mtimens IS NOT NULL AND (typeof(mtimens) <> 'integer' OR mtimens NOT BETWEEN -1 AND {_SECOND - 1})": (
        "nanoseconds of more than a second"
    ),
}
_ODD_CHUNKS = {
    f"typeof(hash) <> 'blob' OR length(hash) <> {_HASH_BYTES}": "a hash of another length",
    "typeof(offset) <> 'integer' OR typeof(size) <> 'integer' OR size < 1": "no bytes",
}


def oddities(catalog: Catalog, *, revision: int | None) -> Iterator[str]:
    """Return what is wrong with a catalog as a database, a sentence each; `revision` is a root catalog's.

    Raises:
        sqlite3.Error: it is damaged so much that it cannot be looked at.
    """
    yield from _damage(catalog.database)
    yield from _properties(catalog, revision)
    schema_revision = catalog.properties.get("schema_revision", "0")
    if schema_revision == str(SCHEMA_REVISION):
        yield from _tables(catalog.database)
    since = _ODD_SINCE_7 if schema_revision == str(SCHEMA_REVISION) else {}
    yield from _odd(catalog.database, "catalog", "rows have", _ODD_ROWS | since)
    yield from _odd(catalog.database, "chunks", "chunks have", _ODD_CHUNKS)
    yield from _stray_chunks(catalog.database)


def _damage(db: sqlite3.Connection) -> Iterator[str]:
    found = [row[0] for row in db.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        yield f"the database is damaged: {'; '.join(found)}"


def _tables(db: sqlite3.Connection) -> Iterator[str]:
    found = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    for name in sorted(TABLES.keys() | found.keys()):
        if found.get(name) != TABLES.get(name) and not _has_columns(db, name):
            yield f"{name} is not the table or index that clients of this schema expect"


def _has_columns(db: sqlite3.Connection, name: str) -> bool:
    """Return whether a table has the right columns in another order: some are added later."""
    with closing(sqlite3.connect(":memory:")) as genuine:
        for statement in TABLES.values():
            genuine.execute(statement)
        expected, found = (
            {(column, kind) for _, column, kind, *_ in each.execute(f"PRAGMA table_info({name!r})")}
            for each in (genuine, db)
        )
    return bool(expected) and expected == found


def _properties(catalog: Catalog, revision: int | None) -> Iterator[str]:
    properties = catalog.properties
    if properties.get("schema") != "2.5":
        yield f"the schema is {properties.get('schema')}, not 2.5"
    schema_revision = properties.get("schema_revision", "0")
    if not schema_revision.isdecimal() or int(schema_revision) > SCHEMA_REVISION:
        yield f"the schema has the unknown revision {schema_revision}"
    if revision is not None and properties.get("revision", str(revision)) != str(revision):
        yield f"the catalog is of revision {properties['revision']}, not {revision}"
    try:
        parse_hash(properties.get("previous_revision") or "0" * 40, where="previous_revision")
    except FormatInvalid as err:
        yield str(err)


def _odd(db: sqlite3.Connection, table: str, have: str, kinds: dict[str, str]) -> Iterator[str]:
    for condition, what in kinds.items():
        count = db.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()[0]  # noqa: S608
        if count:
            yield f"{count} {have} {what}"


def _stray_chunks(db: sqlite3.Connection) -> Iterator[str]:
    count = db.execute(
        "SELECT count(*) FROM chunks LEFT JOIN catalog USING (md5path_1, md5path_2) "
        "WHERE flags IS NULL OR flags & 64 = 0"
    ).fetchone()[0]
    if count:
        yield f"{count} chunks belong to no chunked file"
