# SPDX-License-Identifier: BSD-3-Clause
"""The log of what happened: one line for each event, appended by all processes that share a state folder.

A line is written at once, under a lock of the file, so that it is whole also on a network file system, and
what a killed writer left of one ends before the next begins. A file that has grown enough becomes the older
one of two. A log that cannot be written is told of once and holds nothing up: it is about the work.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.errors import Refused, UserError
from core.events import Event, Result, Stage, in_a_line, line_of, why
from core.files import sync_folder

LARGEST = 10 * 10**6
"""Bytes after which a file is put aside."""


@dataclass(slots=True)
class Note:
    """How a stage goes, filled in while it is under way; `error` is what it ended with, if not well."""

    result: Result = Result.DONE
    bytes: int | None = None
    rule: str | None = None
    message: str | None = None

    def reused(self, is_so: bool = True) -> None:
        """Say that what was wanted was there already."""
        if is_so:
            self.result = Result.REUSED

    def failed(self, message: str, *, rule: str | None = None) -> None:
        """Say that it went wrong, and why, without an error that rises."""
        self.result, self.rule, self.message = Result.FAILED, rule, in_a_line(message)

    def ended_with(self, error: UserError) -> None:
        """Say which error it ended with."""
        self.result = Result.REFUSED if isinstance(error, Refused) else Result.FAILED
        self.rule, self.message = error.rule, why(error)


class EventLog:
    """Records events of one run; used by several threads at once. Without a file it records nothing."""

    def __init__(
        self,
        file: Path | None,
        *,
        trace: str,
        verb: str,
        at: datetime,
        warn: Callable[[str], None],
        largest: int = LARGEST,
    ) -> None:
        """Begin a run.

        Args:
            file: the log; its folder is made when there is something to write.
            trace: the id of the run.
            verb: the command.
            at: now; from here on time is counted by a clock that nobody sets.
            warn: is told once when the log cannot be written.
            largest: bytes after which the file is put aside.
        """
        self.trace = trace
        self._file, self._verb, self._at, self._warn = file, verb, at, warn
        self._largest = largest
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._is_told = False

    @contextlib.contextmanager
    def stage(
        self,
        stage: Stage,
        package: str | None = None,
        version: str | None = None,
        plan: str | None = None,
    ) -> Iterator[Note]:
        """Record how the block goes and what it takes; what it raises rises further."""
        began, note = time.monotonic(), Note()
        try:
            yield note
        except UserError as err:
            note.ended_with(err)
            raise
        except KeyboardInterrupt:
            note.failed("stopped by whoever started it", rule="stopped")
            raise
        except BaseException as bug:
            note.failed(f"a fault of the program: {type(bug).__name__}", rule="bug")
            raise
        finally:
            seconds = round(time.monotonic() - began, 3)
            self._record(note, stage, package, version, plan, began=began, seconds=seconds)

    def tell(
        self,
        stage: Stage,
        note: Note,
        package: str | None = None,
        version: str | None = None,
        plan: str | None = None,
    ) -> None:
        """Record what nobody measured, or what was done together with others."""
        self._record(note, stage, package, version, plan, began=time.monotonic(), seconds=None)

    def _record(
        self,
        note: Note,
        stage: Stage,
        package: str | None,
        version: str | None,
        plan: str | None,
        *,
        began: float,
        seconds: float | None,
    ) -> None:
        if self._file is None:
            return
        event = Event(
            began=self._at + timedelta(seconds=began - self._began),
            trace=self.trace,
            verb=self._verb,
            stage=stage,
            result=note.result,
            package=package,
            version=version,
            plan=plan,
            seconds=seconds,
            bytes=note.bytes,
            rule=note.rule,
            message=note.message,
        )
        with self._lock:
            try:
                append(self._file, line_of(event), largest=self._largest)
            except OSError as err:
                if not self._is_told:
                    self._is_told = True
                    self._warn(
                        f"warning: {self._file} cannot be written to ({err.strerror}): what is done "
                        "now is missing in 'pansoft report'"
                    )


def _nobody(_: str) -> None:
    """Tell nobody."""


NOWHERE = EventLog(None, trace="none", verb="", at=datetime.min, warn=_nobody)  # noqa: DTZ901 - unread
"""Records nothing."""


def older(file: Path) -> Path:
    """Return the name that a log has when it was put aside: `events.1.jsonl`."""
    return file.with_name(f"{file.stem}.1{file.suffix}")


def append(file: Path, line: bytes, *, largest: int, durable: bool = False) -> None:
    """Write a line at the end of a file, all at once; a file with `largest` bytes is put aside first.

    A line that is `durable` is on the disk when this returns.

    Raises:
        OSError: that cannot be done.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        # To be read as well: what stands last decides how to begin.
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if not _is_still(file, descriptor):
                continue  # put aside by another process while this one waited
            if size and size + len(line) > largest:
                file.replace(older(file))
                continue
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
            if durable:
                os.fsync(descriptor)
                if not size:
                    sync_folder(file.parent)
            return
        finally:
            os.close(descriptor)


def _is_still(file: Path, descriptor: int) -> bool:
    """Return whether a file has its name yet."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
