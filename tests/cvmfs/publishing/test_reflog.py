# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from dataclasses import replace

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import FormatInvalid, ObjectCorrupted
from cvmfs.format.hashes import ContentHash
from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST, Manifest, sign_manifest
from cvmfs.publishing import reflog
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.reflog import (
    PREVIOUS,
    REFLOG,
    Reference,
    ReferenceType,
    decode,
    encode,
    merged,
)
from cvmfs.publishing.repository import Repository
from tests.cvmfs.samples import LATER, object_file, read

A, B = ContentHash("a" * 40), ContentHash("b" * 40)


def entries(repository: Repository) -> set[tuple[str, int]]:
    """Return hash and type of every reference, as any SQLite reader sees them."""
    with contextlib.closing(sqlite3.connect(repository.folder / REFLOG)) as db:
        return {(text, kind) for text, kind in db.execute("SELECT hash, type FROM refs")}


def named_by(manifest: Manifest) -> set[tuple[str, int]]:
    """Return what the format's checker looks for."""
    assert manifest.history is not None
    assert manifest.metainfo is not None
    return {
        (manifest.root_hash, 0),
        (manifest.certificate, 1),
        (manifest.history, 2),
        (manifest.metainfo, 3),
    }


def change(repository: Repository, keys: RepositoryKeys, text: str) -> None:
    """Publish one file."""
    with transaction(repository, keys, at=LATER) as tx:
        tx.put_bytes(text.encode(), "file")


def publish_and_die(repository: Repository, keys: RepositoryKeys) -> None:
    """End this process where the manifest would take its name."""
    swap_file = repository.storage.swap

    def die_at_the_manifest(path: str, old: bytes | None, new: bytes) -> bool:
        if path == MANIFEST:
            os._exit(9)
        return swap_file(path, old, new)

    repository.storage.swap = die_at_the_manifest  # type: ignore[method-assign] # a child's own
    change(repository, keys, "never seen")
    os._exit(1)


def is_mended(repository: Repository) -> bool:
    """Return whether the reflog is the one that the manifest names."""
    content = (repository.folder / REFLOG).read_bytes()
    return hashlib.sha1(content, usedforsecurity=False).hexdigest() == repository.manifest.reflog


def test_every_publish_enters_what_the_manifest_names(
    repository: Repository, keys: RepositoryKeys
) -> None:
    first = repository.manifest
    change(repository, keys, "one")

    second = repository.manifest
    assert entries(repository) == named_by(first) | named_by(second)
    assert is_mended(repository)
    assert second.is_collectable
    assert b"\nG" + b"yes\n" in (repository.folder / MANIFEST).read_bytes()


def test_properties_are_those_of_the_format(repository: Repository) -> None:
    with contextlib.closing(sqlite3.connect(repository.folder / REFLOG)) as db:
        properties = dict(db.execute("SELECT key, value FROM properties"))
        columns = [row[1:3] for row in db.execute("PRAGMA table_info(refs)")]

    assert properties == {"fqrn": "software.example.org", "schema": "1.0", "schema_revision": "0"}
    assert columns == [("hash", "TEXT"), ("type", "INTEGER"), ("timestamp", "INTEGER")]
    header = (repository.folder / REFLOG).read_bytes()[:20]
    assert header[18:20] == b"\x01\x01", "rollback journal"


def test_repository_without_a_reflog_gets_one_from_its_tags(
    published: Repository, keys: RepositoryKeys
) -> None:
    """Repositories that were made before there was a reflog."""
    roots = {tag.root_hash for tag in tags_of(published)}
    without = replace(published.manifest, reflog=None, is_collectable=False)
    (published.folder / MANIFEST).write_bytes(sign_manifest(without, keys.repository_key))
    (published.folder / REFLOG).unlink()

    change(published, keys, "one")

    assert entries(published) >= {(root, 0) for root in roots} | named_by(published.manifest)
    assert is_mended(published)
    assert check(read(published, keys)).is_sound


@pytest.mark.parametrize("is_first", [True, False], ids=["first reflog", "later reflog"])
def test_publisher_killed_between_reflog_and_manifest_leaves_what_the_next_one_mends(
    published: Repository, keys: RepositoryKeys, is_first: bool
) -> None:
    if is_first:
        without = replace(published.manifest, reflog=None)
        (published.folder / MANIFEST).write_bytes(sign_manifest(without, keys.repository_key))
        (published.folder / REFLOG).unlink()
    before = published.manifest
    child = os.fork()
    if child == 0:
        publish_and_die(published, keys)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert published.manifest == before
    assert (published.folder / REFLOG).exists()

    with published.locked("look"):
        pass

    assert (published.folder / REFLOG).exists() != is_first
    assert is_first or is_mended(published)
    change(published, keys, "seen")
    assert is_mended(published)


def test_damaged_reflog_is_made_anew_by_the_next_publish(
    published: Repository, keys: RepositoryKeys
) -> None:
    (published.folder / REFLOG).write_bytes(b"not a database")

    change(published, keys, "one")

    assert is_mended(published)
    roots = {(tag.root_hash, 0) for tag in tags_of(published)}
    assert entries(published) >= roots | named_by(published.manifest)


def test_reflog_that_changed_under_a_publisher_stops_it(
    published: Repository, keys: RepositoryKeys
) -> None:
    content = reflog.content_of(published.storage)
    assert content is not None
    assert not reflog.put(published.storage, b"what another one saw", content)
    assert reflog.content_of(published.storage) == content


def test_references_are_merged_with_their_latest_time() -> None:
    old = Reference(A, ReferenceType.CATALOG, 1)
    new = Reference(A, ReferenceType.CATALOG, 7)
    other = Reference(B, ReferenceType.HISTORY, 3)

    assert merged([old, other], [new]) == (other, new)
    assert merged([new], [other, old]) == (other, new)
    assert decode(encode([other, new], fqrn="a.b"), where="x") == (other, new)
    assert encode([other, new], fqrn="a.b") == encode([other, new], fqrn="a.b")


def test_what_is_no_reflog_is_refused(published: Repository) -> None:
    manifest = published.manifest
    content = (published.folder / REFLOG).read_bytes()

    assert reflog.verified(content, manifest, where="x") == decode(content, where="x")
    with pytest.raises(FormatInvalid, match="x is not a reflog"):
        decode(b"nothing", where="x")
    with pytest.raises(FormatInvalid, match="x is not a reflog"):
        decode(object_file_content(published), where="x")
    with pytest.raises(ObjectCorrupted, match="the manifest names"):
        reflog.verified(content + b"\0", manifest, where="x")
    with pytest.raises(ObjectCorrupted, match="does not name it"):
        reflog.verified(content, replace(manifest, reflog=None), where="x")


def object_file_content(repository: Repository) -> bytes:
    """Return bytes that are an object and no database."""
    manifest = repository.manifest
    return object_file(repository, manifest.root_hash, ReferenceType.CATALOG.suffix).read_bytes()


def test_previous_reflog_is_not_served(repository: Repository, keys: RepositoryKeys) -> None:
    change(repository, keys, "one")

    assert (repository.folder / PREVIOUS).exists()
    assert not PREVIOUS.startswith(".cvmfs")
