# SPDX-License-Identifier: BSD-3-Clause
"""File contents into objects, by a few threads: ISA-L and SHA-1 let go of the interpreter while they work.

Memory is bounded: a task holds at most one chunk of a large file at a time, or one small file after the
other, and only so many tasks are under way. Small files go by the handful, since handing a task over costs
as much as compressing a page of text.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted, RepositoryError
from cvmfs.format.chunking import CHUNK_SIZE, CutPolicy, FixedCuts, Piece, Read
from cvmfs.format.compression import Compression, compress, decompress, worth_compressing
from cvmfs.format.entries import Chunk, Entry
from cvmfs.format.hashes import Algorithm, ContentHash, Suffix, algorithm_of, hash_like, object_path
from cvmfs.publishing.objects import ObjectStore

CutMarks = Callable[[Path], Sequence[int]]
"""Gives the offsets at which a chunk of a large file must begin."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_TASKS_PER_WORKER = 8
_TOGETHER = 32
_TOGETHER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Content:
    """Where a file's content is: one object or chunks, and its size in bytes."""

    size: int
    content_hash: ContentHash | None
    chunks: tuple[Chunk, ...]
    compression: Compression


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to store: where it is, its path in the repository, its size in bytes, and what is there now.

    A content that is there already keeps its objects, also when they were compressed by other means.
    """

    source: str
    path: str
    size: int
    before: Entry | None = None


@dataclass
class Ingest:
    """Stores files. `compress` judges a file by its path in the repository; `workers` are threads."""

    store: ObjectStore
    compress: Callable[[str], bool] = worth_compressing
    cut_marks: CutMarks | None = None
    chunk_size: int = CHUNK_SIZE
    workers: int = 0
    cutter: CutPolicy | None = None
    _holes: dict[tuple[int, Compression], ContentHash] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Take as many threads as the storage has use for."""
        self.workers = self.workers or self.store.storage.parallel_puts

    def content(self, content: bytes, path: str, before: Entry | None = None) -> Content:
        """Store a content that is in memory."""
        view = memoryview(content)
        file = self._plan(
            LocalFile("", path, len(content), before),
            lambda offset, size: content[offset : offset + size],
        )
        hashes = [
            self._store(file, piece, view[piece.offset : piece.offset + piece.size])
            for piece in file.pieces
        ]
        return file.content(hashes)

    def files(self, files: Iterable[LocalFile]) -> dict[str, Content]:
        """Store files, and return the content of each by its path in the repository.

        Raises:
            RepositoryError: one cannot be read, or changes while it is.
        """
        found: dict[str, Content] = {}
        with ThreadPoolExecutor(self.workers, thread_name_prefix="ingest") as pool:
            tasks = _Tasks(pool, self.workers * _TASKS_PER_WORKER)
            large: list[tuple[_Planned, list[Future[ContentHash]]]] = []
            small: list[Future[list[tuple[str, Content]]]] = []
            try:
                for group in self._groups(files):
                    if len(group[0].pieces) > 1:
                        (file,) = group
                        hashes = [
                            tasks.submit(self._read_and_store, file, piece) for piece in file.pieces
                        ]
                        large.append((file, hashes))
                    else:
                        small.append(tasks.submit(self._store_group, group))
                for file, futures in large:
                    found[file.file.path] = file.content([future.result() for future in futures])
                for done in small:
                    found.update(done.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return found

    def _groups(self, files: Iterable[LocalFile]) -> Iterator[list[_Planned]]:
        """Return files by what one task takes: a large file alone, small ones together."""
        together: list[_Planned] = []
        size = 0
        for file in files:
            planned = self._plan(file)
            if len(planned.pieces) > 1:
                yield [planned]
                continue
            together.append(planned)
            size += file.size
            if len(together) == _TOGETHER or size >= _TOGETHER_BYTES:
                yield together
                together, size = [], 0
        if together:
            yield together

    def _plan(self, file: LocalFile, read: Read | None = None) -> _Planned:
        cutter = FixedCuts(self.chunk_size) if self.cutter is None else self.cutter(file.path)
        pieces: tuple[Piece, ...] = (Piece(0, file.size),)
        if file.size > cutter.whole:
            in_memory = not file.source
            marks = () if in_memory or self.cut_marks is None else self.cut_marks(Path(file.source))
            from_file = read or (lambda offset, size: _read(file.source, Piece(offset, size)))
            pieces = cutter.cut(file.size, marks, from_file)
        # one object stands for every empty file, and clients know its name
        is_zlib = not file.size or self.compress(file.path)
        compression = Compression.ZLIB if is_zlib else Compression.NONE
        before = _pieces_of(file.before, compression, self.store.algorithm)
        return _Planned(file, pieces, compression, before)

    def _store_group(self, group: Sequence[_Planned]) -> list[tuple[str, Content]]:
        return [
            (file.file.path, file.content([self._read_and_store(file, file.pieces[0])]))
            for file in group
        ]

    def _read_and_store(self, file: _Planned, piece: Piece) -> ContentHash:
        if len(file.pieces) > 1 and _is_hole(file.file.source, piece):
            return self._store_hole(file, piece)
        return self._store(file, piece, _read(file.file.source, piece))

    def _store_hole(self, file: _Planned, piece: Piece) -> ContentHash:
        """Store a stretch of a sparse file of which nothing is on the disk: zeros, packed once for all."""
        known = self._holes.get((piece.size, file.compression))
        if known is not None and file.before.get(piece, known) == known:
            return known
        found = self._store(file, piece, bytes(piece.size))
        self._holes[piece.size, file.compression] = found
        return found

    def _store(self, file: _Planned, piece: Piece, data: bytes | memoryview) -> ContentHash:
        stored = compress(data, file.compression)
        before = file.before.get(piece)
        if before is not None and self._is_packed_otherwise(before, file, stored, data):
            return before
        return self.store.put(stored, file.suffix).content_hash

    def _is_packed_otherwise(
        self, before: ContentHash, file: _Planned, stored: bytes, data: bytes | memoryview
    ) -> bool:
        """Return whether the object that is there holds this content, packed into other bytes."""
        if hash_like(before, stored) == before:
            return False
        try:
            content = self.store.get(before, file.suffix)
            where = object_path(before, file.suffix)
            return decompress(content, file.compression, where=where) == data
        except (NotFound, ObjectCorrupted, FormatInvalid):
            return False


@dataclass(frozen=True, slots=True)
class _Planned:
    """A file, where it is cut, how it is stored, and which objects hold its pieces now."""

    file: LocalFile
    pieces: tuple[Piece, ...]
    compression: Compression
    before: Mapping[Piece, ContentHash]

    @property
    def suffix(self) -> Suffix:
        return Suffix.FILE if len(self.pieces) == 1 else Suffix.CHUNK

    def content(self, hashes: Sequence[ContentHash]) -> Content:
        if len(self.pieces) == 1:
            return Content(self.file.size, hashes[0], (), self.compression)
        chunks = tuple(map(Chunk, self.pieces, hashes))
        return Content(self.file.size, None, chunks, self.compression)


@dataclass
class _Tasks:
    """Tasks for a pool, of which only so many wait or run at a time; the first that failed ends it all."""

    pool: ThreadPoolExecutor
    limit: int
    _pending: deque[Future[Any]] = field(default_factory=deque)

    def submit(
        self,
        function: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **named: _Arguments.kwargs,
    ) -> Future[_Result]:
        while len(self._pending) >= self.limit:
            self._pending.popleft().result()
        future = self.pool.submit(function, *args, **named)
        self._pending.append(future)
        return future


def _pieces_of(
    entry: Entry | None, compression: Compression, algorithm: Algorithm
) -> Mapping[Piece, ContentHash]:
    """Return the objects of a file that is stored in a given way, by the pieces that they hold.

    Those of another algorithm are none of them: the hashes of one file are all made alike.
    """
    if entry is None or entry.compression is not compression:
        return {}
    pieces = {chunk.piece: chunk.content_hash for chunk in entry.chunks}
    if entry.content_hash is not None:
        pieces = {Piece(0, entry.size): entry.content_hash}
    return {
        piece: content_hash
        for piece, content_hash in pieces.items()
        if algorithm_of(content_hash) is algorithm
    }


def _is_hole(source: str, piece: Piece) -> bool:
    """Return whether the file system says that nothing was ever written to a piece of a file."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # said when it is read
    is_whole = os.fstat(descriptor).st_size >= piece.offset + piece.size
    try:
        return (
            is_whole
            and os.lseek(descriptor, piece.offset, os.SEEK_DATA) >= piece.offset + piece.size
        )
    except OSError as err:
        return is_whole and err.errno == errno.ENXIO  # no data from there to the end
    finally:
        os.close(descriptor)


def _read(source: str, piece: Piece) -> bytes:
    """Return a piece of a file, which must not have shrunk since it was looked at."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, piece.size, piece.offset) if piece.size else b""
        finally:
            os.close(descriptor)
    except OSError as err:
        raise RepositoryError(f"cannot read {source}: {err.strerror}") from err
    if len(data) != piece.size:
        raise RepositoryError(
            f"{source} became shorter while it was published",
            hint="publish when nothing writes there any more",
        )
    return data
