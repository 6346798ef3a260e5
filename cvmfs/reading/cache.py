# SPDX-License-Identifier: BSD-3-Clause
"""Objects that were fetched before, kept in a directory and verified again each time they are used.

Processes may share the directory, and any of them may be killed at any moment: an object takes its name by
rename when it is whole. With a quota, what was used least lately goes when there is more; of that, catalogs
and certificates last, and what a living process has pinned never. A pin is a shared lock on the object's
file, so that it ends with its process. An object's time of use is its file's time of change.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cvmfs.format.hashes import ContentHash, Suffix, hash_like

log = logging.getLogger(__name__)

_LOCK = ".lock"
_TOTAL = ".bytes"
_KEPT_SHARE = 0.75  # of the quota, after a clean-up: they are to be rare
_LARGEST_SHARE = 0.5  # of the quota, for one object; as the genuine client has it
_SCRATCH_AGE_S = 3600.0
_HEX_PAIR = 2
_TOUCH_EVERY_S = 60.0


class Pin:
    """Keeps an object in the cache for as long as somebody holds on to this."""

    def __init__(self, descriptor: int) -> None:
        self._end = weakref.finalize(self, os.close, descriptor)

    def release(self) -> None:
        """Let the object go when its time has come."""
        self._end()


@dataclass(frozen=True, slots=True)
class ObjectCache:
    """Objects by hash and suffix, as they are stored in the repository; `quota` is in bytes."""

    folder: Path
    quota: int | None = None

    def get(self, content_hash: ContentHash, suffix: Suffix) -> bytes | None:
        """Return an object's stored bytes, or None; one that was damaged is removed."""
        path = self.path(content_hash, suffix)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        if hash_like(content_hash, stored) == content_hash:
            self.used(path)
            return stored
        log.warning("%s in the cache is damaged, it is fetched again", path)
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, content_hash: ContentHash, suffix: Suffix, stored: bytes) -> None:
        """Keep an object; a cache that cannot be written is no reason to stop.

        Nothing is synced: what a power cut damages is fetched again.
        """
        if self.quota is not None and len(stored) > self.quota * _LARGEST_SHARE:
            return
        path = self.path(content_hash, suffix)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(stored)
            with self._room_for(len(stored)):
                scratch.replace(path)
        except OSError as err:
            log.warning("cannot keep an object in the cache %s: %s", self.folder, err.strerror)
            with contextlib.suppress(OSError):
                scratch.unlink()

    def has(self, content_hash: ContentHash, suffix: Suffix) -> bool:
        """Return whether there is such an object; it may be damaged."""
        return self.path(content_hash, suffix).exists()

    def path(self, content_hash: ContentHash, suffix: Suffix) -> Path:
        """Return where an object is kept."""
        return self.folder / content_hash[:2] / (content_hash[2:] + suffix)

    def pin(self, content_hash: ContentHash, suffix: Suffix) -> Pin | None:
        """Keep an object from being cleaned away; None when it is not here."""
        try:
            descriptor = os.open(self.path(content_hash, suffix), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        pin = Pin(descriptor)
        with contextlib.suppress(BlockingIOError):  # it is being cleaned away this moment
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return pin
        pin.release()
        return None

    def used(self, path: Path) -> None:
        """Note that an object was used just now; once a minute is exact enough."""
        if self.quota is None:
            return
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _TOUCH_EVERY_S:
                os.utime(path)

    # -- the quota

    @contextlib.contextmanager
    def _room_for(self, size: int) -> Iterator[None]:
        """Let an object in, counted, after a clean-up where it would be too much.

        The count is a file, as several processes add to it. It may only err upwards, by an object that was
        here before or whose process was killed; the clean-up counts anew.
        """
        if self.quota is None:
            (self.folder / _TOTAL).unlink(missing_ok=True)  # others have to count anew
            yield
            return
        with self._locked():
            total = self._noted_total() + size
            if total > self.quota:
                total = self._clean_up(self.quota, size) + size
            (self.folder / _TOTAL).write_text(f"{total}\n", encoding="ascii")
            yield

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes and threads from counting and cleaning up."""
        with (self.folder / _LOCK).open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _noted_total(self) -> int:
        try:
            return int((self.folder / _TOTAL).read_text(encoding="ascii"))
        except (OSError, ValueError):  # never counted, or killed while it was written
            return sum(kept.size for kept in self._kept())

    def _clean_up(self, quota: int, size: int) -> int:
        """Remove what was used least lately until there is room again, and return what is left."""
        kept = sorted(self._kept(), key=lambda item: (item.is_precious, item.used))
        total = sum(item.size for item in kept)
        if total + size <= quota:
            return total
        before = total
        for item in kept:
            if total + size <= quota * _KEPT_SHARE:
                break
            if _removed(item.path, is_pinnable=item.is_precious):
                total -= item.size
        log.info("cleaned the cache %s up: %d bytes, now %d", self.folder, before, total)
        return total

    def _kept(self) -> Iterator[_Kept]:
        """Return what is in the cache, and remove what killed processes left unfinished."""
        oldest = time.time() - _SCRATCH_AGE_S
        for folder in self.folder.iterdir():
            if len(folder.name) != _HEX_PAIR:
                continue
            with os.scandir(folder) as items:
                for item in items:
                    with contextlib.suppress(OSError):  # gone meanwhile
                        status = item.stat(follow_symlinks=False)
                        path = Path(item.path)
                        if not item.name.startswith("."):
                            yield _Kept(path, status.st_size, status.st_mtime)
                        elif status.st_mtime < oldest:
                            path.unlink()


@dataclass(frozen=True, slots=True)
class _Kept:
    """An object in the cache; `used` is when, in seconds since 1970."""

    path: Path
    size: int
    used: float

    @property
    def is_precious(self) -> bool:
        """Return whether nothing can be read without it: a catalog or a certificate."""
        return self.path.name.endswith((Suffix.CATALOG, Suffix.CERTIFICATE))


def _removed(path: Path, *, is_pinnable: bool) -> bool:
    """Remove an object, unless it is pinned, and return whether it is gone."""
    try:
        if not is_pinnable:
            path.unlink()
            return True
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
