# SPDX-License-Identifier: BSD-3-Clause
"""A repository in a storage: made once, opened for publishing, its whitelist signed anew before it expires.

The storage is what a web server exports as `/cvmfs/<fqrn>`: `.cvmfspublished`, `.cvmfswhitelist`,
`.cvmfs_master_replica` (without it a Stratum 1 refuses to replicate) and `data/`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from core.errors import UserError
from cvmfs.errors import LeaseLost, NotFound, RepositoryError, WrongRepository
from cvmfs.format.hashes import Algorithm, ContentHash, Suffix, algorithm_of, hash_of
from cvmfs.format.history import Tag, branches_of, history_object, tagged
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST, TTL_S, Manifest, parse_manifest, sign_manifest
from cvmfs.format.metainfo import Metainfo
from cvmfs.format.paths import repository_name
from cvmfs.format.whitelist import WHITELIST, Whitelist, fingerprint, is_listed, parse, sign
from cvmfs.publishing import reflog
from cvmfs.publishing.catalog_set import CatalogSet
from cvmfs.publishing.lease import Lease, leased
from cvmfs.publishing.objects import ObjectStore
from cvmfs.publishing.reflog import Reference
from cvmfs.storage.local import SCRATCH
from cvmfs.storage.places import storage_at
from cvmfs.storage.storage import Storage
from cvmfs.storage.trouble import disk_explained

log = logging.getLogger(__name__)

MASTER_REPLICA = ".cvmfs_master_replica"
WHITELIST_VALID_DAYS = 30
_LOCK = ".publish.lock"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that can be written: where its files are, its name, and a folder for unfinished ones.

    `wait_s` is how many seconds whoever changes it waits for another publisher to end.
    """

    storage: Storage
    fqrn: str
    scratch: Path
    wait_s: float = 0.0

    @property
    def folder(self) -> Path:
        """Return the directory of a repository that is on this machine.

        Raises:
            RepositoryError: it is elsewhere.
        """
        if self.storage.folder is None:
            raise RepositoryError(f"{self.fqrn} is not in a directory of this machine")
        return self.storage.folder

    @property
    def place(self) -> str:
        """Return where it is, for messages."""
        return self.storage.describe("").rstrip("/")

    @property
    def manifest(self) -> Manifest:
        """Return the current manifest, its signature not looked at: it is our own folder.

        Raises:
            NotFound: there is none.
        """
        where = self.storage.describe(MANIFEST)
        try:
            return parse_manifest(self.storage.get(MANIFEST), where=where)
        except NotFound as err:
            raise NotFound(
                f"{where} is missing", hint="make the repository first: pansoft repo init"
            ) from err

    @property
    def whitelist(self) -> Whitelist:
        """Return the current whitelist, its signature not looked at.

        Raises:
            NotFound: there is none.
        """
        where = self.storage.describe(WHITELIST)
        try:
            return parse(self.storage.get(WHITELIST), where=where)
        except NotFound as err:
            raise NotFound(f"{where} is missing", hint="sign one: pansoft repo resign") from err

    @property
    def store(self) -> ObjectStore:
        """Return the objects of the repository; new ones are named as its root catalog is."""
        algorithm = algorithm_of(self.manifest.root_hash)
        return ObjectStore(self.storage, self.scratch, algorithm)

    def stored_object(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the verified stored bytes of an object."""
        return ObjectStore(self.storage, self.scratch).get(content_hash, suffix)

    @contextmanager
    def locked(self, purpose: str) -> Iterator[Lease]:
        """Hold the repository for the time of the block, and begin it with an empty scratch folder.

        Raises:
            Busy: another process holds it.
        """
        beside = self.storage.folder or self.scratch.parent
        lock_file = beside / _LOCK
        with (
            disk_explained(self.scratch),
            leased(self.storage, lock_file, purpose=purpose, wait_s=self.wait_s) as lease,
        ):
            ObjectStore(self.storage, self.scratch).clean_scratch()
            if self.storage.size(MANIFEST) is not None:
                reflog.mend(self.storage, self.manifest)
            yield lease


def repository_at(location: str | Path, fqrn: str, *, scratch: Path | None = None) -> Repository:
    """Return the repository of a name at a place, whether or not it is there.

    Unfinished files of a repository on this machine are below its folder, as the genuine server has them.

    Raises:
        RepositoryError: it is elsewhere and no folder for unfinished files was given.
    """
    storage = storage_at(location)
    if scratch is None and storage.folder is not None:
        scratch = storage.folder / SCRATCH
    if scratch is None:
        raise RepositoryError(f"{location} needs a scratch folder on this machine")
    return Repository(storage, repository_name(fqrn), scratch)


def create_repository(
    location: str | Path,
    keys: RepositoryKeys,
    *,
    at: datetime,
    algorithm: Algorithm = Algorithm.SHA1,
    scratch: Path | None = None,
    metainfo: Metainfo | None = None,
) -> Repository:
    """Make a repository with an empty root, revision 1, and a whitelist for 30 days; return it.

    A folder in which making one was broken off is taken up again.

    Raises:
        UserError: there is a repository already, or the master key is missing.
    """
    repository = repository_at(location, keys.fqrn, scratch=scratch)
    storage = repository.storage
    if storage.size(MANIFEST) is not None:
        raise UserError(f"there is a repository in {location} already")
    keys.master()
    storage.prepare()
    store = ObjectStore(storage, repository.scratch, algorithm)
    with repository.locked("make the repository") as lease:
        store.put_empty_file()
        catalogs = CatalogSet(store, None, int(at.timestamp()))
        catalogs.start_empty()
        root = catalogs.write(1, ttl_s=TTL_S)
        catalogs.close()
        manifest = Manifest(
            fqrn=keys.fqrn,
            revision=1,
            root_hash=root.content_hash,
            root_size=root.size,
            certificate=store.put_compressed(keys.certificate_pem, Suffix.CERTIFICATE).content_hash,
            published=int(at.timestamp()),
            metainfo=store.put_compressed(
                (metainfo or Metainfo()).encode(), Suffix.METAINFO
            ).content_hash,
        )
        storage.replace(MASTER_REPLICA, b"this is a master replica\n")
        sign_whitelist(repository, keys, at=at, algorithm=algorithm)
        tags = tagged((), manifest, "new repository")
        commit(repository, store, keys, manifest, lease=lease, tags=tags)
    return repository


def open_repository(location: str | Path, fqrn: str, *, scratch: Path | None = None) -> Repository:
    """Return the repository at a place.

    Raises:
        NotFound: there is none.
        WrongRepository: it has another name.
    """
    repository = repository_at(location, fqrn, scratch=scratch)
    found = repository.manifest.fqrn
    if found != fqrn:
        raise WrongRepository(f"the repository in {location} is {found}, not {fqrn}")
    return repository


def sign_whitelist(
    repository: Repository,
    keys: RepositoryKeys,
    *,
    at: datetime,
    valid_days: int = WHITELIST_VALID_DAYS,
    algorithm: Algorithm | None = None,
    others: Sequence[x509.Certificate] = (),
) -> Whitelist:
    """Sign a new whitelist with the master key for the repository's certificate, and return it.

    Clients read the expiry to the hour, so it is a full hour. Without an algorithm the fingerprints are made
    with that of the repository. `others` may sign as well: a key that comes, or one that goes.

    Raises:
        UserError: the master key is not here, or the days are none.
    """
    if valid_days < 1:
        raise UserError(f"a whitelist cannot be valid for {valid_days} days")
    if algorithm is None:
        algorithm = algorithm_of(repository.manifest.root_hash)
    start = at.astimezone(UTC)
    expires = (start + timedelta(days=valid_days)).replace(minute=0, second=0, microsecond=0)
    whitelist = Whitelist(
        repository.fqrn,
        start.replace(microsecond=0),
        expires,
        tuple(fingerprint(one, algorithm) for one in (keys.certificate, *others)),
    )
    repository.storage.replace(WHITELIST, sign(whitelist, keys.master(), algorithm))
    return whitelist


def check_whitelisted(repository: Repository, keys: RepositoryKeys, at: datetime) -> None:
    """Refuse keys whose signature no client would take; warn of a whitelist that is out of date.

    Raises:
        UserError: the keys are not this repository's, or its whitelist does not name their certificate.
    """
    if keys.fqrn != repository.fqrn:
        raise UserError(f"the keys are for {keys.fqrn}, not for {repository.fqrn}")
    whitelist = repository.whitelist
    if not is_listed(keys.certificate, whitelist):
        raise UserError(
            f"the whitelist of {repository.fqrn} does not name the certificate "
            f"{fingerprint(keys.certificate)}",
            hint="the holder of the master key has to sign a new whitelist: pansoft repo resign",
        )
    if at >= whitelist.expires:
        log.warning(
            "the whitelist of %s expired on %s: clients refuse the repository until it is signed anew",
            repository.fqrn,
            whitelist.expires.isoformat(),
        )
    elif whitelist.is_due(at):
        log.warning(
            "the whitelist of %s is good until %s only: sign a new one with pansoft repo resign",
            repository.fqrn,
            f"{whitelist.expires:%Y-%m-%d %H:%M} UTC",
        )


def commit_tags(
    repository: Repository,
    keys: RepositoryKeys,
    tags: Sequence[Tag] | None,
    *,
    lease: Lease,
    published: int,
    references: Iterable[Reference] | None = None,
) -> Manifest:
    """Publish other tags, or another reflog, of the revision that there is, and return the manifest.

    The repository has to be locked. Without tags those that there are stay; `published` is in seconds since
    1970.
    """
    store = repository.store
    revised = replace(
        repository.manifest,
        certificate=store.put_compressed(keys.certificate_pem, Suffix.CERTIFICATE).content_hash,
        published=max(published, repository.manifest.published),
    )
    return commit(repository, store, keys, revised, lease=lease, tags=tags, references=references)


def commit(
    repository: Repository,
    store: ObjectStore,
    keys: RepositoryKeys,
    manifest: Manifest,
    *,
    lease: Lease,
    tags: Sequence[Tag] | None,
    references: Iterable[Reference] | None = None,
) -> Manifest:
    """Make everything durable and let the signed manifest with these tags take its name; return it.

    Until the swap at the end clients see the old revision, from then on the new one. The reflog is
    replaced just before; should this process die in between, the next one puts the old reflog back.

    Args:
        repository: the repository, locked.
        store: its objects.
        keys: who signs.
        manifest: what is published; history and reflog are filled in here.
        lease: what the repository is locked with.
        tags: all tags that there are from now on; None: those that there are.
        references: what the reflog is to hold beside this manifest; by default what it holds.

    Raises:
        LeaseLost: somebody else may publish now, and nothing was published.
    """
    storage = store.storage
    complete = replace(manifest, is_collectable=True)
    if tags is not None:
        complete = replace(complete, history=_put_history(repository, store, manifest, tags))
    old = reflog.content_of(storage)
    if references is None:
        references = reflog.known(storage, manifest, reflog.references_of(tags or ()))
    if storage.size(MANIFEST) is not None:  # clients are at the one before until now
        before = replace(repository.manifest, published=complete.published)
        references = reflog.merged(references, reflog.references_in(before))
    new = reflog.encode(
        reflog.merged(references, reflog.references_in(complete)), fqrn=repository.fqrn
    )
    complete = replace(complete, reflog=hash_of(new, store.algorithm))
    storage.make_durable()
    lease.confirm()  # the reflog must not change under another publisher
    if not reflog.put(storage, old, new):
        raise LeaseLost(f"{repository.fqrn} was published by somebody else in the meantime")
    try:
        lease.swap_manifest(sign_manifest(complete, keys.repository_key))
    except LeaseLost:
        reflog.put_back(storage, old, new)
        raise
    return complete


def _put_history(
    repository: Repository, store: ObjectStore, manifest: Manifest, tags: Sequence[Tag]
) -> ContentHash:
    branches = branches_of(repository) if any(tag.branch for tag in tags) else ()
    content = history_object(
        tags, fqrn=repository.fqrn, previous=manifest.history, branches=branches
    )
    return store.put(content, Suffix.HISTORY).content_hash
