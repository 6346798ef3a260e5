# SPDX-License-Identifier: BSD-3-Clause
"""A storage whose objects leave in packs, and which is read at the Stratum 0.

Packs are sent by a few threads while the next one fills; a failure stops the next put. `make_durable` sends
what is left and waits: from then on the receiver has every object, so the catalogs may be merged.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from cvmfs.errors import NotFound
from cvmfs.gateway.object_pack import PACK_SIZE, ObjectPack, object_name
from cvmfs.gateway.stratum0 import Stratum0
from cvmfs.storage.storage import StoredFile

IN_FLIGHT = 4
"""Packs that are on their way at once."""


class PackStorage:
    """Objects on their way to a gateway; `submit` sends a pack and returns when it has been taken."""

    def __init__(
        self,
        stratum0: Stratum0,
        submit: Callable[[ObjectPack], None],
        *,
        pack_size: int = PACK_SIZE,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._stratum0 = stratum0
        self._submit = submit
        self._pack_size = pack_size
        self._in_flight = in_flight
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="payload")
        self._sent: deque[Future[None]] = deque()
        self._pack = ObjectPack(pack_size)
        self._has_put = False
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path | None:
        """Return None: the files are elsewhere."""
        return None

    @property
    def parallel_puts(self) -> int:
        """Return how many objects are put at once with profit: each is asked for first."""
        return 2 * self._in_flight

    def describe(self, path: str) -> str:
        """Return a file's address at the Stratum 0."""
        return self._stratum0.describe(path)

    def get(self, path: str) -> bytes:
        """Return a file's bytes from the Stratum 0, where what was put is once it has been sent."""
        try:
            return self._stratum0.get(path)
        except NotFound:
            if not self._has_put:
                raise
            self.make_durable()
            return self._stratum0.get(path)

    def size(self, path: str) -> int | None:
        """Return how many bytes the Stratum 0 has of a file, None where it has none or does not tell."""
        return self._stratum0.size(path)

    def prepare(self) -> None:
        """Do nothing: the place is the gateway's."""

    def put(self, path: str, content: bytes) -> None:
        """Put an object into the pack that is filled now; a full pack leaves."""
        full = None
        with self._lock:
            self._has_put = True
            self._pack.add(object_name(path), content)
            if self._pack.is_full:
                full, self._pack = self._pack, ObjectPack(self._pack_size)
        if full is not None:
            self._send(full)

    def put_file(self, path: str, file: Path) -> None:
        """Put an object that is in a scratch file, which is gone afterwards."""
        self.put(path, file.read_bytes())
        file.unlink()

    def discard(self) -> None:
        """Do nothing: what is not committed the gateway forgets."""

    def make_durable(self) -> None:
        """Return when the gateway has taken every object."""
        with self._lock:
            rest, self._pack = self._pack, ObjectPack(self._pack_size)
        if len(rest):
            self._send(rest)
        while (oldest := self._oldest(at_most=0)) is not None:
            oldest.result()

    def swap(self, path: str, old: bytes | None, new: bytes) -> NoReturn:
        """Control files are the gateway's."""
        del old, new
        raise RuntimeError(f"{path} is written by the gateway")

    def replace(self, path: str, content: bytes) -> NoReturn:
        """Control files are the gateway's."""
        del content
        raise RuntimeError(f"{path} is written by the gateway")

    def files(self, prefix: str) -> Iterator[StoredFile]:
        """Nobody lists a web server."""
        raise RuntimeError(f"the files {prefix}* cannot be listed through a gateway")

    def remove(self, paths: Iterable[str]) -> NoReturn:
        """Objects are removed by the gateway's own collector."""
        del paths
        raise RuntimeError("objects are not removed through a gateway")

    def close(self) -> None:
        """Forget what was not sent, wait for what is being sent, and close connections."""
        self._pool.shutdown(cancel_futures=True)
        self._stratum0.close()

    def _send(self, pack: ObjectPack) -> None:
        """Send a pack; when enough are on their way, wait for the oldest, and fail if it did."""
        with self._lock:
            self._sent.append(self._pool.submit(self._submit, pack))
        oldest = self._oldest(at_most=self._in_flight)
        if oldest is not None:
            oldest.result()

    def _oldest(self, *, at_most: int) -> Future[None] | None:
        """Return the pack that was sent first, if more than so many are not waited for yet."""
        with self._lock:
            return self._sent.popleft() if len(self._sent) > at_most else None
