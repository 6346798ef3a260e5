# SPDX-License-Identifier: BSD-3-Clause
"""The database of tags, by which an old revision is found again (history_sql.cc, schema 1.0 revision 3).

As the genuine publisher does, every publish moves `trunk` and `trunk-previous` and adds a
`generic-<time>` tag.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cvmfs.compression import Compression, decompress
from cvmfs.errors import FormatInvalid
from cvmfs.hashes import ContentHash, Suffix, object_path, parse_hash
from cvmfs.manifest import Manifest

TRUNK = "trunk"
TRUNK_PREVIOUS = "trunk-previous"
GENERIC = "generic-"

_TABLES = """
BEGIN;
CREATE TABLE properties (key TEXT, value TEXT, CONSTRAINT pk_properties PRIMARY KEY (key));
CREATE TABLE branches (branch TEXT, parent TEXT, initial_revision INTEGER,  CONSTRAINT pk_branch PRIMARY KEY (branch),   FOREIGN KEY (parent) REFERENCES branches (branch),   CHECK ((branch <> '') OR (parent IS NULL)),   CHECK ((branch = '') OR (parent IS NOT NULL)));
INSERT INTO branches (branch, parent, initial_revision) VALUES ('', NULL, 0);
CREATE TABLE tags (name TEXT, hash TEXT, revision INTEGER,   timestamp INTEGER, channel INTEGER, description TEXT, size INTEGER,   branch TEXT, CONSTRAINT pk_tags PRIMARY KEY (name),   FOREIGN KEY (branch) REFERENCES branches (branch));
CREATE TABLE recycle_bin (hash TEXT, flags INTEGER,   CONSTRAINT pk_hash PRIMARY KEY (hash));
COMMIT;
"""  # noqa: E501 - verbatim


@dataclass(frozen=True, slots=True)
class Tag:
    """A name for a revision; `timestamp` in seconds since 1970, `root_size` in bytes uncompressed."""

    name: str
    root_hash: ContentHash
    revision: int
    timestamp: int
    description: str
    root_size: int

    @property
    def time(self) -> datetime:
        """Return when the revision was published."""
        return datetime.fromtimestamp(self.timestamp, UTC)


class HasHistory(Protocol):
    """A repository that is written or one that is read: what the history can be had from."""

    @property
    def manifest(self) -> Manifest:
        """Return the current manifest."""

    def stored_object(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the verified stored bytes of an object."""


def log(source: HasHistory) -> tuple[Tag, ...]:
    """Return the revisions that can be found again, the newest first, one tag for each."""
    tags = [tag for tag in tags_of(source) if tag.name.startswith(GENERIC)]
    return tuple(sorted(tags, key=lambda tag: (-tag.revision, tag.name)))


def tags_of(source: HasHistory) -> tuple[Tag, ...]:
    """Return all tags of a repository, sorted by name.

    Raises:
        FormatInvalid: the history is not a database of tags.
    """
    content_hash = source.manifest.history
    if content_hash is None:
        return ()
    where = object_path(content_hash, Suffix.HISTORY)
    content = decompress(
        source.stored_object(content_hash, Suffix.HISTORY), Compression.ZLIB, where=where
    )
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        try:
            db.deserialize(content)
            rows = db.execute(
                "SELECT name, hash, revision, timestamp, description, size FROM tags ORDER BY name"
            ).fetchall()
        except sqlite3.Error as err:
            raise FormatInvalid(f"{where} is not a history database: {err}") from err
    return tuple(
        Tag(name, parse_hash(root, where=where), revision, timestamp, description or "", size or 0)
        for name, root, revision, timestamp, description, size in rows
    )


def tagged(tags: Sequence[Tag], manifest: Manifest, message: str) -> tuple[Tag, ...]:
    """Return the tags once the revision of `manifest` is published."""
    by_name = {tag.name: tag for tag in tags}
    time = datetime.fromtimestamp(manifest.published, UTC)

    def new(name: str, description: str) -> Tag:
        return Tag(
            name,
            manifest.root_hash,
            manifest.revision,
            manifest.published,
            description,
            manifest.root_size,
        )

    if old := by_name.get(TRUNK):
        by_name[TRUNK_PREVIOUS] = Tag(
            TRUNK_PREVIOUS,
            old.root_hash,
            old.revision,
            old.timestamp,
            "default undo target",
            old.root_size,
        )
    by_name[TRUNK] = new(TRUNK, "current HEAD")
    name = f"{GENERIC}{time:%Y-%m-%dT%H:%M:%SZ}"
    if name in by_name:  # a second publish within the second
        name = f"{name}-{manifest.revision}"
    by_name[name] = new(name, message)
    return tuple(by_name[name] for name in sorted(by_name))


def write_history(
    file: Path, tags: Sequence[Tag], *, fqrn: str, previous: ContentHash | None
) -> None:
    """Write a history database to a new file."""
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode=OFF")
        db.execute("PRAGMA synchronous=OFF")
        db.executescript(_TABLES)
        properties = {"schema": "1.0", "schema_revision": "3", "fqrn": fqrn}
        if previous is not None:
            properties["previous_revision"] = previous
        db.executemany("INSERT INTO properties VALUES (?,?)", sorted(properties.items()))
        db.executemany(
            "INSERT INTO tags (name, hash, revision, timestamp, channel, description, size, branch) "
            "VALUES (?,?,?,?,0,?,?,'')",
            [
                (
                    tag.name,
                    tag.root_hash,
                    tag.revision,
                    tag.timestamp,
                    tag.description,
                    tag.root_size,
                )
                for tag in tags
            ],
        )
        db.commit()
