# SPDX-License-Identifier: BSD-3-Clause
"""A repository in a directory: made once, opened for publishing, its whitelist signed anew before it expires.

The directory is what a web server exports as `/cvmfs/<fqrn>`: `.cvmfspublished`, `.cvmfswhitelist`,
`.cvmfs_master_replica` (without it a Stratum 1 refuses to replicate) and `data/`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.canonical import Json, readable_json
from core.errors import UserError
from core.files import exclusive_lock, write_atomic
from cvmfs.catalog_set import CatalogSet
from cvmfs.compression import compress
from cvmfs.errors import NotFound, WrongRepository
from cvmfs.hashes import ContentHash, Suffix
from cvmfs.history import Tag, tagged, write_history
from cvmfs.keys import RepositoryKeys
from cvmfs.manifest import MANIFEST, TTL_S, Manifest, parse_manifest, sign_manifest
from cvmfs.objects import ObjectStore
from cvmfs.paths import repository_name
from cvmfs.whitelist import WHITELIST, Whitelist, parse, sign

MASTER_REPLICA = ".cvmfs_master_replica"
WHITELIST_VALID_DAYS = 30
_LOCK = ".publish.lock"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that can be written: its folder and its name."""

    storage: Path
    fqrn: str

    @property
    def manifest(self) -> Manifest:
        """Return the current manifest, its signature not looked at: it is our own folder.

        Raises:
            NotFound: there is none.
        """
        file = self.storage / MANIFEST
        try:
            return parse_manifest(file.read_bytes(), where=str(file))
        except FileNotFoundError as err:
            raise NotFound(
                f"{file} is missing", hint="make the repository first: pansoft repo init"
            ) from err

    @property
    def whitelist(self) -> Whitelist:
        """Return the current whitelist, its signature not looked at.

        Raises:
            NotFound: there is none.
        """
        file = self.storage / WHITELIST
        try:
            return parse(file.read_bytes(), where=str(file))
        except FileNotFoundError as err:
            raise NotFound(f"{file} is missing", hint="sign one: pansoft repo resign") from err

    @property
    def store(self) -> ObjectStore:
        """Return the objects of the repository."""
        return ObjectStore(self.storage)

    def stored_object(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the verified stored bytes of an object."""
        return self.store.get(content_hash, suffix)

    @contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Hold the repository for the time of the block, and begin it with an empty scratch folder.

        Raises:
            Busy: another process holds it.
        """
        with exclusive_lock(self.storage / _LOCK, purpose=purpose):
            self.store.clean_scratch()
            yield


def create_repository(
    storage: Path,
    keys: RepositoryKeys,
    *,
    at: datetime,
    metainfo: Mapping[str, Json] | None = None,
) -> Repository:
    """Make a repository with an empty root, revision 1, and a whitelist for 30 days; return it.

    A folder in which making one was broken off is taken up again.

    Raises:
        UserError: there is a repository already, or the master key is missing.
    """
    repository = Repository(storage, keys.fqrn)
    if (storage / MANIFEST).exists():
        raise UserError(f"there is a repository in {storage} already")
    keys.master()
    store = repository.store
    store.create()
    with repository.locked("make the repository"):
        store.put(compress(b""), Suffix.FILE)
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
                readable_json(dict(metainfo or {})).encode(), Suffix.METAINFO
            ).content_hash,
        )
        write_atomic(storage / MASTER_REPLICA, "this is a master replica\n")
        sign_whitelist(repository, keys, at=at)
        commit(repository, store, keys, manifest, message="new repository", tags=())
    return repository


def open_repository(storage: Path, fqrn: str) -> Repository:
    """Return the repository in a folder.

    Raises:
        NotFound: there is none.
        WrongRepository: it has another name.
    """
    repository = Repository(storage, repository_name(fqrn))
    found = repository.manifest.fqrn
    if found != fqrn:
        raise WrongRepository(f"the repository in {storage} is {found}, not {fqrn}")
    return repository


def sign_whitelist(
    repository: Repository,
    keys: RepositoryKeys,
    *,
    at: datetime,
    valid_days: int = WHITELIST_VALID_DAYS,
) -> Whitelist:
    """Sign a new whitelist with the master key for the repository's certificate, and return it.

    Clients read the expiry to the hour, so it is a full hour.
    """
    start = at.astimezone(UTC)
    expires = (start + timedelta(days=valid_days)).replace(minute=0, second=0, microsecond=0)
    whitelist = Whitelist(
        repository.fqrn, start.replace(microsecond=0), expires, (keys.fingerprint,)
    )
    write_atomic(repository.storage / WHITELIST, sign(whitelist, keys.master()))
    return whitelist


def commit(
    repository: Repository,
    store: ObjectStore,
    keys: RepositoryKeys,
    manifest: Manifest,
    *,
    message: str,
    tags: Sequence[Tag],
) -> Manifest:
    """Tag the revision, make everything durable, and let the signed manifest take its name; return it.

    Until the rename at the end clients see the old revision, from then on the new one.
    """
    file = store.scratch / "history"
    write_history(
        file, tagged(tags, manifest, message), fqrn=repository.fqrn, previous=manifest.history
    )
    history = store.put_file(file, Suffix.HISTORY).content_hash
    file.unlink()
    complete = replace(manifest, history=history)
    store.make_durable()
    write_atomic(repository.storage / MANIFEST, sign_manifest(complete, keys.repository_key))
    return complete
