# SPDX-License-Identifier: BSD-3-Clause
"""One transaction on a repository: what is put in it becomes visible together, or not at all.

The order of writing is the safety: objects, then catalogs from the deepest up, then the history, one sync of
the file system, and at last the signed manifest by rename. A process killed before the rename leaves the old
revision and some objects that nobody refers to; the next transaction clears the scratch folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cvmfs.errors import RepositoryError
from cvmfs.format.chunking import CHUNK_SIZE, CutPolicy
from cvmfs.format.compression import worth_compressing
from cvmfs.format.entries import Entry, Kind
from cvmfs.format.hashes import Algorithm, ContentHash, Suffix
from cvmfs.format.history import tagged, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import Manifest
from cvmfs.format.paths import MARKER, MARKERS, absolute, join, name_of, parent_of, repository_path
from cvmfs.format.xattrs import has_capability
from cvmfs.publishing.catalog_set import CatalogSet
from cvmfs.publishing.graft import graft as graft_into
from cvmfs.publishing.ingest import Content, CutMarks, Ingest, LocalFile
from cvmfs.publishing.lease import Lease
from cvmfs.publishing.local_tree import (
    AS_IT_IS,
    LocalDirectory,
    LocalEntry,
    TreeRules,
    local_entry,
    scan,
)
from cvmfs.publishing.owners import Owners
from cvmfs.publishing.repository import Repository, check_whitelisted, commit
from cvmfs.publishing.splitting import (
    DEFAULT_SIZES,
    CatalogSizes,
    balance,
    dirtab_of,
    nest_by_patterns,
)
from cvmfs.reading.snapshots import Snapshot, Tree

log = logging.getLogger(__name__)

_REGULAR = 0o100000
_PERMISSIONS = 0o7777
_EXECUTABLE = 0o111
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Publication:
    """What a transaction published.

    `is_new` is false when nothing differed: then revision and root hash are those that were there.
    `new_bytes` is the size of the objects that were added, as stored; `logical_bytes` the size of the
    files that were put, before compression and sharing.
    """

    fqrn: str
    revision: int
    root_hash: ContentHash
    is_new: bool
    new_objects: int
    new_bytes: int
    files: int
    logical_bytes: int


class Transaction:
    """Changes on their way into a repository. Paths are relative to its root."""

    def __init__(self, catalogs: CatalogSet, ingest: Ingest) -> None:
        self._catalogs = catalogs
        self._ingest = ingest
        self._owners = Owners.all_of(catalogs.uid, catalogs.gid)
        self._publication: Publication | None = None
        self.files = 0
        self.logical_bytes = 0

    @property
    def published(self) -> Publication:
        """Return what was published, once the block of the transaction has ended."""
        if self._publication is None:
            raise RuntimeError("the transaction has not been published")
        return self._publication

    @property
    def tree(self) -> Tree:
        """Return the tree as this transaction leaves it."""
        return self._catalogs

    def put_tree(
        self, folder: Path, path: str, *, nest: bool = False, rules: TreeRules = AS_IT_IS
    ) -> None:
        """Put a local folder at `path`, in place of what is there.

        Files, directories, symlinks, fifos, modes, times and hard links are taken as they are; `rules` says
        what else. A directory with a `.cvmfscatalog` becomes a nested catalog, with `nest` the folder itself
        does; what is a nested catalog already and stays a directory stays one.

        Raises:
            RepositoryError: something in the folder cannot be read or published.
        """
        target = repository_path(path)
        owners = rules.owners or self._owners
        if not folder.is_dir():
            raise RepositoryError(f"{folder} is not a folder")
        source = folder.resolve()  # the folder itself may be reached by a link
        root = local_entry(source, target, owners=owners, rules=rules)
        directories = list(scan(source, target, owners=owners, rules=rules))
        if not rules.xattrs:
            _warn_of_capabilities(folder, directories)
        contents = self._ingest.files(self._files_of(directories))
        self._place_directory(root.entry)
        if nest:
            self._catalogs.nest(target)
        for directory in directories:
            self._replace_children(directory, contents)

    def put_file(self, file: Path, path: str, *, rules: TreeRules = AS_IT_IS) -> None:
        """Put one local file at `path`, the one it leads to if it is a link; directories are made where
        missing.

        Raises:
            RepositoryError: it cannot be read, or a directory is in its place.
        """
        target = _file_path(path)
        owners = rules.owners or self._owners
        local = local_entry(file.resolve(), target, owners=owners, rules=rules)
        local = replace(local, leader="")  # other names of the file are not put here
        if local.entry.is_directory:
            raise RepositoryError(f"{file} is a folder", hint="put it with put_tree")
        before = self._catalogs.get(target) if self._has_directory(target) else None
        contents = self._ingest.files(_files((local,), {target: before}))
        self._place(self._filled(local, contents))

    def put_bytes(
        self, content: bytes, path: str, *, mode: int = 0o644, mtime: int | None = None
    ) -> None:
        """Put a file of this content at `path`; directories above it are made where missing.

        `mtime` is in seconds since 1970; without it the time is the transaction's, or the one that the
        file has if its content is there already.

        Raises:
            RepositoryError: a directory is in its place.
        """
        target = _file_path(path)
        old = self._catalogs.get(target) if self._has_directory(target) else None
        stored = self._ingest.content(content, target, old)
        entry = _with_content(
            Entry(
                path=target, mode=_REGULAR | (mode & _PERMISSIONS), size=len(content),
                mtime=self._catalogs.at if mtime is None else mtime,
                uid=self._catalogs.uid, gid=self._catalogs.gid,
            ),
            stored,
        )  # fmt: skip
        self._count(stored)
        if mtime is None and old is not None:
            same_time = replace(entry, mtime=old.mtime, mtime_ns=old.mtime_ns)
            entry = same_time if same_time == old else entry
        self._place(entry)

    def remove(self, path: str) -> None:
        """Remove what is at `path` and below; nothing happens when there is nothing.

        Without its marker a directory is no nested catalog any more; what it holds stays.

        Raises:
            RepositoryError: it is the root.
        """
        target = repository_path(path)
        if not target:
            raise RepositoryError("the root of a repository cannot be removed")
        if name_of(target) == MARKER:
            self._unnest(parent_of(target))
        elif self._has_directory(target):
            self._catalogs.remove(target)

    def nest(self, path: str) -> None:
        """Make the directory at `path` a nested catalog, which clients load when they come there.

        Raises:
            RepositoryError: it is no directory, or the root.
        """
        target = repository_path(path)
        if not self._has_directory(target):
            raise RepositoryError(f"there is no directory {absolute(target)}")
        self._catalogs.nest(target)

    def graft(self, source: Snapshot, path: str, target: str | None = None) -> None:
        """Make `target`, by default the same path, what a snapshot of this repository has at `path`.

        No content is read: the rows of catalogs are copied, and a nested catalog that keeps its path is taken
        over by its hash. So a tree of an older revision comes back, or one of today is copied elsewhere.

        Raises:
            NotFound: the snapshot has nothing there.
            RepositoryError: a file is in the way, or it is the root.
        """
        origin = repository_path(path)
        graft_into(
            self._catalogs, source, origin, origin if target is None else repository_path(target)
        )

    def restore(self, root_hash: ContentHash) -> None:
        """Make the whole tree that of another revision; what this transaction did before is forgotten."""
        self._catalogs.restore(root_hash)

    def exists(self, path: str) -> bool:
        """Return whether something is at `path`, as this transaction leaves it."""
        target = repository_path(path)
        return self._has_directory(target) and self._catalogs.get(target) is not None

    def stored(self, path: str) -> Entry | None:
        """Return the file at `path` with the objects that hold it; None where there is no file."""
        target = repository_path(path)
        entry = self._catalogs.get(target) if self._has_directory(target) else None
        return entry if entry is not None and entry.kind is Kind.FILE else None

    # -- placing entries

    def _files_of(self, directories: Sequence[LocalDirectory]) -> Iterator[LocalFile]:
        for directory in directories:
            is_there = self._has_directory(join(directory.path, MARKER))
            before = self._catalogs.children(directory.path) if is_there else []
            yield from _files(directory.children, {entry.path: entry for entry in before})

    def _unnest(self, path: str) -> None:
        entry = self._catalogs.get(path) if path and self._has_directory(path) else None
        if entry is not None and entry.is_mountpoint:
            self._catalogs.unnest(path)

    def _has_directory(self, path: str) -> bool:
        parent = parent_of(path)
        if not parent:
            return True
        if not self._has_directory(parent):
            return False
        entry = self._catalogs.get(parent)
        return entry is not None and entry.is_directory

    def _place_directory(self, entry: Entry) -> None:
        """Put a directory itself, keeping what it holds."""
        if entry.path:
            self._catalogs.make_directories(parent_of(entry.path))
        old = self._catalogs.get(entry.path)
        self._put_if_different(entry, old)
        if entry.path:
            self._catalogs.recount(parent_of(entry.path))

    def _place(self, entry: Entry) -> None:
        """Put a file or link, one name for its content."""
        parent = parent_of(entry.path)
        self._catalogs.make_directories(parent)
        old = self._catalogs.get(entry.path)
        if old is not None and old.is_directory:
            raise RepositoryError(
                f"{absolute(entry.path)} is a directory",
                hint="remove it first if it is to become a file",
            )
        self._put_if_different(entry, old)

    def _replace_children(self, directory: LocalDirectory, contents: Mapping[str, Content]) -> None:
        """Make a directory hold exactly what the local one holds."""
        path = directory.path
        if directory.is_nested and path:
            self._catalogs.nest(path)
        old = {entry.path: entry for entry in self._catalogs.children(path)}
        wanted = {child.entry.path: self._filled(child, contents) for child in directory.children}
        for gone in old.keys() - wanted.keys():
            if name_of(gone) not in MARKERS:
                self._catalogs.remove(gone)
        entries = list(self._link(directory, wanted, old))
        for entry in entries:
            before = old.get(entry.path)
            if before is not None and before.link_group:  # a name of it may have gone just now
                before = self._catalogs.get(entry.path)
            if before is not None:
                self._put_if_different(entry, before)
        if new := [entry for entry in entries if entry.path not in old]:
            self._catalogs.add(path, new)
        self._catalogs.recount(path)

    def _link(
        self, directory: LocalDirectory, wanted: Mapping[str, Entry], old: Mapping[str, Entry]
    ) -> Iterator[Entry]:
        """Return the entries with link counts and groups; the names of a file keep a group that they have."""
        names: dict[str, list[str]] = {}
        for child in directory.children:
            if child.leader:
                names.setdefault(child.leader, []).append(child.entry.path)
        groups: dict[str, int] = {}
        free = self._catalogs.next_link_group(directory.path) if names else 0
        for leader, paths in names.items():
            before = {old[path].link_group if path in old else 0 for path in paths}
            kept = before.pop() if len(before) == 1 else 0
            together = {entry.path for entry in old.values() if entry.link_group == kept}
            if kept and together == set(paths):
                groups[leader] = kept
            else:
                groups[leader], free = free, free + 1
        for child in directory.children:
            entry = wanted[child.entry.path]
            yield (
                replace(entry, link_count=len(names[child.leader]), link_group=groups[child.leader])
                if child.leader
                else entry
            )

    def _put_if_different(self, entry: Entry, old: Entry | None) -> None:
        """Put an entry unless it is there; the link count of a directory is its content's affair."""
        if old is None:
            self._catalogs.put(entry)
            return
        if old.is_directory != entry.is_directory or (
            old.link_group and old.link_group != entry.link_group
        ):
            self._catalogs.remove(entry.path)
            self._catalogs.put(entry)
            return
        if entry.is_directory:
            entry = replace(
                entry,
                link_count=old.link_count,
                is_mountpoint=old.is_mountpoint,
                is_nested_root=old.is_nested_root,
            )
        if entry != old:
            self._catalogs.put(entry)

    def _filled(self, local: LocalEntry, contents: Mapping[str, Content]) -> Entry:
        content = contents.get(local.leader or local.entry.path)
        if content is None:
            return local.entry
        self._count(content)
        return _with_content(local.entry, content)

    def _count(self, content: Content) -> None:
        self.files += 1
        self.logical_bytes += content.size


@contextmanager
def transaction(
    repository: Repository,
    keys: RepositoryKeys,
    *,
    at: datetime,
    message: str = "",
    compress: Callable[[str], bool] = worth_compressing,
    cut_marks: CutMarks | None = None,
    chunk_size: int = CHUNK_SIZE,
    uid: int = 0,
    gid: int = 0,
    algorithm: Algorithm | None = None,
    sizes: CatalogSizes | None = DEFAULT_SIZES,
    cutter: CutPolicy | None = None,
) -> Iterator[Transaction]:
    """Give a transaction to fill; it is published at the end of the block, or forgotten on an exception.

    Args:
        repository: where to publish.
        keys: the repository's key and certificate; the master key is not needed.
        at: the time of publishing; clients never see a revision older than the one before.
        message: describes the revision in the log.
        compress: whether the file at a path of the repository is worth compressing.
        cut_marks: offsets in a large local file at which a chunk must begin.
        chunk_size: bytes; larger files are cut.
        uid: who owns everything that is put.
        gid: the group of everything that is put.
        algorithm: names new objects; without it the one that the repository uses. Objects that are there
            keep their names: a repository changes over as it is published to.
        cutter: how the file at a path of the repository is cut, instead of every `chunk_size` bytes.
        sizes: how large the catalogs on changed paths may become before they are split; None leaves them.

    Raises:
        Busy: another transaction is open.
        LeaseLost: another publisher took over, for we stood still too long; nothing is published.
        UserError: the keys are not this repository's.
        RepositoryError: what was put cannot be published.
    """
    with repository.locked("publish") as lease:
        manifest = repository.manifest
        check_whitelisted(repository, keys, at)
        store = repository.store
        if algorithm is not None:
            store.algorithm = algorithm
        seconds = max(int(at.timestamp()), manifest.published)
        catalogs = CatalogSet(store, manifest.root_hash, seconds, uid, gid)
        work = Transaction(catalogs, Ingest(store, compress, cut_marks, chunk_size, cutter=cutter))
        try:
            patterns = dirtab_of(catalogs)
            yield work
            nest_by_patterns(catalogs, before=patterns)
            if sizes is not None:
                balance(catalogs, sizes)
            work._publication = _publish(repository, keys, catalogs, manifest, message, work, lease)
        finally:
            catalogs.close()
            store.clean_scratch()


def _publish(
    repository: Repository,
    keys: RepositoryKeys,
    catalogs: CatalogSet,
    manifest: Manifest,
    message: str,
    work: Transaction,
    lease: Lease,
) -> Publication:
    """Write what changed and let the manifest follow; do nothing when nothing changed."""
    store = catalogs.store
    published = manifest
    if catalogs.is_changed:
        root = catalogs.write(manifest.revision + 1, ttl_s=manifest.ttl_s)
        certificate = store.put_compressed(keys.certificate_pem, Suffix.CERTIFICATE)
        revised = replace(
            manifest,
            revision=manifest.revision + 1,
            root_hash=root.content_hash,
            root_size=root.size,
            certificate=certificate.content_hash,
            published=catalogs.at,
        )
        tags = tagged(tags_of(repository), revised, message)
        published = commit(repository, store, keys, revised, lease=lease, tags=tags)
        log.info(
            "published revision %d of %s, %s",
            published.revision,
            repository.fqrn,
            published.root_hash,
        )
    return Publication(
        fqrn=repository.fqrn,
        revision=published.revision,
        root_hash=published.root_hash,
        is_new=published is not manifest,
        new_objects=store.new_objects,
        new_bytes=store.new_bytes,
        files=work.files,
        logical_bytes=work.logical_bytes,
    )


def _file_path(path: str) -> str:
    target = repository_path(path)
    if not target or name_of(target) in MARKERS:
        raise RepositoryError(
            f"{path!r} cannot be a file of its own",
            hint=f"{name_of(target)} marks nested catalogs: use nest" if target else None,
        )
    return target


def _warn_of_capabilities(folder: Path, directories: Sequence[LocalDirectory]) -> None:
    """Say which programs will have fewer rights than in the folder."""
    programs = [
        child.source
        for directory in directories
        for child in directory.children
        if child.entry.kind is Kind.FILE and child.entry.mode & _EXECUTABLE
    ]
    losing = [str(program) for program in programs if has_capability(program)]
    if losing:
        log.warning(
            "%d programs in %s lose their capabilities (%s): extended attributes are left out",
            len(losing), folder, ", ".join(losing[:_NAMED]),
        )  # fmt: skip


def _files(
    children: Sequence[LocalEntry], before: Mapping[str, Entry | None]
) -> Iterator[LocalFile]:
    """Return the regular files among local entries, a hard link once."""
    for child in children:
        entry = child.entry
        if entry.kind is Kind.FILE and child.leader in ("", entry.path):
            yield LocalFile(child.source, entry.path, entry.size, before.get(entry.path))


def _with_content(entry: Entry, content: Content) -> Entry:
    return replace(
        entry,
        size=content.size,
        content_hash=content.content_hash,
        chunks=content.chunks,
        compression=content.compression,
    )
