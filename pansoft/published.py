# SPDX-License-Identifier: BSD-3-Clause
"""What is published, read back from the repository: the repository is the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from builder.recipes.recipe import Delivery
from builder.state import State
from catalog.entry import (
    FILE_NAME,
    CatalogEntry,
    PublishedFinding,
    PublishedVerdict,
    read_entry,
)
from catalog.held import PATH as HELD
from catalog.held import HeldPackage, read_held
from catalog.retired import PATH as RETIRED
from catalog.retired import RetiredPackage, read_retired
from cvmfs.format.entries import Entry
from cvmfs.reading.reader import Reader
from pansoft import clock, target
from pansoft.context import Context
from trust.verdict import Verdict

IMAGES = "images"
TREES = "trees"


def verdict_of(verdict: Verdict) -> PublishedVerdict:
    """Return what is published of a verdict."""
    return PublishedVerdict(
        verdict.accepted,
        tuple(
            PublishedFinding(finding.rule, str(finding.outcome), finding.message)
            for finding in verdict.findings
        ),
    )


def forms_of(delivery: Delivery) -> tuple[str, ...]:
    """Return the folders of a repository that hold the forms of a package."""
    match delivery:
        case Delivery.IMAGE:
            return (IMAGES,)
        case Delivery.TREE:
            return (TREES,)
        case Delivery.BOTH:
            return (IMAGES, TREES)


def published_entries(context: Context) -> tuple[CatalogEntry, ...]:
    """Return every published version of every package; none where nothing was published yet.

    Every byte that is read is verified from the repository's public key upward.
    """
    return entries_in(State(context.state), at=clock.now())


def entries_in(state: State, *, at: datetime) -> tuple[CatalogEntry, ...]:
    """Return every published version in the repository of a state, oldest first."""
    if not target.exists(state):
        return ()
    with target.read(state, at=at) as reader:
        return entries_of(reader)


def revision_in(state: State, *, at: datetime) -> int | None:
    """Return the number of the revision of the repository of a state; None where there is none yet."""
    if not target.exists(state):
        return None
    with target.read(state, at=at) as reader:
        return reader.revision


def entries_of(reader: Reader) -> tuple[CatalogEntry, ...]:
    """Return every published version in a repository, oldest first."""
    entries = [
        read_entry(reader.read(file), file=Path(f"/cvmfs/{reader.fqrn}/{file}"))
        for file in _entry_files(reader)
    ]
    return in_order(entries)


def in_order(entries: Sequence[CatalogEntry]) -> tuple[CatalogEntry, ...]:
    """Return entries oldest first; of one moment by name, in whatever order they were made.

    The order decides who has a command that several packages bring, now and when read back.
    """
    return tuple(sorted(entries, key=lambda entry: (entry.published, entry.name)))


def published_held(context: Context) -> tuple[HeldPackage, ...]:
    """Return every package that the repository tells of and does not distribute."""
    return held_in(State(context.state), at=clock.now())


def held_in(state: State, *, at: datetime) -> tuple[HeldPackage, ...]:
    """Return the packages that the repository of a state tells of and does not distribute."""
    if not target.exists(state):
        return ()
    with target.read(state, at=at) as reader:
        if reader.lookup(HELD) is None:
            return ()
        return read_held(reader.read(HELD), file=Path(f"/cvmfs/{reader.fqrn}/{HELD}"))


def published_retired(context: Context) -> tuple[RetiredPackage, ...]:
    """Return every version that the repository has retired."""
    return retired_in(State(context.state), at=clock.now())


def retired_in(state: State, *, at: datetime) -> tuple[RetiredPackage, ...]:
    """Return the versions that the repository of a state has retired, and those it only tells of."""
    if not target.exists(state):
        return ()
    with target.read(state, at=at) as reader:
        return retired_of(reader)


def retired_of(reader: Reader) -> tuple[RetiredPackage, ...]:
    """Return the versions that a repository has retired, and those it only tells of."""
    if reader.lookup(RETIRED) is None:
        return ()
    return read_retired(reader.read(RETIRED), file=Path(f"/cvmfs/{reader.fqrn}/{RETIRED}"))


def _entry_files(reader: Reader) -> list[str]:
    """Return the file of each version; of one that has both forms, the one beside its image."""
    found = {
        version.path.partition("/")[2]: f"{version.path}/{FILE_NAME}"
        for form in (TREES, IMAGES)
        for version in _versions(reader, form)
    }
    return list(found.values())


def _versions(reader: Reader, form: str) -> Iterator[Entry]:
    if reader.lookup(form) is None:
        return
    for package in reader.listdir(form):
        if package.is_directory:
            yield from (each for each in reader.listdir(package.path) if each.is_directory)
