# SPDX-License-Identifier: BSD-3-Clause
"""What is missing of published versions: somebody took a file away, or the objects that hold it are lost.

A version that is not whole is not published: it is planned, built and published again, from the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from builder.state import State
from catalog.entry import ROOT, CatalogEntry
from cvmfs.format.entries import Entry
from cvmfs.format.hashes import Suffix, object_path
from cvmfs.reading.reader import Reader
from cvmfs.storage.storage import Storage
from pansoft import target
from trust.decisions.chain import BrokenLog, read_chain, segment_path
from trust.decisions.decision import Decision, Kind


def damage(reader: Reader, entry: CatalogEntry) -> str | None:
    """Return in words which file of a version is not there; None where all are that have to be."""
    for path, size in _needed(entry):
        found = reader.lookup(path)
        if found is None:
            return f"{path} is not there"
        if size is not None and found.size != size:
            return f"{path} has {found.size} bytes, not the {size} that were published"
    return None


def losses(
    state: State, entries: Sequence[CatalogEntry], *, at: datetime
) -> Mapping[tuple[str, str], str]:
    """Return what is missing of each version, by name and version: files, and objects that hold them.

    Objects are looked for in a repository whose storage is ours, of images and of what was signed about
    them; `pansoft repo check` reads them all.
    """
    if not entries:
        return {}
    storage = target.storage(state) if target.is_ours(state) else None
    found = {}
    with target.read(state, at=at) as reader:
        known: dict[str, bool] = {}
        for entry in entries:
            said = damage(reader, entry)
            if said is None and storage is not None:
                said = _lost(reader, entry, storage, known)
            if said is not None:
                found[entry.name, entry.version] = said
    return found


def taken_away(
    reader: Reader, entries: Iterable[CatalogEntry]
) -> Mapping[tuple[str, str], Decision]:
    """Return the decisions to publish what is not there any more, by name and version.

    The log is read for the sake of an explanation: whether it is signed is asked where it is continued.
    """
    segments: list[bytes] = []
    while reader.lookup(path := segment_path(len(segments))) is not None:
        segments.append(reader.read(path))
    try:
        said = [link.entry.decision for link in read_chain(segments)]
    except BrokenLog:
        return {}  # publishing says so
    there = {(entry.name, entry.version) for entry in entries}
    found = {}
    for decision in said:
        name, _, version = decision.subject.partition(" ")
        is_one = decision.kind is Kind.PUBLISH and decision.accepted and decision.plan is not None
        if is_one and (name, version) not in there:
            found[name, version] = decision
    return found


def _needed(entry: CatalogEntry) -> Iterator[tuple[str, int | None]]:
    """Yield the files without which a version is of no use, with their sizes where those are known."""
    yield entry.image.path, entry.image.size
    yield f"{entry.image.path}.statement.json", None
    if entry.tree is not None:
        yield entry.tree.path, entry.tree.size
        yield f"{entry.tree.path.rpartition('/')[0]}/{ROOT}", None


def _lost(
    reader: Reader, entry: CatalogEntry, storage: Storage, known: dict[str, bool]
) -> str | None:
    """Return which file of the signed folder has objects that are not in the storage."""
    for file in reader.listdir(entry.folder):
        for path in _objects(file):
            if path not in known:  # bases are shared by many images
                known[path] = storage.size(path) is not None
            if not known[path]:
                return f"an object of {file.path} is lost: {path}"
    return None


def _objects(file: Entry) -> Iterable[str]:
    if file.content_hash is not None and not file.chunks:
        yield object_path(file.content_hash, Suffix.FILE)
    for chunk in file.chunks:
        yield object_path(chunk.content_hash, Suffix.CHUNK)
