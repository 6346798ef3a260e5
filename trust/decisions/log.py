# SPDX-License-Identifier: BSD-3-Clause
"""The whole log: read from wherever it is published, checked from its head backward, grown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from core.errors import Refused
from trust.decisions.chain import (
    SEGMENT_ENTRIES,
    BrokenLog,
    Link,
    appended,
    read_chain,
    segment_path,
    segment_text,
    segments_of,
)
from trust.decisions.decision import Decision
from trust.decisions.head import HEAD_PATH, Head, SignedHead, head_of, sealed, unsealed
from trust.keys import SigningKey

Read: TypeAlias = Callable[[str], bytes | None]
"""Gives the content of a file of the repository, or None where there is none."""

_MOST_ENTRIES = 50_000_000
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")


@dataclass(frozen=True, slots=True)
class Log:
    """A log whose chain is whole and ends where its head says. Whether the head is signed, it says itself."""

    repository: str
    links: tuple[Link, ...]
    signed: SignedHead

    @property
    def head(self) -> Head:
        """Return the end of the log."""
        return self.signed.head

    @property
    def identities(self) -> frozenset[str]:
        """Return what was decided, by its content."""
        return frozenset(link.entry.decision.identity for link in self.links)


def read_log(
    read: Read, *, public_keys: Sequence[Path], repository: str | None = None
) -> Log | None:
    """Return the log of a repository, or None where none was begun.

    Args:
        read: gives the files of the repository.
        public_keys: files with the keys that may sign the head.
        repository: its name, where the reader knows it: a log of another one is refused.

    Raises:
        BrokenLog: an entry was altered, removed or moved; it names the first.
        Refused: what should be the log is something else.
    """
    content = read(HEAD_PATH)
    if content is None:
        if read(segment_path(0)) is not None:
            raise BrokenLog(f"{HEAD_PATH} is missing: nobody says where the log ends")
        return None
    signed = unsealed(content, public_keys=public_keys)
    head = signed.head
    if not _REPOSITORY.fullmatch(head.repository):
        raise Refused(f"{HEAD_PATH} names no repository")
    if repository is not None and head.repository != repository:
        raise Refused(f"{HEAD_PATH} is of {head.repository}, not of {repository}: it was swapped")
    if not 0 < head.entries <= _MOST_ENTRIES:
        raise Refused(f"{HEAD_PATH} says that the log has {head.entries} entries")
    links = read_chain(_segments(read, head))
    _check_end(links, head)
    return Log(head.repository, links, signed)


def _segments(read: Read, head: Head) -> list[bytes]:
    """Return the segments that the head speaks of; more than these is more than was signed."""
    count = segments_of(head.entries)
    found: list[bytes] = []
    for number in range(count):
        content = read(segment_path(number))
        if content is None:
            first = number * SEGMENT_ENTRIES
            raise BrokenLog(
                f"entry {first} of the log: {segment_path(number)} is missing, and the head says "
                f"that there are {head.entries} entries"
            )
        found.append(content)
    if read(segment_path(count)) is not None:
        raise BrokenLog(
            f"{segment_path(count)} is there, but the head says that the log ends with "
            f"entry {head.entries - 1}"
        )
    return found


def _check_end(links: Sequence[Link], head: Head) -> None:
    if len(links) < head.entries:
        raise BrokenLog(
            f"entry {len(links)} of the log: missing; the log was cut off there, "
            f"its head says that there are {head.entries} entries"
        )
    if len(links) > head.entries:
        raise BrokenLog(
            f"entry {head.entries} of the log: nobody signed it; its head says that the log ends "
            f"with entry {head.entries - 1}"
        )
    if links[-1].hash != head.last:
        raise BrokenLog(
            f"entry {head.entries - 1} was altered: the head was signed over another text of it "
            f"(sha256 {head.last[:12]}, it is {links[-1].hash[:12]} now)"
        )


def check_holds(log: Log, expected: str) -> None:
    """Refuse a log that does not hold the entry with this hash.

    Raises:
        BrokenLog: it does not.
    """
    if not any(link.hash == expected for link in log.links):
        raise BrokenLog(
            f"no entry of the log of {log.repository} has the sha256 {expected}: it lost entries "
            "since that was noted, or its past was written anew",
            hint="do not trust it before its publisher has explained that",
        )


@dataclass(frozen=True, slots=True)
class Growth:
    """What a publication adds to the log: the new links, and the files to write, by their path."""

    links: tuple[Link, ...]
    files: Mapping[str, bytes]
    head: Head


def grown(
    log: Log | None,
    decisions: Iterable[Decision],
    *,
    repository: str,
    key: SigningKey,
    at: datetime,
) -> Growth | None:
    """Return what makes the log hold these decisions as well, or None where it holds all of them.

    Only the segments that change are written, and the head, which the key signs.

    Args:
        log: as it is published now, checked; None where none was begun.
        decisions: in their order; those that are logged already are left out.
        repository: whose log it is.
        key: signs the head.
        at: now.
    """
    before = log.links if log else ()
    known = set(log.identities) if log else set()
    fresh: list[Decision] = []
    for decision in decisions:
        if decision.identity not in known:
            known.add(decision.identity)
            fresh.append(decision)
    if not fresh:
        return None
    new = tuple(appended(before, fresh, at=at))
    links = (*before, *new)
    files = {
        segment_path(number): segment_text(links, number)
        for number in range(len(before) // SEGMENT_ENTRIES, segments_of(len(links)))
    }
    files[HEAD_PATH] = sealed(links, repository=repository, key=key)
    return Growth(new, files, head_of(links, repository=repository))
