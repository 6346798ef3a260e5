# SPDX-License-Identifier: BSD-3-Clause
"""Whose files are, once they are in the repository: numbers of this machine mapped to those of clients.

A map file has the form of the genuine publisher's CVMFS_UID_MAP and CVMFS_GID_MAP: lines of two numbers, the
one here and the one there; `*` for all others; `#` begins a comment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UserError

_HIGHEST = 2**32 - 2
"""The last number is what system calls take for "leave it"."""


@dataclass(frozen=True, slots=True)
class IdMap:
    """Numbers of this machine and what becomes of them; others become `default`, or stay if that is None."""

    numbers: Mapping[int, int] = field(default_factory=dict)
    default: int | None = None

    def __getitem__(self, number: int) -> int:
        """Return the number in the repository."""
        other = number if self.default is None else self.default
        return self.numbers.get(number, other)


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners and groups of what is taken from this machine."""

    users: IdMap
    groups: IdMap

    @classmethod
    def all_of(cls, uid: int, gid: int) -> Owners:
        """Return that everything belongs to one user and group."""
        return cls(IdMap(default=uid), IdMap(default=gid))


def load_id_map(file: Path) -> IdMap:
    """Return the map in a file.

    Raises:
        UserError: it cannot be read, or a line is none of a map; the message names it.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise UserError(f"cannot read the map of owners {file}: {err}") from err
    numbers: dict[int, int] = {}
    default: int | None = None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not all(word.isdecimal() for word in words[1:]):
            raise _malformed(file, number, line)
        there = int(words[1])
        if there > _HIGHEST:
            raise _malformed(file, number, line)
        if words[0] == "*":
            default = there
        elif words[0].isdecimal():
            numbers[int(words[0])] = there
        else:
            raise _malformed(file, number, line)
    return IdMap(numbers, default)


def _malformed(file: Path, number: int, line: str) -> UserError:
    return UserError(
        f"{file}:{number}: {line.strip()!r} does not map an owner",
        hint="write the number here and the number there, like `1000 0`, or `* 0` for all others",
    )
