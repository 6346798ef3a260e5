# SPDX-License-Identifier: BSD-3-Clause
"""What happened: an event for each stage of each package, as a line of JSON and read back from it.

A line is read on its own. One that was cut when its writer was killed, or that another program wrote, is
counted and passed over; a text in it may come from a stranger's recipe, so nothing in it is obeyed.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from core.canonical import Json
from core.errors import InvalidInput, UserError
from core.hiding import hide

SCHEMA = 1  # of a line
_LONGEST = 400  # characters of a message
_LONGEST_LINE = 1 << 16  # bytes; ours have less than a tenth of that
_TRACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


class Stage(StrEnum):
    """What was done, in the order in which it is done."""

    PLAN = "plan"
    FETCH = "fetch"
    BASE = "base"
    BUILD = "build"
    TEST = "test"
    SIGN = "sign"
    PUBLISH = "publish"


class Result(StrEnum):
    """How it ended. `reused` is what was there already, `refused` what the policy does not allow."""

    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """One stage of one package, or of the whole run where `package` is None.

    Args:
        began: when, in UTC, to the millisecond.
        trace: what all events of one run share, over processes and machines.
        verb: the command that it was part of, as in `apply`.
        stage: what was done.
        result: how it ended.
        package: the name of a package or of a base.
        version: the package's.
        plan: the id of its plan.
        seconds: how long it took; None where it was one of several that were done together.
        bytes: what came new by it: downloaded, packed or stored; None where nothing is counted.
        rule: of what was refused or failed, the rule or the common fault.
        message: of what was refused or failed, why, in a line.
    """

    began: datetime
    trace: str
    verb: str
    stage: Stage
    result: Result
    package: str | None = None
    version: str | None = None
    plan: str | None = None
    seconds: float | None = None
    bytes: int | None = None
    rule: str | None = None
    message: str | None = None

    @property
    def ended(self) -> datetime:
        """Return when it was over."""
        return self.began + timedelta(seconds=self.seconds or 0.0)

    @property
    def went_wrong(self) -> bool:
        """Return whether somebody has to look at it."""
        return self.result in (Result.FAILED, Result.REFUSED)


@dataclass(frozen=True, slots=True)
class Events:
    """What a log holds, in the order of time; `damaged` is how many of its lines cannot be read."""

    events: tuple[Event, ...]
    damaged: int = 0


class Unreadable(ValueError):
    """A line that is no event."""


def line_of(event: Event) -> bytes:
    """Return the line of an event, in ASCII and with its end: no text of it can begin another line."""
    began = event.began.astimezone(UTC).isoformat(timespec="milliseconds")
    fields = {"schema": SCHEMA, **asdict(event), "began": began.replace("+00:00", "Z")}
    return json.dumps(fields, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def event_of(line: bytes) -> Event:
    """Return the event of a line.

    Raises:
        Unreadable: it is none, or of a later schema.
    """
    try:
        fields = json.loads(line) if len(line) <= _LONGEST_LINE else None
    except (ValueError, RecursionError) as err:
        raise Unreadable("not JSON") from err
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise Unreadable("not an event of this schema")
    try:
        return Event(
            began=_moment(_text(fields, "began")),
            trace=checked_trace(_text(fields, "trace")),
            verb=_text(fields, "verb"),
            stage=Stage(_text(fields, "stage")),
            result=Result(_text(fields, "result")),
            package=_text_or_none(fields, "package"),
            version=_text_or_none(fields, "version"),
            plan=_text_or_none(fields, "plan"),
            seconds=_amount(fields, "seconds"),
            bytes=None if (size := _amount(fields, "bytes")) is None else int(size),
            rule=_text_or_none(fields, "rule"),
            message=_text_or_none(fields, "message"),
        )
    except (ValueError, OverflowError, UserError) as err:
        raise Unreadable(str(err)) from err


def read_events(files: Iterable[Path], *, since: datetime | None = None) -> Events:
    """Return what log files hold, from `since` on; one that is not there holds nothing.

    Raises:
        UserError: one cannot be read.
    """
    found: list[Event] = []
    damaged = 0
    for file in files:
        try:
            lines = file.read_bytes().split(b"\n")
        except FileNotFoundError:
            continue
        except OSError as err:
            raise UserError(
                f"the log {file} cannot be read: {err.strerror}", hint="look at its rights"
            ) from err
        for line in filter(None, lines):
            try:
                event = event_of(line)
            except Unreadable:
                damaged += 1
                continue
            if since is None or event.began >= since:
                found.append(event)
    return Events(tuple(sorted(found, key=lambda event: event.began)), damaged)


def checked_trace(text: str) -> str:
    """Return the id of a run.

    Raises:
        UserError: it is none.
    """
    if not _TRACE.fullmatch(text):
        raise UserError(
            "the id of a run is 1 to 64 letters, digits and . _ : -, and begins with one of the first two",
            hint="for example the id of the pipeline",
        )
    return text


def in_a_line(text: str) -> str:
    """Return the beginning of a message: a line without what looks like a secret or is not seen."""
    first, second = (*text.strip().split("\n", 2), "")[:2]
    if first.endswith(":") or second.startswith("  at "):  # what, and where
        first = f"{first} {second}"
    plain = hide(_plain(" ".join(first.split())))
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def why(error: UserError) -> str:
    """Return in a line what an error says; of a file with several faults, the first."""
    if not isinstance(error, InvalidInput) or not error.problems:
        return in_a_line(error.message)
    more = f", and {len(error.problems) - 1} more" if len(error.problems) > 1 else ""
    return in_a_line(f"{error.problems[0].message}{more}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment.astimezone(UTC)


def _text(fields: Mapping[str, Json], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Unreadable(f"{name} is not text")
    return _plain(value)


def _text_or_none(fields: Mapping[str, Json], name: str) -> str | None:
    return None if fields.get(name) is None else _text(fields, name)


def _amount(fields: Mapping[str, Json], name: str) -> float | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{name} is not a number")
    if not math.isfinite(value) or not 0 <= value < 1e15:
        raise Unreadable(f"{name} is out of all measure")
    return value


def _plain(text: str) -> str:
    """Return a text without control characters, surrogates, ends of lines and what reorders others."""
    return "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
