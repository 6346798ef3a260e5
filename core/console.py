# SPDX-License-Identifier: BSD-3-Clause
"""Talk and progress, on standard error: answers go to standard output, and not from here."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from core.harmless import harmless

_REDRAW_S = 1.0
_MOST_LINES = 12
_SAY_AGAIN_S = 60.0
_ENOUGH_TO_TELL = 5


@dataclass
class Console:
    """Says what goes on. On a terminal what is in progress is rewritten: a line for each task.

    Safe to use from several threads; a task belongs to the thread that opened it.
    """

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    quiet: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _drawn: int = field(default=0, repr=False)
    _drawn_at: float = field(default=0.0, repr=False)
    _status: str = field(default="", repr=False)
    _board: Board | None = field(default=None, repr=False)
    _tasks: dict[int, _Task] = field(default_factory=dict, repr=False)

    @property
    def is_terminal(self) -> bool:
        """Return whether a person looks at this on a terminal."""
        return self.stream.isatty()

    def say(self, text: str) -> None:
        """Print one line of talk."""
        if self.quiet:
            return
        with self.aside():
            self.stream.write(harmless(text) + "\n")
            self.stream.flush()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take what is in progress off the terminal for the time of the block, which may print."""
        with self._lock:
            self._clear()
            self.stream.flush()
            yield
            if self._board is not None:
                self._draw()

    def status(self, text: str) -> None:
        """Show what is going on right now: rewritten on a terminal, nothing elsewhere."""
        if self.quiet or not self.is_terminal:
            return
        text = harmless(text)
        with self._lock:
            task = self._tasks.get(threading.get_ident())
            if task is None:
                self._status = text
            elif task.text != text:
                task.text = text
            elif time.monotonic() - self._drawn_at < _REDRAW_S:
                return
            self._draw()

    @contextlib.contextmanager
    def task(self, name: str) -> Iterator[None]:
        """Give what this thread does a line of its own, for the time of the block."""
        thread = threading.get_ident()
        with self._lock:
            self._tasks[thread] = _Task(name, time.monotonic())
        try:
            yield
        finally:
            with self._lock:
                del self._tasks[thread]

    @contextlib.contextmanager
    def board(self, label: str, total: int) -> Iterator[Board]:
        """Count tasks towards `total` in a line above theirs, for the time of the block."""
        board = Board(self, label, total)
        with self._lock:
            self._board = board
        try:
            yield board
        finally:
            with self._lock:
                self._board = None
                self._clear()

    @contextlib.contextmanager
    def progress(self, label: str, total: int, *, unit: str = "") -> Iterator[Progress]:
        """Count towards `total` for the time of the block; a line is said at the end."""
        progress = Progress(self, label, total, unit)
        yield progress
        with self._lock:
            self._clear()

    def _draw(self) -> None:
        if self.quiet or not self.is_terminal:
            return
        self._clear(forget=False)
        lines = [self._status] if self._status else []
        if self._board is not None:
            lines.insert(0, self._board.line())
        now = time.monotonic()
        tasks = list(self._tasks.values())
        width = max((len(task.name) for task in tasks), default=0)
        lines += [task.line(width, now) for task in tasks[:_MOST_LINES]]
        if len(tasks) > _MOST_LINES:
            lines.append(f"  and {len(tasks) - _MOST_LINES} more")
        columns = shutil.get_terminal_size((80, 24)).columns
        self.stream.write("\r\033[K" + "\n".join(line[: columns - 1] for line in lines))
        self.stream.flush()
        self._drawn, self._drawn_at = len(lines), now

    def _clear(self, *, forget: bool = True) -> None:
        if self._drawn:
            self.stream.write("\r\033[K" + "\033[A\033[K" * (self._drawn - 1))
            self._drawn = 0
        if forget:
            self._status = ""


@dataclass
class _Task:
    """What one thread is at."""

    name: str
    began: float
    text: str = ""

    def line(self, width: int, now: float) -> str:
        minutes, seconds = divmod(int(now - self.began), 60)
        text = self.text.removeprefix(f"{self.name}: ")
        return f"  {self.name:{width}}  {minutes}:{seconds:02}  {text}"


@dataclass
class Board:
    """How many of many tasks have ended, and how; where nobody watches, it is said now and then."""

    console: Console
    label: str
    total: int
    done: int = 0
    failed: int = 0
    began: float = field(default_factory=time.monotonic)
    said_at: float = field(default_factory=time.monotonic)

    def advance(self, *, failed: bool = False) -> None:
        """Count one more that has ended."""
        with self.console._lock:
            self.done += 1
            self.failed += failed
            self.console._draw()
            now = time.monotonic()
            if not self.console.is_terminal and now - self.said_at >= _SAY_AGAIN_S:
                self.said_at = now
                self.console.say(self.line())

    def line(self) -> str:
        """Return the line above those of the tasks."""
        failed = f", {self.failed} failed" if self.failed else ""
        running = f", {len(self.console._tasks)} running" if self.console._tasks else ""
        return f"{self.label}: {self.done} of {self.total} done{failed}{running}{self._time_left()}"

    def _time_left(self) -> str:
        """Return what the rest will take if it goes on like what is done, where that can be said."""
        left = self.total - self.done
        taken = time.monotonic() - self.began
        if not left or self.done < _ENOUGH_TO_TELL or taken < _SAY_AGAIN_S:
            return ""
        minutes = round(taken / self.done * left / 60)
        return f", about {minutes} min left" if minutes else ", less than a minute left"


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
