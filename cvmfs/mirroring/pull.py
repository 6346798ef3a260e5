# SPDX-License-Identifier: BSD-3-Clause
"""What a replica lacks of a revision, fetched over several connections at once.

One rule: a catalog takes its name in the replica after all that it reaches is there and survives a power cut.
So a catalog that is there stands for its whole subtree and is not opened again. Objects of files need no
order among themselves.

The thread that calls decides, the others fetch and verify. What waits is a stack, with the objects of a
catalog above its nested catalogs: subtrees are finished one after another, and few catalogs are held at once.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from core.errors import UserError
from cvmfs.errors import FormatInvalid
from cvmfs.format.catalog import Catalog, NestedCatalog
from cvmfs.format.compression import Compression, decompress
from cvmfs.format.hashes import ContentHash, Suffix, hash_like, object_path
from cvmfs.format.paths import absolute
from cvmfs.reading.contents import Contents
from cvmfs.sources.fetch import source_of
from cvmfs.storage.storage import Storage

log = logging.getLogger(__name__)

ObjectName = tuple[ContentHash, Suffix]

_BATCH = 4
"""Objects that a worker fetches before it asks for more."""

_NAMED_AFTER_OBJECTS = 10_000
_NAMED_AFTER_BYTES = 1 << 30
"""After so much was fetched, catalogs that are ready take their names: so much is lost at most."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """How far it is: what was looked at, and what of it was new; `bytes` as stored."""

    catalogs: int = 0
    new_catalogs: int = 0
    objects: int = 0
    new_objects: int = 0
    new_bytes: int = 0

    def __add__(self, other: Pulled) -> Pulled:
        """Return both together."""
        return Pulled(
            self.catalogs + other.catalogs,
            self.new_catalogs + other.new_catalogs,
            self.objects + other.objects,
            self.new_objects + other.new_objects,
            self.new_bytes + other.new_bytes,
        )


@dataclass
class _Missing:
    """A catalog that the replica does not have, or not with all below it."""

    nested: NestedCatalog
    is_bound: bool = False
    above: list[_Missing] = field(default_factory=list)
    waits_for: int = 0
    """How many batches of objects and nested catalogs it needs before it may take its name."""
    height: int = 0
    stored: bytes = b""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Some objects of a catalog."""

    catalog: _Missing
    objects: Sequence[ObjectName]


@dataclass(frozen=True, slots=True)
class _Opened:
    """What a catalog says that it needs."""

    stored: bytes
    objects: tuple[ObjectName, ...]
    nested: tuple[NestedCatalog, ...]
    bound: tuple[NestedCatalog, ...]


@dataclass
class Pull:
    """Brings revisions into a storage. Used by one thread.

    Args:
        location: where the repository is read from, a directory or an address.
        storage: where the replica is.
        jobs: how many connections there may be.
        is_thorough: whether what is there is opened and hashed all the same.
        proxies: what the location is asked through, as `CVMFS_HTTP_PROXY` has them.
        report: is called with what was done so far.
    """

    location: str
    storage: Storage
    jobs: int
    is_thorough: bool = False
    proxies: str = ""
    report: Callable[[Pulled], None] = lambda _: None
    done: Pulled = Pulled()
    _since: Pulled = Pulled()
    _stack: list[_Missing | _Batch] = field(default_factory=list)
    _missing: dict[ContentHash, _Missing] = field(default_factory=dict)
    _ready: list[_Missing] = field(default_factory=list)
    _ready_bytes: int = 0
    _whole: dict[ContentHash, int] = field(default_factory=dict)
    """Catalogs of which everything is there, named or about to be, and their heights."""
    _thread: threading.local = field(default_factory=threading.local)
    _sources: list[Contents] = field(default_factory=list)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def revision(self, root: NestedCatalog) -> None:
        """Bring a root catalog with everything below it.

        Raises:
            NotFound: the source lacks an object.
            ObjectCorrupted: an object of the source does not have its hash.
            FormatInvalid: a catalog is none, or one of another directory.
            Unreachable: the source does not answer.
        """
        self._want(root, None)
        if not self._stack:
            return
        with ThreadPoolExecutor(self.jobs, thread_name_prefix="pull") as pool:
            try:
                self._work(pool)
            except BaseException:
                self._stopped.set()
                pool.shutdown(cancel_futures=True)
                with suppress(UserError):  # the next run need not fetch again what is there
                    self.storage.make_durable()
                raise
            finally:
                self._close_sources()
        self._name_ready()

    def object(self, content_hash: ContentHash, suffix: Suffix) -> None:
        """Bring one object that is no file's; see `revision` for what is raised."""
        if self._has(content_hash, suffix):
            return
        try:
            stored = self._contents().stored(content_hash, suffix)
        finally:
            self._close_sources()
        self.storage.put(object_path(content_hash, suffix), stored)
        self._count(Pulled(objects=1, new_objects=1, new_bytes=len(stored)))

    # -- deciding

    def _want(
        self, nested: NestedCatalog, above: _Missing | None, *, is_bound: bool = False
    ) -> None:
        """Put a catalog on the stack unless all of it is there."""
        content_hash = nested.content_hash
        if content_hash in self._whole:
            if above is not None:
                above.height = max(above.height, self._whole[content_hash] + 1)
            return
        if not self.is_thorough and self.storage.size(_path_of(nested)) is not None:
            return
        if content_hash not in self._missing:
            self._missing[content_hash] = _Missing(nested, is_bound)
            self._stack.append(self._missing[content_hash])
        if above is not None:
            self._missing[content_hash].above.append(above)
            above.waits_for += 1

    def _work(self, pool: ThreadPoolExecutor) -> None:
        """Take from the stack until nothing is on it and nothing on its way."""
        catalogs: dict[Future[_Opened], _Missing] = {}
        batches: dict[Future[Pulled], _Batch] = {}
        while self._stack or catalogs or batches:
            while self._stack and len(catalogs) + len(batches) < 2 * self.jobs:
                match self._stack.pop():
                    case _Missing() as missing:
                        catalogs[pool.submit(self._open, missing)] = missing
                    case _Batch() as batch:
                        batches[pool.submit(self._fetch, batch)] = batch
            running: list[Future[Any]] = [*catalogs, *batches]
            wait(running, return_when=FIRST_COMPLETED)
            for catalog in [future for future in catalogs if future.done()]:
                self._opened(catalogs.pop(catalog), catalog.result())
            for objects in [future for future in batches if future.done()]:
                self._count(objects.result())
                self._arrived(batches.pop(objects).catalog)
            if self._is_time_to_name():
                self._name_ready()

    def _opened(self, missing: _Missing, opened: _Opened) -> None:
        """Put what a catalog needs on the stack."""
        missing.stored = opened.stored
        self._count(Pulled(catalogs=1))
        missing.waits_for += 1  # it is not ready while we look
        for nested in opened.nested:
            self._want(nested, missing)
        for bound in opened.bound:
            self._want(bound, missing, is_bound=True)
        for batch in _batches(opened.objects):
            self._stack.append(_Batch(missing, batch))
            missing.waits_for += 1
        self._arrived(missing)

    def _arrived(self, missing: _Missing) -> None:
        """Note that one thing that a catalog waited for is there."""
        missing.waits_for -= 1
        if missing.waits_for:
            return
        self._ready.append(missing)
        self._ready_bytes += len(missing.stored)
        self._whole[missing.nested.content_hash] = missing.height
        del self._missing[missing.nested.content_hash]
        for above in missing.above:
            above.height = max(above.height, missing.height + 1)
            self._arrived(above)

    def _is_time_to_name(self) -> bool:
        return (
            self._since.new_objects >= _NAMED_AFTER_OBJECTS
            or self._since.new_bytes + self._ready_bytes >= _NAMED_AFTER_BYTES
        )

    def _name_ready(self) -> None:
        """Give catalogs their names, the deepest first; what is below is on the disk by then."""
        by_height: dict[int, list[_Missing]] = {}
        for ready in self._ready:
            by_height.setdefault(ready.height, []).append(ready)
        self.storage.make_durable()
        for height in sorted(by_height):
            for ready in by_height[height]:
                if self._has(ready.nested.content_hash, Suffix.CATALOG):
                    continue
                self.storage.put(_path_of(ready.nested), ready.stored)
                self._count(Pulled(new_catalogs=1, new_bytes=len(ready.stored)))
            self.storage.make_durable()
        self._ready.clear()
        self._ready_bytes = 0
        self._since = Pulled()

    def _count(self, more: Pulled) -> None:
        self.done += more
        self._since += more
        self.report(self.done)

    # -- fetching, in the threads of the pool

    def _open(self, missing: _Missing) -> _Opened:
        """Return what a catalog needs, and its bytes; it has no name yet."""
        where = f"{self.location}/{_path_of(missing.nested)}"
        if self._has(missing.nested.content_hash, Suffix.CATALOG):
            stored = self.storage.get(_path_of(missing.nested))
        else:
            stored = self._contents().stored(missing.nested.content_hash, Suffix.CATALOG)
        content = decompress(stored, Compression.ZLIB, where=where)
        catalog = Catalog.from_bytes(content, where=where)
        try:
            if catalog.root_path != missing.nested.path and not missing.is_bound:
                raise FormatInvalid(
                    f"{where} is the catalog of {absolute(catalog.root_path) or '/'}, "
                    f"not of {absolute(missing.nested.path) or '/'}"
                )
            return _Opened(
                stored, tuple(catalog.objects()), tuple(catalog.nested.values()), catalog.bound()
            )
        except sqlite3.Error as err:
            raise FormatInvalid(f"{where} is damaged inside: {err}") from err
        finally:
            catalog.close()

    def _fetch(self, batch: _Batch) -> Pulled:
        """Bring those of some objects that are not there."""
        new_objects = new_bytes = 0
        for content_hash, suffix in batch.objects:
            if self._stopped.is_set():
                break
            if not self._has(content_hash, suffix):
                stored = self._contents().stored(content_hash, suffix)
                self.storage.put(object_path(content_hash, suffix), stored)
                new_objects += 1
                new_bytes += len(stored)
        return Pulled(objects=len(batch.objects), new_objects=new_objects, new_bytes=new_bytes)

    def _has(self, content_hash: ContentHash, suffix: Suffix) -> bool:
        """Return whether an object is there; with `is_thorough` one that is damaged does not count.

        It stays until the sound one takes its name: a run that is killed in between has lost nothing.
        """
        path = object_path(content_hash, suffix)
        if self.storage.size(path) is None:
            return False
        if not self.is_thorough or hash_like(content_hash, self.storage.get(path)) == content_hash:
            return True
        log.warning("%s is damaged", self.storage.describe(path))
        return False

    def _contents(self) -> Contents:
        """Return this thread's own connection."""
        contents: Contents | None = getattr(self._thread, "contents", None)
        if contents is None:
            contents = self._thread.contents = Contents(
                source_of(self.location, proxies=self.proxies)
            )
            self._sources.append(contents)
        return contents

    def _close_sources(self) -> None:
        while self._sources:
            self._sources.pop().source.close()
        self._thread = threading.local()


def _batches(objects: Sequence[ObjectName]) -> Iterator[Sequence[ObjectName]]:
    for start in range(0, len(objects), _BATCH):
        yield objects[start : start + _BATCH]


def _path_of(nested: NestedCatalog) -> str:
    return object_path(nested.content_hash, Suffix.CATALOG)
