# SPDX-License-Identifier: BSD-3-Clause
"""How two images differ: file systems, packages, environment, labels, files and their sizes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from builder.evidence.holdings import Holdings, read_files
from builder.evidence.squashfs import Entry
from builder.images.build_user import BuildUser
from core.canonical import Json
from core.console import readable_size

_COMPARED_AT_ONCE = 256 << 20  # bytes of files of either image that are held in memory


class How(StrEnum):
    """What became of a thing between the first image and the second."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """A package, a variable or a label: its value in the first image and in the second."""

    what: str
    name: str
    before: str | None
    after: str | None

    @property
    def how(self) -> How:
        """Return what became of it."""
        if self.before is None:
            return How.ADDED
        return How.REMOVED if self.after is None else How.CHANGED


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that differs; sizes in bytes, None where it is not; `why` says what of it changed."""

    path: str
    how: How
    before: int | None
    after: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs. `shared` are the partitions that both images have, byte for byte."""

    one: Holdings
    other: Holdings
    shared: tuple[str, ...]
    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]

    @property
    def is_none(self) -> bool:
        """Return whether the two are the same file, byte for byte."""
        return self.one.sha256 == self.other.sha256


def difference(one: Holdings, other: Holdings, *, user: BuildUser, scratch: Path) -> Difference:
    """Return how two images differ.

    Files are compared by content only where nothing else decides: not those in a partition that
    both images have.

    Args:
        one: the first.
        other: the second.
        user: who runs the program that reads them.
        scratch: an empty folder of that user.
    """
    sha256s = {partition.sha256 for partition in one.partitions}
    shared = tuple(part.name for part in other.partitions if part.sha256 in sha256s)
    changes = [
        *changes_in("package", _packages(one), _packages(other)),
        *changes_in("variable", one.environment, other.environment),
        *changes_in("label", one.labels, other.labels),
    ]
    files = tuple(_files(one, other, user=user, scratch=scratch))
    return Difference(one, other, shared, tuple(changes), files)


def _packages(image: Holdings) -> Mapping[str, str]:
    """Return versions by kind and name; a package that is there twice has both versions."""
    found: dict[str, list[str]] = {}
    for item in image.components:
        found.setdefault(f"{item.ecosystem}:{item.name}", []).append(item.version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def changes_in(what: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    """Yield what differs between two tables of names and values, by name."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield Change(what, name, before.get(name), after.get(name))


def _files(
    one: Holdings, other: Holdings, *, user: BuildUser, scratch: Path
) -> Iterator[FileChange]:
    unclear: list[str] = []
    changed: dict[str, FileChange] = {}
    for path in sorted({*one.files, *other.files}):
        before, after = one.files.get(path), other.files.get(path)
        if before is None or after is None:
            how = How.ADDED if before is None else How.REMOVED
            changed[path] = FileChange(path, how, _size(before), _size(after), how)
            continue
        if one.partitions[before[1]].sha256 == other.partitions[after[1]].sha256:
            continue
        why = ", ".join(_reasons(before[0], after[0]))
        if why:
            changed[path] = FileChange(path, How.CHANGED, _size(before), _size(after), why)
        elif before[0].kind == "-" and before[0].size:
            unclear.append(path)
    for path in _unequal(one, other, unclear, user=user, scratch=scratch):
        size = one.files[path][0].size
        changed[path] = FileChange(path, How.CHANGED, size, size, "content")
    yield from (changed[path] for path in sorted(changed))


def _reasons(before: Entry, after: Entry) -> Iterator[str]:
    if before.kind != after.kind:
        yield "kind"
        return
    if before.mode != after.mode:
        yield f"mode {before.mode} to {after.mode}"
    if before.owner != after.owner:
        yield f"owner {before.owner} to {after.owner}"
    if before.target != after.target:
        yield f"link to {before.target}, now to {after.target}"
    if before.kind == "-" and before.size != after.size:
        yield "content"


def _unequal(
    one: Holdings, other: Holdings, paths: list[str], *, user: BuildUser, scratch: Path
) -> Iterator[str]:
    """Yield those of the paths, all of the same size in both images, whose content differs."""
    batch: list[str] = []
    weight = 0
    for path in [*paths, ""]:
        weight += one.files[path][0].size if path else 0
        if path:
            batch.append(path)
        if batch and (not path or weight > _COMPARED_AT_ONCE):
            digests = [
                {
                    name: hashlib.sha256(content).digest()
                    for name, content in read_files(
                        image.path,
                        image.partitions,
                        image.files,
                        batch,
                        user=user,
                        scratch=scratch,
                    ).items()
                }
                for image in (one, other)
            ]
            # what could not be read in either is not taken for equal
            yield from (
                name
                for name in batch
                if digests[0].get(name) != digests[1].get(name) or name not in digests[0]
            )
            batch, weight = [], 0


def _size(found: tuple[Entry, int] | None) -> int | None:
    return None if found is None else found[0].size if found[0].kind == "-" else 0


_TITLES = {"package": "packages", "variable": "environment", "label": "labels"}
_MARKS = {How.ADDED: "+", How.REMOVED: "-", How.CHANGED: "~"}


def text(found: Difference, *, files: int | None = 20) -> str:
    """Return a difference as people read it; at most so many `files`, None for all."""
    return "\n".join(_lines(found, files))


def _lines(found: Difference, limit: int | None) -> Iterator[str]:
    for mark, image in (("-", found.one), ("+", found.other)):
        yield f"{mark} {image.path}"
        yield f"  sha256 {image.sha256}, {readable_size(image.size)}"
    if found.is_none:
        yield "the same, byte for byte"
        return
    yield "file systems"
    for partition in found.other.partitions:
        word = "the same" if partition.name in found.shared else "another"
        yield f"  {partition.name}: {word}, {readable_size(partition.size)}"
    for what, title in _TITLES.items():
        some = [change for change in found.changes if change.what == what]
        if some:
            yield title
        for change in some:
            values = " -> ".join(
                value for value in (change.before, change.after) if value is not None
            )
            yield f"  {_MARKS[change.how]} {change.name} {values}"
    count = len(found.files)
    yield f"files: {count or 'no'} different" + ("" if count else ", the order or the packing is")
    shown = found.files if limit is None else found.files[:limit]
    for file in shown:
        size = _sizes(file)
        why = f" ({file.why})" if file.how is How.CHANGED else ""
        yield f"  {_MARKS[file.how]} {file.path}{size}{why}"
    if len(shown) < count:
        yield f"  and {count - len(shown)} more; --all shows them"
    grown = sum((file.after or 0) - (file.before or 0) for file in found.files)
    sign = "+" if grown >= 0 else "-"
    yield f"in all {sign}{readable_size(abs(grown))} unpacked"


def _sizes(file: FileChange) -> str:
    if file.before is not None and file.after is not None and file.before != file.after:
        return f" {readable_size(file.before)} -> {readable_size(file.after)}"
    size = file.after if file.before is None else file.before
    return f" {readable_size(size)}" if size else ""


def as_json(found: Difference) -> dict[str, Json]:
    """Return a difference as programs read it; sizes in bytes."""
    return {
        "same": found.is_none,
        "images": [
            {
                "path": str(image.path),
                "sha256": image.sha256,
                "size": image.size,
                "partitions": [
                    {"name": part.name, "sha256": part.sha256, "size": part.size}
                    for part in image.partitions
                ],
            }
            for image in (found.one, found.other)
        ],
        "shared_partitions": list(found.shared),
        "changes": [
            {
                "what": change.what,
                "name": change.name,
                "how": str(change.how),
                "before": change.before,
                "after": change.after,
            }
            for change in found.changes
        ],
        "files": [
            {
                "path": file.path,
                "how": str(file.how),
                "before": file.before,
                "after": file.after,
                "why": file.why,
            }
            for file in found.files
        ],
    }
