# SPDX-License-Identifier: BSD-3-Clause
"""Files that setup looks after: what would change, and writing it so that nothing of a person's is lost.

A file is written where it is missing or is as setup left it. One that somebody has changed, or that was
there before, is written over with `force` only, and a copy of it is kept beside it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import UserError
from core.files import write_atomic

KEPT = ".before-pansoft"
_TEXT_LIMIT = 256 << 10


class Care(StrEnum):
    """How setup treats a file: all of it is setup's, or a part, or it is the site's once it is there."""

    WHOLE = "whole"
    SHARED = "shared"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file as it should be; `disposable` is content that the file may have before, besides ours."""

    path: Path
    content: bytes
    care: Care = Care.WHOLE
    disposable: bool = False


class Change(StrEnum):
    """What is to be done with a file."""

    NONE = "as it should be"
    NEW = "new"
    CHANGED = "changed"
    EDITED = "edited by hand"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file, what is there, what should be, and what that means."""

    wanted: Wanted
    found: bytes | None
    change: Change

    def diff(self) -> str:
        """Return the difference as `diff -u` shows it, or a line of figures for what is no text."""
        path = str(self.wanted.path)
        try:
            old, new = (text.decode() for text in (self.found or b"", self.wanted.content))
        except UnicodeDecodeError:
            old = new = ""
        if old == new or max(len(old), len(new)) > _TEXT_LIMIT:
            was = "nothing" if self.found is None else f"{len(self.found)} bytes"
            return f"{path}: {was} -> {len(self.wanted.content)} bytes"
        before = "/dev/null" if self.found is None else path
        rows = difflib.unified_diff(
            old.splitlines(), new.splitlines(), before, path, lineterm="", n=2
        )
        return "\n".join(rows)


def compare(
    wanted: Sequence[Wanted], *, written: Mapping[str, Collection[str]]
) -> tuple[FileChange, ...]:
    """Return what is to be done with each file.

    Args:
        wanted: the files as they should be.
        written: the sha256 that each may have as setup left it, by its path.
    """
    return tuple(_compare(each, written.get(str(each.path), ())) for each in wanted)


def left_over(
    wanted: Sequence[Wanted], *, written: Mapping[str, Collection[str]]
) -> tuple[Path, ...]:
    """Return the files that setup wrote once, that are as it left them, and that are wanted no more."""
    kept = {str(each.path) for each in wanted}
    return tuple(
        Path(path)
        for path, known in written.items()
        if path not in kept and _is_as_left(Path(path), known)
    )


def check(changes: Sequence[FileChange], *, force: bool) -> None:
    """Refuse to write over what somebody has edited, unless it is forced.

    Raises:
        UserError: naming the files.
    """
    edited = [each.wanted.path for each in changes if each.change is Change.EDITED]
    if edited and not force:
        raise UserError(
            "edited by hand, or made by somebody else: " + ", ".join(map(str, edited)),
            hint="look at the differences with --dry-run; --force writes and keeps a copy of each",
        )


def write(changes: Sequence[FileChange]) -> tuple[Path, ...]:
    """Write what is to be changed, each file whole or not at all; return the copies that were kept.

    Raises:
        UserError: a file cannot be written.
    """
    kept = [_keep(each) for each in changes if each.change is Change.EDITED]
    for each in changes:
        if each.change is not Change.NONE:
            _write(each.wanted)
    return tuple(kept)


def hashes(wanted: Sequence[Wanted]) -> dict[str, tuple[str, ...]]:
    """Return the sha256 of every file that is setup's alone, as it should be, by its path."""
    return {str(each.path): (_sha256(each.content),) for each in wanted if each.care is Care.WHOLE}


def read(path: Path) -> bytes | None:
    """Return the content of a file, or None where there is none.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise UserError(f"{path} cannot be read: {err.strerror}") from err


def _is_as_left(path: Path, known: Collection[str]) -> bool:
    found = read(path)
    return found is not None and _sha256(found) in known


def _compare(wanted: Wanted, known: Collection[str]) -> FileChange:
    found = read(wanted.path)
    return FileChange(wanted, found, _change(wanted, found, known))


def _change(wanted: Wanted, found: bytes | None, known: Collection[str]) -> Change:
    if found is None:
        return Change.NEW
    if found == wanted.content or wanted.care is Care.FIRST:
        return Change.NONE
    ours = wanted.care is Care.SHARED or wanted.disposable or _sha256(found) in known
    return Change.CHANGED if ours else Change.EDITED


def _keep(change: FileChange) -> Path:
    """Keep a copy of a file beside it, under a name that nothing has yet."""
    path = change.wanted.path
    names = (path.with_name(f"{path.name}{KEPT}{number or ''}") for number in range(1000))
    copy = next(name for name in names if not name.exists())
    _write(Wanted(copy, change.found or b""))
    return copy


def _write(wanted: Wanted) -> None:
    try:
        wanted.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(wanted.path, wanted.content)
    except OSError as err:
        raise UserError(
            f"{wanted.path} cannot be written: {err.strerror}",
            hint="run it as root, or write below another folder: --prefix DIR",
        ) from err


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
