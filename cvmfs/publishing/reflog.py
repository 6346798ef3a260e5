# SPDX-License-Identifier: BSD-3-Clause
"""`.cvmfsreflog`: the root catalogs, certificates, histories and metainfos published and not yet collected.

An SQLite database, not compressed, in the storage beside the manifest, whose line `Y` is its hash
(reflog_sql.cc, schema 1.0 revision 0). Garbage collection starts from it. The format's checker wants both or
neither, and that they fit.

They are two files, and a publisher may die after the first. So the reflog that the current manifest names is
kept as `.reflog.previous` before the new one takes its name; who holds the lock next puts it back.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted, RepositoryError
from cvmfs.format.hashes import ContentHash, Suffix, hash_like, parse_hash
from cvmfs.format.history import Tag
from cvmfs.format.manifest import Manifest
from cvmfs.storage.storage import Storage

log = logging.getLogger(__name__)

REFLOG = ".cvmfsreflog"
PREVIOUS = ".reflog.previous"

_TABLES = """
BEGIN;
CREATE TABLE properties (key TEXT, value TEXT, CONSTRAINT pk_properties PRIMARY KEY (key));
CREATE TABLE refs (hash TEXT, type INTEGER, timestamp INTEGER, CONSTRAINT pk_refs PRIMARY KEY (hash));
COMMIT;
"""


class ReferenceType(IntEnum):
    """What a reference is to; the numbers of the format."""

    CATALOG = 0
    CERTIFICATE = 1
    HISTORY = 2
    METAINFO = 3

    @property
    def suffix(self) -> Suffix:
        """Return the suffix of its object."""
        return Suffix[self.name]


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that a manifest named; `timestamp`, in seconds since 1970, is when one did last."""

    content_hash: ContentHash
    type: ReferenceType
    timestamp: int


def references_in(manifest: Manifest) -> Iterator[Reference]:
    """Return what a manifest names, as of its time."""
    named = (
        (manifest.root_hash, ReferenceType.CATALOG),
        (manifest.certificate, ReferenceType.CERTIFICATE),
        (manifest.history, ReferenceType.HISTORY),
        (manifest.metainfo, ReferenceType.METAINFO),
    )
    for content_hash, kind in named:
        if content_hash is not None:
            yield Reference(content_hash, kind, manifest.published)


def references_of(tags: Iterable[Tag]) -> Iterator[Reference]:
    """Return the root catalogs that tags name, as of their time."""
    for tag in tags:
        yield Reference(tag.root_hash, ReferenceType.CATALOG, tag.timestamp)


def merged(*references: Iterable[Reference]) -> tuple[Reference, ...]:
    """Return references of several places in one order, each with its latest time."""
    by_hash: dict[ContentHash, Reference] = {}
    for some in references:
        for reference in some:
            known = by_hash.get(reference.content_hash)
            if known is None or known.timestamp < reference.timestamp:
                by_hash[reference.content_hash] = reference
    return tuple(
        sorted(
            by_hash.values(), key=lambda found: (found.timestamp, found.type, found.content_hash)
        )
    )


def encode(references: Iterable[Reference], *, fqrn: str) -> bytes:
    """Return the database's bytes; the same references are the same bytes."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_TABLES)
        properties = {"schema": "1.0", "schema_revision": "0", "fqrn": fqrn}
        db.executemany("INSERT INTO properties VALUES (?,?)", sorted(properties.items()))
        db.executemany(
            "INSERT INTO refs (hash, type, timestamp) VALUES (?,?,?)",
            [(found.content_hash, int(found.type), found.timestamp) for found in references],
        )
        db.commit()
        return db.serialize()


def decode(content: bytes, *, where: str) -> tuple[Reference, ...]:
    """Return the references in a database.

    Raises:
        FormatInvalid: it is not a reflog.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        try:
            db.deserialize(content)
            rows = db.execute(
                "SELECT hash, type, timestamp FROM refs ORDER BY timestamp, type, hash"
            ).fetchall()
            return tuple(
                Reference(parse_hash(text, where=where), ReferenceType(kind), int(timestamp or 0))
                for text, kind, timestamp in rows
            )
        except (sqlite3.Error, ValueError) as err:
            raise FormatInvalid(f"{where} is not a reflog: {err}") from err


def verified(content: bytes, manifest: Manifest, *, where: str) -> tuple[Reference, ...]:
    """Return the references of a repository's reflog when it is the one that the manifest names.

    Raises:
        ObjectCorrupted: it has another hash, or the manifest names none.
        FormatInvalid: it is not a reflog.
    """
    if manifest.reflog is None:
        raise ObjectCorrupted(f"{where} is there, but the manifest does not name it")
    found = hash_like(manifest.reflog, content)
    if found != manifest.reflog:
        raise ObjectCorrupted(
            f"{where} has the hash {found}, the manifest names {manifest.reflog}",
            hint="the next publish mends it",
        )
    return decode(content, where=where)


def content_of(storage: Storage) -> bytes | None:
    """Return the bytes of the reflog, or None where there is none."""
    return _get(storage, REFLOG)


def known(
    storage: Storage, manifest: Manifest, otherwise: Iterable[Reference]
) -> tuple[Reference, ...]:
    """Return the references of a repository; without a reflog, what its manifest names and `otherwise`."""
    content = content_of(storage)
    if content is not None and manifest.reflog is not None:
        try:
            return verified(content, manifest, where=storage.describe(REFLOG))
        except (RepositoryError, ObjectCorrupted) as err:
            log.warning("%s; it is made anew from the tags", err)
    return merged(otherwise, references_in(manifest))


def put(storage: Storage, old: bytes | None, new: bytes) -> bool:
    """Replace the reflog if it is still `old`; return whether it was. The old one can be put back."""
    if old is not None:
        storage.replace(PREVIOUS, old)
    return storage.swap(REFLOG, old, new)


def put_back(storage: Storage, old: bytes | None, new: bytes) -> None:
    """Undo `put` for a publisher whose manifest was not taken, unless another reflog is there by now."""
    if old is not None:
        storage.swap(REFLOG, new, old)
    elif content_of(storage) == new:
        storage.remove([REFLOG])


def mend(storage: Storage, manifest: Manifest) -> None:
    """Put the reflog back that the manifest names, after a publisher died before its own manifest.

    Only the holder of the repository's lock may. What cannot be put back is made anew by the next publish.
    """
    content = content_of(storage)
    if manifest.reflog is None:
        if content is not None:
            storage.remove([REFLOG])
        return
    if content is not None and hash_like(manifest.reflog, content) == manifest.reflog:
        return
    previous = _get(storage, PREVIOUS)
    if previous is not None and hash_like(manifest.reflog, previous) == manifest.reflog:
        log.info("%s is put back: its publisher ended early", storage.describe(REFLOG))
        storage.replace(REFLOG, previous)


def _get(storage: Storage, path: str) -> bytes | None:
    try:
        return storage.get(path)
    except NotFound:
        return None
