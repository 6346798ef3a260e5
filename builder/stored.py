# SPDX-License-Identifier: BSD-3-Clause
"""What the state folder holds that can be made or fetched again: how much, since when, and what may go.

Which inputs, bases and images the recipes of a project need is told by the caller. What is removed
takes another name first, so a kill leaves it whole or in `scratch/`, which the next build clears.
"""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from builder.images import sandbox
from builder.images.build_user import BuildUser
from builder.state import State
from core.errors import Busy
from core.files import exclusive_lock

_Folders: TypeAlias = tuple["Kind", str, str, tuple[Path, ...]]
"""Kind, key, name and folders of something that is stored as folders."""

_SHA256 = 64
_OF_A_PLAN = ("images", "signed", "trees")


class Kind(StrEnum):
    """The parts of the state that can be pruned."""

    INPUTS = "inputs"
    BASES = "bases"
    IMAGES = "images"
    KEPT = "kept"
    LOGS = "logs"
    SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class References:
    """What a project needs: inputs by sha256, bases and images by their plan's id."""

    inputs: frozenset[str] = frozenset()
    bases: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()

    def has(self, kind: Kind, key: str) -> bool:
        """Return whether the project needs an item."""
        match kind:
            case Kind.INPUTS:
                return key in self.inputs
            case Kind.BASES:
                return key in self.bases
            case Kind.IMAGES:
                return key in self.images
            case Kind.KEPT | Kind.LOGS | Kind.SCRATCH:
                return False


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the state: `size` in bytes of disk, `used` in seconds since 1970.

    `name` is what people call it; `needed` is whether the project's recipes refer to it.
    """

    kind: Kind
    key: str
    name: str
    paths: tuple[Path, ...]
    size: int
    used: float
    needed: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """What may go: what nobody needs, what was not used since a time, or what is above a size.

    What is needed goes only where `even_needed` says so; without any rule nothing goes.
    """

    unused: bool = False
    used_before: float | None = None
    max_size: int | None = None
    even_needed: bool = False
    kinds: frozenset[Kind] = field(default_factory=lambda: frozenset(Kind))


def images(state: State, *, user: BuildUser) -> tuple[Item, ...]:
    """Return the images, with what was signed of them, the oldest first; none counts as needed."""
    folders = [found for found in _folders(state) if found[0] is Kind.IMAGES]
    items = _measured(folders, References(), user)
    return tuple(sorted(items, key=lambda item: (item.used, item.key)))


def stored(state: State, references: References, *, user: BuildUser) -> tuple[Item, ...]:
    """Return everything in the state that can be made again, by kind and age, the oldest first."""
    items = [*_inputs(state, references), *_logs(state)]
    items += _measured([*_folders(state)], references, user)
    order = {kind: number for number, kind in enumerate(Kind)}
    return tuple(sorted(items, key=lambda item: (order[item.kind], item.used, item.key)))


def choose(items: Sequence[Item], rule: Rule) -> tuple[Item, ...]:
    """Return what a rule lets go, the least recently used first; pure."""
    open_to_it = [
        item for item in items if item.kind in rule.kinds and (rule.even_needed or not item.needed)
    ]
    by_age = sorted(open_to_it, key=lambda item: (item.used, item.key))
    gone = [
        item
        for item in by_age
        if (rule.unused and not item.needed)
        or (rule.used_before is not None and item.used < rule.used_before)
    ]
    if rule.max_size is not None:
        left = sum(item.size for item in items) - sum(item.size for item in gone)
        for item in by_age:
            if left <= rule.max_size:
                break
            if item not in gone:
                gone.append(item)
                left -= item.size
    return tuple(gone)


def prune(items: Sequence[Item], state: State, *, user: BuildUser) -> int:
    """Remove items and return the bytes that this freed.

    Raises:
        Busy: builds are running.
    """
    try:
        with exclusive_lock(state.in_use, purpose="prune"):
            freed = remove(items, state, user=user)
    except Busy as err:
        raise Busy(
            "builds are running in this state, so nothing was removed",
            hint="run the same command again when they have ended",
        ) from err
    return freed


def remove(items: Iterable[Item], state: State, *, user: BuildUser) -> int:
    """Remove items of which the caller knows that nobody uses them; return the bytes this freed."""
    freed = 0
    for item in items:
        for path in item.paths:
            _remove(path, state, user)
        freed += item.size
    return freed


def _remove(path: Path, state: State, user: BuildUser) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if path.parent == state.scratch:
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            sandbox.remove_abandoned(path, user)
        return
    with sandbox.scratch_folder(state.scratch, user) as trash:
        path.replace(trash / path.name)


def _inputs(state: State, references: References) -> list[Item]:
    """Return the inputs, and downloads that were cut."""
    items = []
    files = [*state.inputs.glob("??/*"), *state.inputs.glob("partial/*")]
    for file in files:
        status = file.stat()
        if len(file.name) != _SHA256 or not stat.S_ISREG(status.st_mode):
            continue
        needed = references.has(Kind.INPUTS, file.name)
        size, used = status.st_blocks * 512, status.st_mtime
        items.append(Item(Kind.INPUTS, file.name, file.name[:12], (file,), size, used, needed))
    return items


def _logs(state: State) -> list[Item]:
    return [
        Item(
            Kind.LOGS, file.stem, file.stem[:12], (file,), file.stat().st_blocks * 512,
            file.stat().st_mtime, needed=False,
        )
        for file in state.logs.glob("*.log")
    ]  # fmt: skip


def _folders(state: State) -> Iterator[_Folders]:
    """Yield kind, key, name and folders of all that is stored as folders."""
    for folder in sorted(state.own.glob("bases/*/base.json")):
        yield Kind.BASES, folder.parent.name, _name(folder), (folder.parent,)
    plans = {path.name for part in _OF_A_PLAN for path in state.folder.glob(f"{part}/*")}
    for plan in sorted(name for name in plans if len(name) == _SHA256):
        folders = [state.folder / part / plan for part in _OF_A_PLAN]
        name = _name(folders[0] / "image.json")
        yield Kind.IMAGES, plan, name, tuple(path for path in folders if path.is_dir())
    for kept in sorted(state.own.glob("kept/*")):
        yield Kind.KEPT, kept.name, _name(kept / "kept.json"), (kept,)
    for scratch in sorted(state.scratch.glob("build-*")):
        if not sandbox.is_in_use(scratch):
            yield Kind.SCRATCH, scratch.name, scratch.name, (scratch,)


def _measured(
    folders: Sequence[_Folders], references: References, user: BuildUser
) -> Iterator[Item]:
    """Yield what is stored as folders, with its size."""
    sizes = _sizes([path for *_, paths in folders for path in paths], user)
    for kind, key, name, paths in folders:
        size = sum(sizes.get(path, 0) for path in paths)
        used = max(_used(path) for path in paths)
        yield Item(kind, key, name, paths, size, used, references.has(kind, key))


def _name(file: Path) -> str:
    """Return the name and version in a file of facts; of what is damaged, its folder's name."""
    try:
        facts = json.loads(file.read_bytes())
        return " ".join(str(facts[key]) for key in ("name", "version") if key in facts)
    except (OSError, ValueError, TypeError, KeyError):
        return file.parent.name[:12]


def _used(folder: Path) -> float:
    """Return when a folder was last used or made; the time of reading is any listing's as well."""
    return folder.stat().st_mtime


def _sizes(folders: Sequence[Path], user: BuildUser) -> dict[Path, int]:
    """Return the bytes of disk of folders, also where files belong to subordinate users."""
    return sandbox.disk_use(folders, user) if folders else {}
