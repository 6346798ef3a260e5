# SPDX-License-Identifier: BSD-3-Clause
"""The journal of what was published: who set out to do what, of which commit, and what came of it.

`<state>/journal/journal.jsonl` is only ever appended to. A run of `apply` leaves a line when it knows what is
to be done, one before and one after each publication, each on the disk before the work goes on, and one when
it has ended. So a run that was killed is one that has no end, and the next one says what it found. A line
that was cut with its writer, or that a later version of this program wrote, is passed over.
"""

from __future__ import annotations

import contextlib
import os
import platform
import pwd
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from catalog import codec
from catalog.spelling import time_text
from core.canonical import canonical_json
from core.errors import Refused, UserError
from core.event_log import append
from core.events import in_a_line, why

SCHEMA = 1  # of a line


class Result(StrEnum):
    """How a run ended. `failed` is for want of a package at least, `refused` by the policy."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    STOPPED = "stopped"
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class Package:
    """A version of a package, how far it was on its way, and the id of its plan where it has one."""

    name: str
    version: str
    status: str
    plan: str | None


@dataclass(frozen=True, slots=True)
class Began:
    """A run knows what is to be done.

    Args:
        run: its id in the journal.
        at: when, in UTC.
        trace: what the event log calls it.
        by: who publishes: `oidc:ISSUER#SUBJECT` of a pipeline, else `pgp:FINGERPRINT` of the key that signs.
        user: the account of the system, and its machine.
        pid: the process.
        commit: the git head whose recipes are applied; None outside of git.
        changed: whether recipes or policy differ from it.
        revision: of the repository before; None where there is none yet.
        todo: what is to be brought into it, or changed there.
        committed: when the commit was made, in UTC; None without one, and in lines of earlier versions.
    """

    run: str
    at: str
    trace: str
    by: str
    user: str
    pid: int
    commit: str | None
    changed: bool
    revision: int | None
    todo: tuple[Package, ...]
    committed: str | None = None


@dataclass(frozen=True, slots=True)
class Publishing:
    """A run is about to publish: what there was before stands until the next line says otherwise."""

    run: str
    at: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """A run published a revision: what is new in it, each `name version`."""

    run: str
    at: str
    revision: int
    root: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run ended; `said` is what failed or was refused, in a line each."""

    run: str
    at: str
    result: Result
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """All that the journal says of a run.

    `interrupted` is what it was about to publish when nothing more was heard of it. `next` is the run that
    followed: it tells which revision it found.
    """

    began: Began
    published: tuple[Published, ...] = ()
    interrupted: Publishing | None = None
    ended: Ended | None = None
    next: Began | None = None


@dataclass
class Journal:
    """Appends the lines of one run."""

    file: Path
    at: datetime
    warn: Callable[[str], None]
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _start: float = field(default_factory=time.monotonic)
    _is_told: bool = False

    @contextlib.contextmanager
    def begun(
        self,
        *,
        trace: str,
        by: str,
        commit: str | None,
        changed: bool,
        revision: int | None,
        todo: Sequence[Package],
        committed: str | None = None,
    ) -> Iterator[Ending]:
        """Record that a run begins and, after the block, how it ended; the arguments are those of `Began`.

        Raises:
            UserError: the journal cannot be written, so nothing is done that nobody could read of later.
        """
        user = f"{_account()}@{platform.node()}"
        line = Began(
            self.run,
            self._now(),
            trace,
            by,
            user,
            os.getpid(),
            commit,
            changed,
            revision,
            tuple(todo),
            committed,
        )
        try:
            _write(self.file, line)
        except OSError as err:
            raise UserError(
                f"the journal {self.file} cannot be written to: {err.strerror}",
                hint="what is published is written down there first: look at its rights",
            ) from err
        ending = Ending()
        try:
            yield ending
        except UserError as err:
            ending.result = Result.REFUSED if isinstance(err, Refused) else Result.FAILED
            ending.said.append(why(err))
            raise
        except KeyboardInterrupt:
            ending.result = Result.STOPPED
            raise
        except BaseException as bug:
            ending.result = Result.BUG
            ending.said.append(f"a fault of the program: {type(bug).__name__}")
            raise
        finally:
            said = tuple(in_a_line(each) for each in ending.said)
            self._append(Ended(self.run, self._now(), ending.result, said))

    def publishing(self, packages: Sequence[str]) -> None:
        """Record what is about to be published, each `name version`."""
        self._append(Publishing(self.run, self._now(), tuple(packages)))

    def published(self, *, revision: int, root: str, packages: Sequence[str]) -> None:
        """Record what was published."""
        self._append(Published(self.run, self._now(), revision, root, tuple(packages)))

    def _append(self, line: _Line) -> None:
        """Write a line; what is under way is not given up for want of it."""
        try:
            _write(self.file, line)
        except OSError as err:
            if not self._is_told:
                self._is_told = True
                self.warn(f"warning: the journal {self.file} cannot be written to ({err.strerror})")

    def _now(self) -> str:
        return time_text(self.at + timedelta(seconds=time.monotonic() - self._start))


@dataclass
class Ending:
    """How a run goes, filled in while it is under way."""

    result: Result = Result.DONE
    said: list[str] = field(default_factory=list)


_Line = Began | Publishing | Published | Ended
_KINDS: dict[str, type[_Line]] = {
    kind.__name__.lower(): kind for kind in (Began, Publishing, Published, Ended)
}


def runs_in(file: Path) -> tuple[Run, ...]:
    """Return the runs of a journal in the order in which they began; none where there is no journal.

    Raises:
        UserError: it cannot be read.
    """
    runs: dict[str, Run] = {}
    for line in _lines(file):
        match line:
            case Began():
                if runs:
                    last = next(reversed(runs))
                    runs[last] = replace(runs[last], next=line)
                runs[line.run] = Run(line)
            case _ if line.run not in runs:
                pass  # its beginning is lost
            case Publishing():
                runs[line.run] = replace(runs[line.run], interrupted=line)
            case Published():
                run = runs[line.run]
                runs[line.run] = replace(run, published=(*run.published, line), interrupted=None)
            case Ended():
                runs[line.run] = replace(runs[line.run], ended=line, interrupted=None)
    return tuple(runs.values())


def _lines(file: Path) -> Iterator[_Line]:
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    except OSError as err:
        raise UserError(
            f"the journal {file} cannot be read: {err.strerror}", hint="look at its rights"
        ) from err
    for line in filter(None, lines):
        with contextlib.suppress(codec.Malformed):
            fields = codec.parse_json(line)
            if isinstance(fields, dict) and fields.pop("schema", None) == SCHEMA:
                kind = _KINDS.get(str(fields.pop("line", None)))
                if kind is not None:
                    yield codec.from_json(kind, fields)


def _write(file: Path, line: _Line) -> None:
    facts = codec.to_json(line)
    assert isinstance(facts, dict)  # noqa: S101 - for mypy: a dataclass is an object
    text = canonical_json({"schema": SCHEMA, "line": type(line).__name__.lower(), **facts})
    append(file, text + b"\n", largest=sys.maxsize, durable=True)


def _account() -> str:
    """Return the name of the account that this process runs as, or its number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
