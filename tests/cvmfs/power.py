# SPDX-License-Identifier: BSD-3-Clause
"""A power cut: what a disk may hold of a folder when everything that was not synced is up to chance.

Real files are written. What `fsync` and `syncfs` are asked for is noted: the bytes of a file that was synced,
the names in a folder that was synced. After the cut a file that was synced has its bytes; any other is whole,
empty, cut off, or has its length and zeros. A name that was not synced is there or not, each by itself, as a
file system may order them that promises nothing.
"""

from __future__ import annotations

import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cvmfs.storage import local


class PowerLost(BaseException):
    """The machine is off: nothing catches this."""


@dataclass
class Disk:
    """A folder on a disk. At event number `at` the power goes, and what is left is written to `after`."""

    folder: Path
    after: Path
    at: int
    chance: random.Random
    events: int = 0
    _contents: dict[int, bytes] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)
    _is_off: bool = False

    @contextmanager
    def watched(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Note what is synced in the block; everything before it is on the disk."""
        self._sync_all()
        with monkeypatch.context() as patch:
            for name in ("replace", "rename", "unlink"):
                patch.setattr(os, name, self._counted(getattr(os, name)))
            patch.setattr(os, "fsync", self._counted(self._fsync))
            patch.setattr(local, "_sync_file_system", self._counted(lambda _: self._sync_all()))
            yield

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._is_off:
                raise PowerLost
            self.events += 1
            if self.events == self.at:
                self._is_off = True
                self._lose()
                raise PowerLost
            return call(*args, **kwargs)

        return counted

    def _fsync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        where = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not where.is_relative_to(self.folder):
            return
        if stat.S_ISREG(status.st_mode):
            self._contents[status.st_ino] = where.read_bytes()
        else:
            self._sync_names(where)

    def _sync_names(self, folder: Path) -> None:
        inside = str(folder.relative_to(self.folder))
        for name in [name for name in self._names if str(Path(name).parent) == inside]:
            del self._names[name]
        for file in folder.iterdir():
            if file.is_file():
                self._names[str(file.relative_to(self.folder))] = file.stat().st_ino

    def _sync_all(self) -> None:
        self._names = {}
        for name, file in self._files().items():
            self._names[name] = file.stat().st_ino
            self._contents[file.stat().st_ino] = file.read_bytes()

    def _files(self) -> dict[str, Path]:
        return {
            str(file.relative_to(self.folder)): file
            for file in sorted(self.folder.rglob("*"))
            if file.is_file()
        }

    def _lose(self) -> None:
        """Write what the disk holds now."""
        live = self._files()
        for folder in [self.folder, *self.folder.rglob("*")]:
            if folder.is_dir():
                (self.after / folder.relative_to(self.folder)).mkdir(parents=True, exist_ok=True)
        for name in sorted(live.keys() | self._names.keys()):
            new = live[name].stat().st_ino if name in live else None
            found = self.chance.choice((self._names.get(name), new))
            if found is not None:
                seen = live[name].read_bytes() if found == new else None
                (self.after / name).write_bytes(self._content(found, seen))

    def _content(self, inode: int, seen: bytes | None) -> bytes:
        synced = self._contents.get(inode)
        if synced is not None and seen in (None, synced):
            return synced
        seen = seen or b""
        kept = self.chance.randrange(len(seen) + 1)
        return self.chance.choice((seen, b"", seen[:kept], bytes(len(seen)), synced or b""))
