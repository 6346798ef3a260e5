# SPDX-License-Identifier: BSD-3-Clause
"""Entries in a chain: each has its number and the sha256 of the line before it.

An entry is one line of canonical JSON, and its hash is that of the line. So whoever changes, drops or
moves an entry breaks the chain at a place that can be named, unless all that follows is written anew; that is
what the signed head is against.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core.canonical import canonical_json
from core.errors import Refused
from trust.codec import Undecodable, from_json, to_json
from trust.decisions.decision import Decision

SEGMENT_ENTRIES: Final = 256
"""Entries of a segment; a publication writes the last one, so this bounds what it costs."""

GENESIS: Final = "0" * 64
"""What the first entry has in place of a hash."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision in the log: `sequence` counts from 0, `logged` is when it was published.

    `logged` never goes back. `decided` may: what one machine decided, another may publish later.
    """

    sequence: int
    previous: str
    logged: datetime
    decision: Decision


@dataclass(frozen=True, slots=True)
class Link:
    """An entry with its line and the hash of that."""

    entry: Entry
    line: bytes

    @property
    def hash(self) -> str:
        """Return the sha256 of the line, which the next entry names."""
        return hashlib.sha256(self.line).hexdigest()


class BrokenLog(Refused):
    """The log is not what it was; names the first entry that is wrong."""


def segment_path(number: int) -> str:
    """Return where a segment lies in the repository."""
    return f"trust/log/{number:04}.jsonl"


def segments_of(entries: int) -> int:
    """Return how many segments that many entries fill."""
    return -(-entries // SEGMENT_ENTRIES)


def appended(
    links: Sequence[Link], decisions: Iterable[Decision], *, at: datetime
) -> Iterator[Link]:
    """Yield the links that decisions make behind those that are there.

    Args:
        links: the chain as it is.
        decisions: in their order.
        at: now; a clock that was put back does not take the log back.
    """
    last = links[-1] if links else None
    for decision in decisions:
        entry = Entry(
            sequence=last.entry.sequence + 1 if last else 0,
            previous=last.hash if last else GENESIS,
            logged=max(at, last.entry.logged) if last else at,
            decision=decision,
        )
        last = Link(entry, canonical_json(to_json(entry)))
        yield last


def segment_text(links: Sequence[Link], number: int) -> bytes:
    """Return the content of a segment."""
    part = links[number * SEGMENT_ENTRIES : (number + 1) * SEGMENT_ENTRIES]
    return b"".join(link.line + b"\n" for link in part)


def read_chain(segments: Sequence[bytes]) -> tuple[Link, ...]:
    """Return the links of a log, each of which follows from the one before.

    Args:
        segments: the content of the segments, in their order.

    Raises:
        BrokenLog: naming the first entry that is wrong, and how.
    """
    links: list[Link] = []
    for number, content in enumerate(segments):
        for line in _lines(content, number, is_last=number == len(segments) - 1):
            links.append(_link(line, links))
    return tuple(links)


def _lines(content: bytes, number: int, *, is_last: bool) -> list[bytes]:
    """Return the lines of a segment, which is full unless it is the last."""
    path = segment_path(number)
    lines = content.split(b"\n")
    if lines.pop() != b"":
        raise BrokenLog(f"{path} is cut short: its last line has no end")
    if len(lines) > SEGMENT_ENTRIES or (not is_last and len(lines) < SEGMENT_ENTRIES):
        raise BrokenLog(f"{path} has {len(lines)} entries where {SEGMENT_ENTRIES} belong")
    return lines


def _link(line: bytes, links: Sequence[Link]) -> Link:
    """Return the link that a line is, behind those before it."""
    number = len(links)
    where = f"{segment_path(number // SEGMENT_ENTRIES)} line {number % SEGMENT_ENTRIES + 1}"
    entry = _entry(line, number, where)
    _check_place(entry, number, where)
    previous = links[-1] if links else None
    if entry.previous != (previous.hash if previous else GENESIS):
        raise BrokenLog(_why_it_does_not_follow(entry, previous, where))
    if previous is not None and entry.logged < previous.entry.logged:
        raise BrokenLog(f"entry {number} ({where}) is older than the entry that it follows")
    return Link(entry, line)


def _entry(line: bytes, number: int, where: str) -> Entry:
    try:
        data = json.loads(line)
        if canonical_json(data) != line:
            raise BrokenLog(f"entry {number} ({where}) was altered: it is not in canonical form")
        return from_json(Entry, data)
    except Undecodable as err:
        raise BrokenLog(
            f"entry {number} ({where}) cannot be read: {err}",
            hint="written by a newer pansoft? then update; otherwise the line was altered",
        ) from err
    except (ValueError, RecursionError) as err:
        raise BrokenLog(f"entry {number} ({where}) was altered: it is no JSON") from err


def _check_place(entry: Entry, number: int, where: str) -> None:
    if entry.sequence == number:
        return
    if entry.sequence > number:
        lost = (
            f"entry {number}"
            if entry.sequence == number + 1
            else f"entries {number} to {entry.sequence - 1}"
        )
        raise BrokenLog(f"{lost} of the log: missing, or moved; {where} has entry {entry.sequence}")
    raise BrokenLog(f"entry {number} of the log: {where} has entry {entry.sequence} a second time")


def _why_it_does_not_follow(entry: Entry, previous: Link | None, where: str) -> str:
    if previous is None:
        return f"entry 0 ({where}) is not the first of a log: what was before it is missing"
    before = previous.entry.sequence
    return (
        f"entry {before} was altered: entry {entry.sequence} ({where}) was made behind another text "
        f"of it (sha256 {entry.previous[:12]}, it is {previous.hash[:12]} now)"
    )
