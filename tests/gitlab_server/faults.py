# SPDX-License-Identifier: BSD-3-Clause
"""What can go wrong with a request on its way to a GitLab and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class _Fault:
    """Which request it hits: the next one whose method and path fit."""

    method: str = ""
    path: str = ""

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.path in path


@dataclass(frozen=True, slots=True)
class Limited(_Fault):
    """Too many requests; `after` is the text of `Retry-After`."""

    after: str | None = None


@dataclass(frozen=True, slots=True)
class Down(_Fault):
    """The proxy before GitLab answers in its place, after GitLab did the work or before."""

    status: int = 502
    done: bool = False


@dataclass(frozen=True, slots=True)
class HangUp(_Fault):
    """The connection ends without an answer, after GitLab did the work or before."""

    done: bool = False


@dataclass(frozen=True, slots=True)
class Silent(_Fault):
    """GitLab does the work, or does not, and no answer comes as long as the server runs."""

    done: bool = False


@dataclass(frozen=True, slots=True)
class Gibberish(_Fault):
    """Something that is not JSON, and says that it is."""


@dataclass(frozen=True, slots=True)
class Moved(_Fault):
    """The client is sent elsewhere."""

    to: str = ""


Fault: TypeAlias = Limited | Down | HangUp | Silent | Gibberish | Moved
