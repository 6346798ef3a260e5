# SPDX-License-Identifier: BSD-3-Clause
"""Garbage collection: what no kept revision reaches goes.

Kept are the current revision, every tag that the rules leave, and what the reflog knows from within the
grace period: clients and replicas are still at such revisions. From there all catalogs are read, each once,
and what they name is marked. Then every object goes that is not marked and was put before the grace period.

What makes it safe, in this order:

    the lock   no publisher is at work that relies on an object which it found there
    mark       a catalog that is missing or damaged stops everything before anything was changed
    publish    tags, reflog and manifest that name nothing of what goes; the manifest differs from the one
               before, so a publisher that lost the lock cannot publish over it
    sweep      catalogs before what they name, upper ones first

Killed anywhere it leaves garbage and nothing else, and the next run removes that. Marked are digests of 20
bytes whatever the suffix, so at worst something is kept that could go.

A replica is another matter: replication takes a catalog that is there for everything that it reaches
(`pull`). So no catalog is there without the ones below it and their contents at any moment of a sweep, and
one that is too young to go keeps what it reaches.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cvmfs.errors import FormatInvalid, RepositoryError, VerificationFailed
from cvmfs.format.catalog import Catalog
from cvmfs.format.compression import Compression, compress, decompress
from cvmfs.format.hashes import (
    Algorithm,
    ContentHash,
    Suffix,
    algorithm_of,
    empty_file,
    hash_of,
    object_path,
    parse_hash,
    to_blob,
)
from cvmfs.format.history import HasHistory, Tag, branches_of, history_object, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import Manifest
from cvmfs.keeping.retention import KEEP_ALL, Retention, expired
from cvmfs.publishing import reflog
from cvmfs.publishing.reflog import Reference, ReferenceType
from cvmfs.publishing.repository import Repository, check_whitelisted, commit_tags
from cvmfs.publishing.server_status import note
from cvmfs.storage.storage import Storage, StoredFile

log = logging.getLogger(__name__)

GRACE = timedelta(days=3)
"""The genuine default. Longer than a publisher, a client's cached manifest or a replication takes."""

_OBJECT = re.compile(r"data/([0-9a-f]{2})/([0-9a-f]{38})(?:-rmd160|-shake128)?([CHXMP]?)")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """Objects and their bytes as stored: kept ones, ones that are too young to go, and those that went."""

    kept: int = 0
    kept_bytes: int = 0
    young: int = 0
    young_bytes: int = 0
    removed: int = 0
    removed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection did, or would do. `revisions` are kept, `catalogs` were read."""

    fqrn: str
    revisions: int
    catalogs: int
    removed_tags: tuple[Tag, ...]
    swept: Swept
    is_dry_run: bool


@dataclass
class Marks:
    """What is kept, as digests, and the catalogs that were read for it."""

    digests: set[bytes] = field(default_factory=set)
    catalogs: set[bytes] = field(default_factory=set)

    def add(self, content_hash: ContentHash) -> None:
        """Keep an object."""
        self.digests.add(to_blob(content_hash))

    def has(self, digest: bytes) -> bool:
        """Return whether an object is kept."""
        return digest in self.digests


def collect(
    repository: Repository,
    keys: RepositoryKeys,
    *,
    at: datetime,
    grace: timedelta = GRACE,
    rules: Retention = KEEP_ALL,
    is_dry_run: bool = False,
) -> Collection:
    """Remove what no kept revision reaches, and return what went.

    Args:
        repository: the repository.
        keys: who signs the manifest without the revisions that go.
        at: now.
        grace: how long an object stays that nothing names, and a revision that lost its tags.
        rules: which tags that publishing made are kept; by default all.
        is_dry_run: look, and change nothing.

    Raises:
        Busy: a transaction is open.
        LeaseLost: somebody else took over, for we stood still too long; what was removed was garbage.
        NotFound: a catalog of a kept revision is missing; nothing was removed.
        ObjectCorrupted: one is damaged; nothing was removed.
    """
    check_whitelisted(repository, keys, at)
    if is_dry_run:
        plan = _plan(repository, keys, at, grace, rules)
        return plan.report(_survey(repository.storage, plan), is_dry_run=True)
    with repository.locked("collect garbage") as lease:
        plan = _plan(repository, keys, at, grace, rules)
        swept = _survey(repository.storage, plan)
        if swept.removed or plan.is_change:
            published = commit_tags(
                repository,
                keys,
                plan.tags if plan.removed_tags else None,
                lease=lease,
                published=max(int(at.timestamp()), plan.manifest.published + 1),
                references=plan.references,
            )
            for found in reflog.references_in(published):
                plan.marks.add(found.content_hash)
            _sweep(repository.storage, repository, plan, lease.confirm)
        note(repository.storage, "last_gc", at)
    log.info("removed %d objects of %s", swept.removed, repository.fqrn)
    return plan.report(swept, is_dry_run=False)


def prune(
    storage: Storage, source: HasHistory, *, at: datetime, grace: timedelta = GRACE
) -> Collection:
    """Remove from a replica what its own manifest and tags do not reach, and return what went.

    A replica signs nothing: its tags are those of its source. Whoever updates it has to be shut out.

    Raises:
        NotFound: a catalog of a revision is missing; nothing was removed.
        ObjectCorrupted: one is damaged; nothing was removed.
    """
    manifest, tags = source.manifest, tags_of(source)
    content = reflog.content_of(storage)
    known = () if content is None else reflog.decode(content, where=storage.describe(reflog.REFLOG))
    references = _kept(known, manifest, tags, at - grace)
    # Revisions without a tag are replicated by chance: those that are there are whole.
    there = [
        found
        for found in references
        if found.type is not ReferenceType.CATALOG
        or storage.size(object_path(found.content_hash, Suffix.CATALOG)) is not None
    ]
    marks = _mark(source, manifest, tags, there)
    _mark_young(storage, source, marks, since=(at - grace).timestamp())
    plan = _Plan(manifest, tags, (), references, known, marks, (at - grace).timestamp())
    swept = _survey(storage, plan)
    if swept.removed:
        _sweep(storage, source, plan, lambda: None)
    return plan.report(swept, is_dry_run=False)


# -- what stays


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is kept; what was put before `until`, in seconds since 1970, and is not marked goes."""

    manifest: Manifest
    tags: tuple[Tag, ...]
    removed_tags: tuple[Tag, ...]
    references: tuple[Reference, ...]
    known: tuple[Reference, ...]
    marks: Marks
    until: float

    @property
    def is_change(self) -> bool:
        """Return whether a tag or a reference goes."""
        return bool(self.removed_tags) or set(self.references) != set(self.known)

    def report(self, swept: Swept, *, is_dry_run: bool) -> Collection:
        """Return what comes of it."""
        roots = {tag.root_hash for tag in self.tags} | {self.manifest.root_hash}
        return Collection(
            fqrn=self.manifest.fqrn,
            revisions=len(roots),
            catalogs=len(self.marks.catalogs),
            removed_tags=self.removed_tags,
            swept=swept,
            is_dry_run=is_dry_run,
        )


def _plan(
    repository: Repository, keys: RepositoryKeys, at: datetime, grace: timedelta, rules: Retention
) -> _Plan:
    manifest, tags = repository.manifest, tags_of(repository)
    removed = expired(tags, rules, at=at)
    kept = tuple(tag for tag in tags if tag not in removed)
    known = reflog.known(repository.storage, manifest, reflog.references_of(tags))
    references = _kept(known, manifest, kept, at - grace)
    marks = _mark(repository, manifest, kept, references)
    algorithm = algorithm_of(manifest.root_hash)
    marks.add(hash_of(compress(keys.certificate_pem), algorithm))
    if removed:  # the history that is to be written may lie there from a run that was killed
        branches = branches_of(repository) if any(tag.branch for tag in kept) else ()
        history = history_object(
            kept, fqrn=repository.fqrn, previous=manifest.history, branches=branches
        )
        marks.add(hash_of(history, algorithm))
    return _Plan(manifest, kept, removed, references, known, marks, (at - grace).timestamp())


def _kept(
    known: Iterable[Reference], manifest: Manifest, tags: Sequence[Tag], since: datetime
) -> tuple[Reference, ...]:
    """Return the references that are named by what stays, or were published within the grace period."""
    named = {found.content_hash for found in reflog.references_in(manifest)}
    named |= {tag.root_hash for tag in tags}
    return tuple(
        found
        for found in known
        if found.content_hash in named or found.timestamp >= since.timestamp()
    )


def _mark(
    source: HasHistory, manifest: Manifest, tags: Sequence[Tag], references: Iterable[Reference]
) -> Marks:
    """Return everything that stays: what manifest, tags and references name, and what catalogs reach."""
    marks = Marks()
    for algorithm in Algorithm:
        marks.add(empty_file(algorithm))  # clients expect it, used or not
    roots = [tag.root_hash for tag in tags]
    for found in (*reflog.references_in(manifest), *references):
        marks.add(found.content_hash)
        if found.type is ReferenceType.CATALOG:
            roots.append(found.content_hash)
    _walk(source, roots, marks)
    return marks


def _mark_young(storage: Storage, source: HasHistory, marks: Marks, *, since: float) -> None:
    """Keep what the catalogs reach that a replication which was broken off has brought lately."""
    for file, digest, suffix in _objects(storage):
        if suffix == Suffix.CATALOG.value and file.modified >= since and not marks.has(digest):
            _walk(source, [_name_of(file)], marks)


def _walk(source: HasHistory, roots: Iterable[ContentHash], marks: Marks) -> None:
    """Mark catalogs and everything that they reach."""
    waiting = list(roots)
    while waiting:
        content_hash = waiting.pop()
        digest = to_blob(content_hash)
        if digest not in marks.catalogs:
            marks.catalogs.add(digest)
            marks.digests.add(digest)
            waiting += _reached(source, content_hash, marks)


def _reached(source: HasHistory, content_hash: ContentHash, marks: Marks) -> list[ContentHash]:
    """Mark what the files of a catalog are stored in, and return the catalogs below it."""
    where = object_path(content_hash, Suffix.CATALOG)
    stored = source.stored_object(content_hash, Suffix.CATALOG)
    catalog = Catalog.from_bytes(decompress(stored, Compression.ZLIB, where=where), where=where)
    try:
        for name, _ in catalog.objects():
            marks.digests.add(to_blob(name))
        return [below.content_hash for below in (*catalog.nested.values(), *catalog.bound())]
    except sqlite3.Error as err:
        raise FormatInvalid(f"{where} is not a catalog: {err}") from err
    finally:
        catalog.close()


# -- what goes


def _survey(storage: Storage, plan: _Plan) -> Swept:
    """Return how much stays and how much goes."""
    kept = kept_bytes = young = young_bytes = removed = removed_bytes = 0
    for file, digest, _ in _objects(storage):
        if plan.marks.has(digest):
            kept, kept_bytes = kept + 1, kept_bytes + file.size
        elif file.modified >= plan.until:
            young, young_bytes = young + 1, young_bytes + file.size
        else:
            removed, removed_bytes = removed + 1, removed_bytes + file.size
    return Swept(kept, kept_bytes, young, young_bytes, removed, removed_bytes)


def _sweep(storage: Storage, source: HasHistory, plan: _Plan, confirm: Callable[[], None]) -> None:
    """Remove what is not marked; `confirm` is asked before each batch and raises if we may not any more."""
    catalogs = {
        _name_of(file): file.path
        for file, suffix in _garbage(storage, plan)
        if suffix == Suffix.CATALOG.value
    }
    for level in _levels(source, set(catalogs)):
        _remove(storage, (catalogs[name] for name in level), confirm)
    _remove(storage, (file.path for file, _ in _garbage(storage, plan)), confirm)


def _levels(source: HasHistory, names: set[ContentHash]) -> Iterator[list[ContentHash]]:
    """Return catalogs in groups, each after those with catalogs that are above its own."""
    below = {name: _below(source, name) & names for name in names}
    above = Counter(lower for lowers in below.values() for lower in lowers)
    level = [name for name in names if not above[name]]
    while level:
        yield sorted(level)
        freed = Counter(lower for name in level for lower in below[name])
        above.subtract(freed)
        level = [name for name in freed if not above[name]]


def _below(source: HasHistory, name: ContentHash) -> set[ContentHash]:
    """Return the catalogs below one that goes; a damaged one reaches nothing."""
    try:
        return set(_reached(source, name, Marks()))
    except (RepositoryError, VerificationFailed) as err:
        log.debug("%s", err)
        return set()


def _garbage(storage: Storage, plan: _Plan) -> Iterator[tuple[StoredFile, str]]:
    for file, digest, suffix in _objects(storage):
        if not plan.marks.has(digest) and file.modified < plan.until:
            yield file, suffix


def _remove(storage: Storage, paths: Iterable[str], confirm: Callable[[], None]) -> None:
    batch: list[str] = []
    for path in paths:
        batch.append(path)
        if len(batch) == _BATCH:
            confirm()
            storage.remove(batch)
            batch = []
    if batch:
        confirm()
        storage.remove(batch)


def _objects(storage: Storage) -> Iterator[tuple[StoredFile, bytes, str]]:
    """Return the objects with digest and suffix; other files are none of ours and stay.

    Objects that go meanwhile disturb no listing: a directory is read as a whole, a bucket goes on by name.
    """
    for file in storage.files("data/"):
        if match := _OBJECT.fullmatch(file.path):
            yield file, bytes.fromhex(match[1] + match[2]), match[3]


def _name_of(catalog: StoredFile) -> ContentHash:
    """Return the hash that is a catalog's name."""
    name = catalog.path.removeprefix("data/").replace("/", "", 1).removesuffix(Suffix.CATALOG)
    return parse_hash(name, where=catalog.path)
