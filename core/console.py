# SPDX-License-Identifier: BSD-3-Clause
"""Talk and progress, on standard error: answers go to standard output, and not from here."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO


@dataclass
class Console:
    """Says what goes on. On a terminal a step in progress is one line that is rewritten.

    Safe to use from several threads.
    """

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    quiet: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _open_line: bool = field(default=False, repr=False)

    @property
    def is_terminal(self) -> bool:
        """Return whether a person looks at this on a terminal."""
        return self.stream.isatty()

    def say(self, text: str) -> None:
        """Print one line of talk."""
        if self.quiet:
            return
        with self._lock:
            self._clear()
            self.stream.write(text + "\n")
            self.stream.flush()

    def status(self, text: str) -> None:
        """Show what is going on right now: rewritten on a terminal, nothing elsewhere."""
        if self.quiet or not self.is_terminal:
            return
        with self._lock:
            self.stream.write("\r\033[K" + text[:120])
            self.stream.flush()
            self._open_line = True

    @contextlib.contextmanager
    def progress(self, label: str, total: int, *, unit: str = "") -> Iterator[Progress]:
        """Count towards `total` for the time of the block; a line is said at the end."""
        progress = Progress(self, label, total, unit)
        yield progress
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        if self._open_line:
            self.stream.write("\r\033[K")
            self._open_line = False


@dataclass
class Progress:
    """A count on its way to a total."""

    console: Console
    label: str
    total: int
    unit: str = ""
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Count `amount` more; `note` says what was just done."""
        with self._lock:
            self.done += amount
            share = self.done / self.total if self.total else 1.0
            filled = int(20 * min(share, 1.0))
            bar = "█" * filled + "░" * (20 - filled)
            counts = f"{_figure(self.done, self.unit)}/{_figure(self.total, self.unit)}"
            self.console.status(f"{self.label} {bar} {counts} {note}")


def _figure(amount: int, unit: str) -> str:
    return readable_size(amount) if unit == "bytes" else str(amount)


def readable_size(size: int) -> str:
    """Return a number of bytes as people read it, in powers of ten: `4.7 MB`."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
