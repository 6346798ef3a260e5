# SPDX-License-Identifier: BSD-3-Clause
"""A repository gateway: we send objects and catalogs, the gateway merges them and signs.

The order is the safety here as well: a lease, then the objects, then the catalogs from the deepest up, then
one commit, which names the root catalog that we began with and the one that we made. Before the commit
readers see nothing of it, and a lease that ends without one takes nothing with it.
"""

from __future__ import annotations

import json
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.canonical import canonical_json
from core.errors import UserError
from core.files import exclusive_lock, write_atomic
from cvmfs.backends.backend import Outcome
from cvmfs.backends.leased import LeasedCatalogs, LeasedTransaction
from cvmfs.errors import RepositoryError, Unreachable
from cvmfs.format.chunking import CHUNK_SIZE, CutPolicy
from cvmfs.format.hashes import Suffix, algorithm_of
from cvmfs.format.history import tags_of
from cvmfs.format.manifest import Manifest
from cvmfs.format.paths import parent_of
from cvmfs.gateway.api import (
    Gateway,
    Lease,
    LeaseBusy,
    LeaseLost,
    commit_body,
    lease_request,
)
from cvmfs.gateway.key import GatewayKey
from cvmfs.gateway.object_pack import PACK_SIZE, ObjectPack
from cvmfs.gateway.storage import PackStorage
from cvmfs.gateway.stratum0 import Stratum0
from cvmfs.publishing.ingest import CutMarks, Ingest
from cvmfs.publishing.objects import ObjectStore
from cvmfs.publishing.publish import Transaction
from cvmfs.publishing.splitting import dirtab_of, nest_by_patterns
from cvmfs.reading.reader import Reader, open_reader

log = logging.getLogger(__name__)

WAIT_S = 600.0
RENEW_EVERY_S = 60.0
_ASK_AGAIN_S = 5.0
_SEEN_WITHIN_S = 120.0
_LOST_WITHIN_S = 10.0
_LOOK_EVERY_S = 1.0
_LEASE_FILE = "lease.json"
_LOCK = "publish.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Where a gateway is and how it is used.

    `source` is the Stratum 0 (a folder or an address), `scratch` a folder of this machine for unfinished
    files and the token of the open lease; `lease_path` is below what is published, empty for the whole
    repository; `wait_s` is how long to wait for another publisher's lease.
    """

    fqrn: str
    url: str
    source: str | Path
    public_key: Path
    scratch: Path
    lease_path: str = ""
    wait_s: float = WAIT_S
    renew_every_s: float = RENEW_EVERY_S
    pack_size: int = PACK_SIZE
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class ThroughGateway:
    """A repository that a gateway signs."""

    settings: GatewaySettings
    key: GatewayKey
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def fqrn(self) -> str:
        """Return the repository's name."""
        return self.settings.fqrn

    def steps(self, paths: Sequence[str], *, message: str) -> tuple[str, ...]:
        """Return the requests that publishing at these paths would make; what is not known yet is in <>."""
        url = self.settings.url.rstrip("/")
        lease = lease_request(url, self._leased, hostname=socket.gethostname())
        commit = commit_body(
            old="<root catalog that is published>", new="<root catalog with the changes>",
            tag="pansoft-<time>-<number>", message=message,
        )  # fmt: skip
        return (
            f"POST {lease.url} {lease.body.decode()}",
            *(f"HEAD {self.settings.source}/data/… for objects of /{path}" for path in paths),
            f"POST {url}/payloads with objects that are not there, up to {self.settings.pack_size} "
            "bytes in one request",
            f"PATCH {url}/leases/<token> every {self.settings.renew_every_s:.0f} s meanwhile",
            f"POST {url}/leases/<token> {commit.decode()}",
            f"DELETE {url}/leases/<token> in place of that where nothing differs or anything fails",
        )

    def reader(self, *, at: datetime) -> Reader:
        """Return a reader of what is published now, verified from the public key upward."""
        settings = self.settings
        return open_reader(settings.source, settings.fqrn, settings.public_key, at=at)

    @contextmanager
    def transaction(
        self,
        *,
        at: datetime,
        message: str,
        cut_marks: CutMarks | None = None,
        chunk_size: int = CHUNK_SIZE,
        cutter: CutPolicy | None = None,
    ) -> Iterator[LeasedTransaction]:
        """Give a transaction to fill; the gateway publishes it at the end of the block.

        Raises:
            LeaseBusy: another publisher has the path, for longer than we wait.
            LeaseLost: the lease ended before the commit; nothing was published.
            GatewayRefused: the gateway says no; nothing was published.
            OutsideLease: something was put outside the leased path; nothing was published.
            Unreachable: no answer; only after a commit is it not known whether it was done.
        """
        with self._session(at) as session:
            catalogs, store = session.catalogs, session.catalogs.store
            ingest = Ingest(store, cut_marks=cut_marks, chunk_size=chunk_size, cutter=cutter)
            work = LeasedTransaction(Transaction(catalogs, ingest), self.settings.lease_path)
            patterns = dirtab_of(catalogs)
            yield work
            nest_by_patterns(catalogs, before=patterns)
            now = session.manifest
            if catalogs.is_changed:
                now = self._committed(session, message=message, at=at)
            work.outcome = Outcome(
                self.fqrn, now.revision, now.root_hash, now is not session.manifest,
                store.new_objects, store.new_bytes, work.files, work.logical_bytes,
            )  # fmt: skip

    @contextmanager
    def _session(self, at: datetime) -> Iterator[_Session]:
        """Give a lease and the published catalogs to work on; both are let go of at the end."""
        settings = self.settings
        settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds a token
        lock = exclusive_lock(settings.scratch / _LOCK, purpose=f"publish to {self.fqrn}")
        with lock, closing(Gateway(settings.url, self.key, sleep=self.sleep)) as gateway:
            lease = self._lease(gateway, at)
            try:
                renewal = _Renewal(gateway, lease, settings.renew_every_s)
                with self.reader(at=at) as reader, closing(renewal):
                    self._check_parent(reader)
                    with self._opened(gateway, lease, reader.manifest, at) as catalogs:
                        yield _Session(gateway, lease, renewal, reader.manifest, catalogs)
            finally:
                self._give_back(gateway, lease)

    @contextmanager
    def _opened(
        self, gateway: Gateway, lease: Lease, manifest: Manifest, at: datetime
    ) -> Iterator[LeasedCatalogs]:
        """Give the catalogs of a revision, whose objects go to the gateway."""
        settings = self.settings

        def submit(pack: ObjectPack) -> None:
            gateway.submit(lease, pack)

        storage = PackStorage(Stratum0(settings.source), submit, pack_size=settings.pack_size)
        store = ObjectStore(storage, settings.scratch / "txn", algorithm_of(manifest.root_hash))
        store.clean_scratch()
        seconds = max(int(at.timestamp()), manifest.published)
        catalogs = LeasedCatalogs(store, manifest.root_hash, seconds, settings.uid, settings.gid)
        try:
            yield catalogs
        finally:
            catalogs.close()
            storage.close()
            store.clean_scratch()

    # -- the lease

    @property
    def _leased(self) -> str:
        return f"{self.fqrn}/{self.settings.lease_path}"

    def _lease(self, gateway: Gateway, at: datetime) -> Lease:
        """Return a lease, once that of a run of ours that was killed is given back and others are done."""
        self._give_back_leftover(gateway)
        deadline = time.monotonic() + self.settings.wait_s
        while True:
            try:
                lease = gateway.acquire(self._leased, hostname=socket.gethostname())
            except LeaseBusy as busy:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                log.warning("%s; waiting up to %.0f s for it", busy.message, left)
                self.sleep(min(max(busy.remaining_s, 1.0), _ASK_AGAIN_S, left))
                continue
            kept = {"path": lease.path, "token": lease.token, "since": at.isoformat()}
            write_atomic(self.settings.scratch / _LEASE_FILE, canonical_json(kept), mode=0o600)
            return lease

    def _give_back_leftover(self, gateway: Gateway) -> None:
        """Give back the lease of a run of ours that was killed: we hold its lock, so it is no more."""
        try:
            kept = json.loads((self.settings.scratch / _LEASE_FILE).read_bytes())
            lease = Lease(str(kept["path"]), str(kept["token"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return
        log.warning("giving back the lease of %s, of a run that was stopped", lease.path)
        self._give_back(gateway, lease)

    def _give_back(self, gateway: Gateway, lease: Lease) -> None:
        """Give a lease back if it is still there; one that cannot be given back ends by itself."""
        if not (self.settings.scratch / _LEASE_FILE).exists():
            return  # committed
        try:
            gateway.drop(lease)
        except LeaseLost:
            pass
        except UserError as err:
            log.warning("the lease of %s stays until it expires: %s", lease.path, err.message)
            return  # the next run tries again
        (self.settings.scratch / _LEASE_FILE).unlink(missing_ok=True)

    def _check_parent(self, reader: Reader) -> None:
        """Refuse a lease of a path in a directory that is not there: the receiver could not merge it."""
        parent = parent_of(self.settings.lease_path)
        entry = reader.lookup(parent) if parent else None
        if parent and (entry is None or not entry.is_directory):
            raise RepositoryError(
                f"{self.fqrn} has no directory /{parent}, so /{self.settings.lease_path} cannot be leased",
                hint="lease a path above it once, and publish the directory",
            )

    # -- catalogs and commit

    def _committed(self, session: _Session, *, message: str, at: datetime) -> Manifest:
        """Send the changed catalogs, commit, and return the manifest of the revision that came of it.

        Where the answer to the commit is lost, the repository is asked: the revision has our tag.
        """
        tag = f"pansoft-{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}-{secrets.token_hex(4)}"
        base = session.manifest
        root = session.catalogs.write(base.revision + 1, ttl_s=base.ttl_s)
        session.catalogs.store.storage.make_durable()
        old, new = (
            f"{root_hash}{Suffix.CATALOG}" for root_hash in (base.root_hash, root.content_hash)
        )
        session.renewal.close()  # there is nothing to renew once the gateway has begun to merge
        lost: Unreachable | None = None
        revision = 0
        try:
            revision = session.gateway.commit(
                session.lease, old=old, new=new, tag=tag, message=message
            )
            (self.settings.scratch / _LEASE_FILE).unlink(missing_ok=True)
        except Unreachable as err:
            lost = err
        found = self._seen(tag, revision, at, within_s=_LOST_WITHIN_S if lost else _SEEN_WITHIN_S)
        if found is not None:
            return found
        if lost is not None:
            raise Unreachable(
                f"the gateway's answer to the commit was lost: {lost.message}",
                hint="it may still have been published: publish again, what is there is not "
                "published twice",
            ) from lost
        raise RepositoryError(
            f"the gateway has published revision {revision} of {self.fqrn}, but "
            f"{self.settings.source} does not show it",
            hint="a cache is in between: name the Stratum 0 itself as the source",
        )

    def _seen(self, tag: str, revision: int, at: datetime, *, within_s: float) -> Manifest | None:
        """Return the manifest once the published repository has the revision, or the tag."""
        for _ in range(max(int(within_s / _LOOK_EVERY_S), 1)):
            with suppress(Unreachable), self.reader(at=at) as reader:
                if revision and reader.revision >= revision:
                    return reader.manifest
                if any(known.name == tag for known in tags_of(reader)):
                    return reader.manifest
            self.sleep(_LOOK_EVERY_S)
        return None


@dataclass(frozen=True, slots=True)
class _Session:
    """A lease, the revision that was published when it was taken, and its catalogs to change."""

    gateway: Gateway
    lease: Lease
    renewal: _Renewal
    manifest: Manifest
    catalogs: LeasedCatalogs


class _Renewal:
    """Renews a lease until it is closed; a gateway that cannot leaves the lease its time."""

    def __init__(self, gateway: Gateway, lease: Lease, every_s: float) -> None:
        self._gateway = gateway
        self._lease = lease
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End, and wait for a request that is under way."""
        self._ended.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                if not self._gateway.renew(self._lease):
                    return
            except UserError as err:
                # what is sent next says so to the publisher; a gateway that is away may come back
                log.warning("the lease of %s was not renewed: %s", self._lease.path, err.message)
