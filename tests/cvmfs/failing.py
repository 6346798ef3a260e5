# SPDX-License-Identifier: BSD-3-Clause
"""A storage that counts what is asked of it and does something at one of those calls: die, or fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cvmfs.storage.storage import Storage, StoredFile


class FailingStorage:
    """Hands everything on to a storage; before call number `at`, `happens` is called. 0: never."""

    def __init__(self, storage: Storage, at: int, happens: Callable[[], None]) -> None:
        self._storage = storage
        self._at = at
        self._happens = happens
        self._lock = threading.Lock()
        self.calls = 0

    @property
    def folder(self) -> Path | None:
        return self._storage.folder

    @property
    def parallel_puts(self) -> int:
        return self._storage.parallel_puts

    def describe(self, path: str) -> str:
        return self._storage.describe(path)

    def get(self, path: str) -> bytes:
        self._turn()
        return self._storage.get(path)

    def close(self) -> None:
        self._storage.close()

    def size(self, path: str) -> int | None:
        self._turn()
        return self._storage.size(path)

    def prepare(self) -> None:
        self._turn()
        self._storage.prepare()

    def put(self, path: str, content: bytes) -> None:
        self._turn()
        self._storage.put(path, content)

    def put_file(self, path: str, file: Path) -> None:
        self._turn()
        self._storage.put_file(path, file)

    def make_durable(self) -> None:
        self._turn()
        self._storage.make_durable()

    def discard(self) -> None:
        self._turn()
        self._storage.discard()

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        self._turn()
        return self._storage.swap(path, old, new)

    def replace(self, path: str, content: bytes) -> None:
        self._turn()
        self._storage.replace(path, content)

    def files(self, prefix: str) -> Iterator[StoredFile]:
        self._turn()
        return self._storage.files(prefix)

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._turn()
            self._storage.remove([path])

    def _turn(self) -> None:
        with self._lock:
            self.calls += 1
            is_time = self.calls == self._at
        if is_time:
            self._happens()
