# SPDX-License-Identifier: BSD-3-Clause
"""`.cvmfsdirtab`: patterns in the root of a repository for directories that become nested catalogs.

The genuine publisher's rules (dirtab.cc, pathspec.cc): a line is a pattern from the root, in which `*` and
`?` stay within a name; `!` in front means that what fits is none, and there they cross slashes; `#` begins a
comment line. A directory becomes a nested catalog when a pattern fits and no `!` line does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from cvmfs.errors import FormatInvalid
from cvmfs.format.paths import absolute

DIRTAB = ".cvmfsdirtab"
"""Where it is in a repository."""


@dataclass(frozen=True)
class Dirtab:
    """The patterns of a repository; `wanted` begin with a slash, `unwanted` may."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def fits(self, path: str) -> bool:
        """Return whether the directory at a path is to be a nested catalog."""
        text = absolute(path)
        return (
            bool(path)
            and any(pattern.fullmatch(text) for pattern in self._wanted)
            and not any(pattern.fullmatch(text) for pattern in self._unwanted)
        )

    def may_be_above(self, path: str) -> bool:
        """Return whether a directory below the one at a path can fit."""
        depth = path.count("/") + 1 if path else 0
        return any(
            pattern.count("/") > depth
            and _expression("/".join(pattern.split("/")[: depth + 1]), r"[^/]").fullmatch(
                absolute(path)
            )
            for pattern in self.wanted
        )

    @cached_property
    def _wanted(self) -> tuple[re.Pattern[str], ...]:
        return tuple(_expression(pattern, r"[^/]") for pattern in self.wanted)

    @cached_property
    def _unwanted(self) -> tuple[re.Pattern[str], ...]:
        return tuple(_expression(pattern, r"[\s\S]") for pattern in self.unwanted)


def parse_dirtab(text: str, *, where: str) -> Dirtab:
    """Return the patterns in the text of a dirtab.

    Raises:
        FormatInvalid: a pattern does not begin at the root, or a pattern is wanted and unwanted.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        if pattern.startswith("!"):
            unwanted.append(pattern[1:].strip().rstrip("/"))
            continue
        if not pattern.startswith("/"):
            raise FormatInvalid(
                f"{where}:{number}: the pattern {pattern!r} does not begin with a slash",
                hint="patterns begin at the root of the repository, like /images/*/*",
            )
        wanted.append(pattern.rstrip("/"))
    if both := sorted(set(wanted) & set(unwanted)):
        raise FormatInvalid(f"{where}: {both[0]} is wanted and unwanted")
    return Dirtab(tuple(wanted), tuple(unwanted))


def _expression(pattern: str, character: str) -> re.Pattern[str]:
    """Return a pattern as an expression; `character` is what `?` stands for; a backslash quotes."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        match pattern[position]:
            case "*":
                parts.append(f"{character}*")
            case "?":
                parts.append(character)
            case "\\" if position + 1 < len(pattern):
                position += 1
                parts.append(re.escape(pattern[position]))
            case other:
                parts.append(re.escape(other))
        position += 1
    return re.compile("".join(parts))
