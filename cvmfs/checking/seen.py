# SPDX-License-Identifier: BSD-3-Clause
"""A set of objects that may be larger than memory: SQLite keeps it in a temporary file of its own."""

from __future__ import annotations

import sqlite3

from cvmfs.format.hashes import ContentHash, Suffix, algorithm_of, to_blob


class SeenObjects:
    """Which objects were seen, and in which use."""

    def __init__(self) -> None:
        # a database without a name is a temporary file, which SQLite writes when its cache is full
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("CREATE TABLE seen (name BLOB PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, content_hash: ContentHash, suffix: Suffix, use: str = "") -> bool:
        """Note an object, and return whether it was not there."""
        name = _name(content_hash, suffix) + use.encode()
        return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (name,)).rowcount == 1

    def has(self, content_hash: ContentHash, suffix: Suffix) -> bool:
        """Return whether an object was noted, in no use."""
        name = _name(content_hash, suffix)
        return bool(self._db.execute("SELECT 1 FROM seen WHERE name = ?", (name,)).fetchone())

    def close(self) -> None:
        """Forget everything."""
        self._db.close()


def _name(content_hash: ContentHash, suffix: Suffix) -> bytes:
    return to_blob(content_hash) + bytes((algorithm_of(content_hash),)) + (suffix or " ").encode()
