# SPDX-License-Identifier: BSD-3-Clause
"""Work that is done before it is asked for, in a few threads: a server that is far away costs a round trip
per object, and whoever reads a file from front to back will want the next one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from core.errors import UserError

log = logging.getLogger(__name__)

THREADS = 4


class Ahead:
    """Fetches objects by name, each once at a time. One thread asks, others work."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
        self._begun: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def begin(self, name: str, fetch: Callable[[], object]) -> None:
        """Fetch an object soon, unless that has begun already."""
        with self._lock:
            if not self._is_closed and name not in self._begun:
                self._begun[name] = self._pool.submit(self._fetch, name, fetch)

    def settle(self, name: str) -> None:
        """Wait for an object that is being fetched; one that is only planned is left to the caller."""
        with self._lock:
            begun = self._begun.get(name)
            if begun is not None and begun.cancel():
                del self._begun[name]
                return
        if begun is not None:
            begun.result()

    def close(self) -> None:
        """Forget what is planned, wait for what has begun, and begin nothing more."""
        with self._lock:
            self._is_closed = True
        self._pool.shutdown(cancel_futures=True)

    def _fetch(self, name: str, fetch: Callable[[], object]) -> None:
        try:
            fetch()
        except UserError as err:  # whoever wants it will meet the same error, and say so
            log.debug("%s was not read ahead: %s", name, err)
        finally:
            with self._lock:
                self._begun.pop(name, None)
