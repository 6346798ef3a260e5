# SPDX-License-Identifier: BSD-3-Clause
"""A Stratum 1: a copy of a repository that is made and updated from the public key downward.

Nothing is stored that was not verified, and nothing is named before all that it leads to is there: objects,
catalogs from the deepest up (`pull` has the rule), the reflog, and at last the signed manifest. At any moment
the replica is a whole revision, the old one or the new one. A run that was killed is taken up by the next; a
run with nothing to do reads four files of the source.

As the genuine `cvmfs_server snapshot` does (swissknife_pull.cc, cvmfs_server_snapshot.sh): a source without
`.cvmfs_master_replica` is refused, all tagged revisions are copied, `.cvmfs_is_snapshotting` is there while a
run lasts, `.cvmfs_last_snapshot` and `.cvmfs_status.json` say when the last one ended.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import UserError
from cvmfs.errors import NotFound, RepositoryError, VerificationFailed
from cvmfs.format.catalog import NestedCatalog
from cvmfs.format.hashes import ContentHash, Suffix, hash_like
from cvmfs.format.history import tags_of
from cvmfs.format.manifest import MANIFEST, Manifest, parse_manifest
from cvmfs.format.whitelist import WHITELIST
from cvmfs.keeping.collect import Swept, prune
from cvmfs.mirroring.pull import Pull, Pulled
from cvmfs.publishing import reflog
from cvmfs.publishing.reflog import REFLOG
from cvmfs.publishing.repository import MASTER_REPLICA, Repository
from cvmfs.publishing.server_status import note, status_date
from cvmfs.reading.contents import Contents
from cvmfs.reading.reader import Reader, open_reader
from cvmfs.storage.local import SCRATCH
from cvmfs.storage.storage import Storage

log = logging.getLogger(__name__)

JOBS = 16
"""Connections at once, as many as a genuine replica opens; what more and fewer do is in docs/cvmfs.md."""

IS_SNAPSHOTTING = ".cvmfs_is_snapshotting"
LAST_SNAPSHOT = ".cvmfs_last_snapshot"
_LEFT_BEHIND = re.compile(r"\.{1,2}(cvmfs|publish\.|control\.)")  # two dots: not yet renamed


class NotAReplica(UserError):
    """The place to write to holds something that is not a replica of this repository."""


class NotForReplication(RepositoryError):
    """The source does not let itself be replicated."""


class RolledBack(VerificationFailed):
    """The source shows an older revision than the replica has, or another one of the same number."""


@dataclass(frozen=True, slots=True)
class Replication:
    """What a run brought, and what went. `was` is the revision that the replica had before, if any."""

    fqrn: str
    revision: int
    root_hash: ContentHash
    was: int | None
    pulled: Pulled
    pruned: Swept


def replicate(
    source: str,
    storage: Storage,
    public_key: Path,
    *,
    at: datetime,
    fqrn: str | None = None,
    jobs: int = JOBS,
    scratch: Path | None = None,
    is_thorough: bool = False,
    grace: timedelta | None = None,
    proxies: str = "",
    report: Callable[[Pulled], None] = lambda _: None,
) -> Replication:
    """Make the replica in a storage equal to the source, and return what was new.

    Args:
        source: `http://host/cvmfs/<fqrn>`, or the repository's folder.
        storage: the replica, made where there is none; what a web server exports as `/cvmfs/<fqrn>`.
        public_key: the file with the master public key.
        at: the time at which the whitelist has to be valid, and that the replica says it was updated.
        fqrn: the name that the repository has to have; by default the last part of the source.
        jobs: how many connections there may be.
        scratch: a folder on this machine, where the storage is elsewhere.
        is_thorough: look at every object of the replica again, and fetch the damaged and the missing ones.
        grace: remove what no revision needs any more, and has been there for longer than this.
        proxies: what the source is asked through, as `CVMFS_HTTP_PROXY` has them.
        report: is called with what was done so far.

    Raises:
        NotForReplication: the source is not meant to be replicated.
        NotAReplica: the storage holds something else.
        RolledBack: the replica would go back.
        VerificationFailed: a signature, hash, name or date is not what it must be.
        Busy: another run is at it.
        RepositoryError: the source does not answer, or lacks an object.
    """
    name = fqrn or name_in(source)
    _check_place(storage, name)
    with open_reader(source, name, public_key, at=at, proxies=proxies) as reader:
        _check_sentinel(reader, source)
        if storage.size(MANIFEST) is None:
            storage.prepare()
        with _replica(storage, name, scratch).locked("replicate") as lease:
            before = _manifest_in(storage)
            _check_not_older(before, reader)
            pull = Pull(source, storage, jobs, is_thorough, proxies, report)
            with _told(storage, at):
                if before != reader.manifest or is_thorough:
                    _pull_revisions(reader.manifest, pull)
                    _bring_reflog(reader, storage)
                storage.replace(WHITELIST, reader.signed.whitelist)
                lease.swap_manifest(reader.signed.manifest)
                storage.replace(LAST_SNAPSHOT, f"{status_date(at)}\n".encode())
                note(storage, "last_snapshot", at)
                pruned = Swept() if grace is None else _prune(reader, storage, at, grace)
    return Replication(
        fqrn=name,
        revision=reader.revision,
        root_hash=reader.root_hash,
        was=None if before is None else before.revision,
        pulled=pull.done,
        pruned=pruned,
    )


def name_in(source: str) -> str:
    """Return the repository's name as an address or folder ends with it."""
    return urlsplit(source).path.rstrip("/").rpartition("/")[2]


# -- what is refused


def _check_place(storage: Storage, fqrn: str) -> None:
    where = storage.describe("").rstrip("/")
    if storage.size(MASTER_REPLICA) is not None:
        raise NotAReplica(
            f"{where} is a Stratum 0, not a replica", hint="name another place for the replica"
        )
    found = _manifest_in(storage)
    if found is not None and found.fqrn != fqrn:
        raise NotAReplica(
            f"{where} is a replica of {found.fqrn}, not of {fqrn}",
            hint="give each repository a place of its own",
        )
    strange = _stranger_in(storage.folder) if found is None and storage.folder else None
    if strange:
        raise NotAReplica(
            f"{where} is not empty and no replica: it holds {strange}",
            hint="name an empty or a new folder",
        )


def _stranger_in(folder: Path) -> str | None:
    """Return a file that no first run that was killed has left."""
    names = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    strange = [name for name in names if name != "data" and not _LEFT_BEHIND.match(name)]
    return strange[0] if strange else None


def _check_sentinel(reader: Reader, location: str) -> None:
    try:
        reader.location.source.get(MASTER_REPLICA)
    except NotFound as err:
        raise NotForReplication(
            f"{location} is not a server for replication: it has no {MASTER_REPLICA}",
            hint="replicate from the Stratum 0; its owner allows it by making that file",
        ) from err


def _check_not_older(before: Manifest | None, reader: Reader) -> None:
    if before is None:
        return
    where = reader.location.source.describe(MANIFEST)
    if before.revision == reader.revision and before.root_hash != reader.root_hash:
        raise RolledBack(
            f"{where} is of another revision {reader.revision} than the replica has: "
            f"its root is {reader.root_hash}, ours {before.root_hash}",
            hint="was it published twice from one state, or is the key in other hands? ask its owner",
        )
    if before.revision > reader.revision or before.published > reader.manifest.published:
        raise RolledBack(
            f"{where} is of revision {reader.revision} and was signed {_date_of(reader.manifest)}, "
            f"the replica has revision {before.revision} of {_date_of(before)} already",
            hint="a replica never goes back; was an old backup restored at the source?",
        )


def _date_of(manifest: Manifest) -> str:
    return status_date(datetime.fromtimestamp(manifest.published, UTC))


def _manifest_in(storage: Storage) -> Manifest | None:
    try:
        return parse_manifest(storage.get(MANIFEST), where=storage.describe(MANIFEST))
    except NotFound:
        return None


# -- what is brought


def _replica(storage: Storage, fqrn: str, scratch: Path | None) -> Repository:
    if scratch is None and storage.folder is not None:
        scratch = storage.folder / SCRATCH
    if scratch is None:
        raise RepositoryError(f"{storage.describe('')} needs a scratch folder on this machine")
    return Repository(storage, fqrn, scratch)


def _pull_revisions(manifest: Manifest, pull: Pull) -> None:
    """Bring what the manifest names, its revision and all that have a tag."""
    for content_hash, suffix in _named_by(manifest):
        pull.object(content_hash, suffix)
    pull.revision(NestedCatalog("", manifest.root_hash, manifest.root_size))
    tags = tags_of(_Brought(manifest, pull.storage))
    for root_hash, root_size in dict.fromkeys((tag.root_hash, tag.root_size) for tag in tags):
        pull.revision(NestedCatalog("", root_hash, root_size))
    pull.storage.make_durable()


@dataclass(frozen=True, slots=True)
class _Brought:
    """What is in the replica already, for reading its history."""

    manifest: Manifest
    storage: Storage

    def stored_object(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the verified stored bytes of an object."""
        return Contents(self.storage).stored(content_hash, suffix)


def _named_by(manifest: Manifest) -> Iterator[tuple[ContentHash, Suffix]]:
    yield manifest.certificate, Suffix.CERTIFICATE
    if manifest.metainfo is not None:
        yield manifest.metainfo, Suffix.METAINFO
    if manifest.history is not None:
        yield manifest.history, Suffix.HISTORY


def _bring_reflog(reader: Reader, storage: Storage) -> None:
    """Bring the reflog that the manifest names, or remove one that no manifest names any more.

    Raises:
        RepositoryError: the source has another one: it is being published.
    """
    expected = reader.manifest.reflog
    if expected is None:
        storage.remove([REFLOG])
        return
    before = reflog.content_of(storage)
    if before is not None and hash_like(expected, before) == expected:
        return
    content = reader.location.source.get(REFLOG)
    if hash_like(expected, content) != expected:
        where = reader.location.source.describe(REFLOG)
        raise RepositoryError(
            f"{where} is not the one that the manifest of revision {reader.revision} names",
            hint="a publish is under way or was broken off at the source: run this again",
        )
    reflog.put(storage, before, content)


def _prune(reader: Reader, storage: Storage, at: datetime, grace: timedelta) -> Swept:
    """Remove what the revision that was brought and its tags do not need."""
    done = prune(storage, _Brought(reader.manifest, storage), at=at, grace=grace)
    note(storage, "last_gc", at)
    return done.swept


# -- what monitors read


@contextmanager
def _told(storage: Storage, at: datetime) -> Iterator[None]:
    """Show for the time of the block that the replica is being updated."""
    storage.replace(IS_SNAPSHOTTING, f"{status_date(at)}\n".encode())
    try:
        yield
    finally:
        storage.remove([IS_SNAPSHOTTING])
