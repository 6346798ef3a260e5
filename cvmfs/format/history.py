# SPDX-License-Identifier: BSD-3-Clause
"""The database of tags, by which an old revision is found again (history_sql.cc, schema 1.0 revision 3).

As the genuine publisher does, every publish moves `trunk` and `trunk-previous` and adds a
`generic-<time>` tag.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from cvmfs.errors import FormatInvalid
from cvmfs.format.compression import Compression, compress, decompress
from cvmfs.format.hashes import ContentHash, Suffix, object_path, parse_hash
from cvmfs.format.manifest import Manifest

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
"""  # noqa: E501 - verbatim; the recycle bin stays empty, the reflog took its place


@dataclass(frozen=True, slots=True)
class Tag:
    """A name for a revision; `timestamp` in seconds since 1970, `root_size` in bytes uncompressed."""

    name: str
    root_hash: ContentHash
    revision: int
    timestamp: int
    description: str
    root_size: int
    branch: str = ""

    @property
    def is_generic(self) -> bool:
        """Return whether publishing made it, one for every revision; retention rules may remove it."""
        return self.name.startswith(GENERIC)

    @property
    def is_managed(self) -> bool:
        """Return whether publishing moves it."""
        return self.name in (TRUNK, TRUNK_PREVIOUS)

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


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of revisions that the genuine tools can make; we publish on the one without a name."""

    name: str
    parent: str
    initial_revision: int


def log(source: HasHistory) -> tuple[Tag, ...]:
    """Return the revisions that can be found again, the newest first, one tag for each."""
    tags = [tag for tag in tags_of(source) if tag.is_generic]
    return tuple(sorted(tags, key=lambda tag: (-tag.revision, tag.name)))


def tags_of(source: HasHistory) -> tuple[Tag, ...]:
    """Return all tags of a repository, sorted by name.

    Raises:
        FormatInvalid: the history is not a database of tags.
    """
    with _database(source) as (db, where):
        # Before revision 3 of the schema there was one branch.
        branch = "branch" if _has_branches(db) else "''"
        rows = db.execute(
            f"SELECT name, hash, revision, timestamp, description, size, {branch} "  # noqa: S608
            "FROM tags ORDER BY name"
        ).fetchall()
    return tuple(
        Tag(
            name,
            parse_hash(root, where=where),
            revision,
            timestamp,
            description or "",
            size or 0,
            branch or "",
        )
        for name, root, revision, timestamp, description, size, branch in rows
    )


def branches_of(source: HasHistory) -> tuple[Branch, ...]:
    """Return the branches that have a name, sorted by it.

    Raises:
        FormatInvalid: the history is not a database of tags.
    """
    with _database(source) as (db, _):
        if not _has_branches(db):
            return ()
        rows = db.execute(
            "SELECT branch, parent, initial_revision FROM branches WHERE branch <> '' ORDER BY branch"
        ).fetchall()
    return tuple(Branch(name, parent or "", initial) for name, parent, initial in rows)


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


def history_object(
    tags: Sequence[Tag],
    *,
    fqrn: str,
    previous: ContentHash | None,
    branches: Sequence[Branch] = (),
) -> bytes:
    """Return a history database as it is stored, compressed; the same tags are the same bytes.

    A branch that no tag is on is left out: the format's checker does not want it.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_TABLES)
        properties = {"schema": "1.0", "schema_revision": "3", "fqrn": fqrn}
        if previous is not None:
            properties["previous_revision"] = previous
        db.executemany("INSERT INTO properties VALUES (?,?)", sorted(properties.items()))
        db.executemany(
            "INSERT INTO branches VALUES (?,?,?)",
            [
                (branch.name, branch.parent, branch.initial_revision)
                for branch in _used(branches, tags)
            ],
        )
        db.executemany(
            "INSERT INTO tags (name, hash, revision, timestamp, channel, description, size, branch) "
            "VALUES (?,?,?,?,0,?,?,?)",
            [
                (
                    tag.name,
                    tag.root_hash,
                    tag.revision,
                    tag.timestamp,
                    tag.description,
                    tag.root_size,
                    tag.branch,
                )
                for tag in tags
            ],
        )
        db.commit()
        return compress(db.serialize())


def _used(branches: Sequence[Branch], tags: Sequence[Tag]) -> list[Branch]:
    """Return the branches with a tag, each on the nearest one above it that has a tag too."""
    parents = {branch.name: branch.parent for branch in branches}
    used = {tag.branch for tag in tags} & parents.keys()

    def above(name: str) -> str:
        parent = parents[name]
        return parent if parent in used or not parent else above(parent)

    return [
        replace(branch, parent=above(branch.name)) for branch in branches if branch.name in used
    ]


@contextlib.contextmanager
def _database(source: HasHistory) -> Iterator[tuple[sqlite3.Connection, str]]:
    """Give the history database of a source and its name in messages; an empty one where there is none."""
    content_hash = source.manifest.history
    where = "" if content_hash is None else object_path(content_hash, Suffix.HISTORY)
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        try:
            if content_hash is None:
                db.executescript(_TABLES)
            else:
                stored = source.stored_object(content_hash, Suffix.HISTORY)
                db.deserialize(decompress(stored, Compression.ZLIB, where=where))
            yield db, where
        except sqlite3.Error as err:
            raise FormatInvalid(f"{where} is not a history database: {err}") from err


def _has_branches(db: sqlite3.Connection) -> bool:
    return any(row[1] == "branch" for row in db.execute("PRAGMA table_info(tags)"))
