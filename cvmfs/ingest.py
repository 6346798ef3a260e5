# SPDX-License-Identifier: BSD-3-Clause
"""File contents into objects, by a few threads: zlib and SHA-1 let go of the interpreter while they work.

Memory is bounded: a piece of a file is at most one chunk, and only so many are under way.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cvmfs.chunking import CHUNK_SIZE, Piece, cut
from cvmfs.compression import Compression, compress, worth_compressing
from cvmfs.entries import Chunk
from cvmfs.errors import RepositoryError
from cvmfs.hashes import ContentHash, Suffix
from cvmfs.objects import ObjectStore

CutMarks = Callable[[Path], Sequence[int]]
"""Gives the offsets at which a chunk of a large file must begin."""

_PIECES_PER_WORKER = 8


@dataclass(frozen=True, slots=True)
class Content:
    """Where a file's content is: one object or chunks, and its size in bytes."""

    size: int
    content_hash: ContentHash | None
    chunks: tuple[Chunk, ...]
    compression: Compression


@dataclass
class Ingest:
    """Stores files. `compress` judges a file by its path in the repository."""

    store: ObjectStore
    compress: Callable[[str], bool] = worth_compressing
    cut_marks: CutMarks | None = None
    chunk_size: int = CHUNK_SIZE
    workers: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))

    def bytes(self, content: bytes, path: str) -> Content:
        """Store a content that is in memory."""
        compression = self._compression(path, len(content))
        pieces = cut(len(content), chunk_size=self.chunk_size)
        if len(pieces) <= 1:
            stored = self.store.put(compress(content, compression), Suffix.FILE)
            return Content(len(content), stored.content_hash, (), compression)
        view = memoryview(content)
        chunks = tuple(
            Chunk(
                piece,
                self.store.put(
                    compress(bytes(view[piece.offset : piece.offset + piece.size]), compression),
                    Suffix.CHUNK,
                ).content_hash,
            )
            for piece in pieces
        )
        return Content(len(content), None, chunks, compression)

    def files(self, files: Iterable[tuple[Path, str]]) -> Iterator[tuple[str, Content]]:
        """Store files, given with their paths in the repository, and return the content of each, in order.

        Raises:
            RepositoryError: one cannot be read, or changes while it is.
        """
        window = self.workers * _PIECES_PER_WORKER
        under_way: deque[_File] = deque()
        pending: deque[Future[ContentHash]] = deque()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="ingest") as pool:
            try:
                for source, path in files:
                    file = self._file(source, path)
                    under_way.append(file)
                    for piece in file.pieces:
                        while len(pending) >= window:
                            pending.popleft().result()
                        future = pool.submit(self._store_piece, file, piece)
                        file.hashes.append(future)
                        pending.append(future)
                    while under_way and under_way[0].is_done():
                        yield under_way.popleft().content()
                while under_way:
                    yield under_way.popleft().content()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _file(self, source: Path, path: str) -> _File:
        try:
            size = source.stat().st_size
        except OSError as err:
            raise RepositoryError(f"cannot read {source}: {err.strerror}") from err
        is_large = size > self.chunk_size
        marks = self.cut_marks(source) if is_large and self.cut_marks is not None else ()
        pieces = cut(size, marks, chunk_size=self.chunk_size) or (Piece(0, 0),)
        return _File(source, path, size, pieces, self._compression(path, size))

    def _store_piece(self, file: _File, piece: Piece) -> ContentHash:
        data = _read(file.source, piece)
        suffix = Suffix.FILE if len(file.pieces) == 1 else Suffix.CHUNK
        return self.store.put(compress(data, file.compression), suffix).content_hash

    def _compression(self, path: str, size: int) -> Compression:
        # one object stands for every empty file, and clients know its name
        return Compression.ZLIB if not size or self.compress(path) else Compression.NONE


@dataclass
class _File:
    source: Path
    path: str
    size: int
    pieces: tuple[Piece, ...]
    compression: Compression
    hashes: list[Future[ContentHash]] = field(default_factory=list)

    def is_done(self) -> bool:
        return all(future.done() for future in self.hashes)

    def content(self) -> tuple[str, Content]:
        hashes = [future.result() for future in self.hashes]
        if len(self.pieces) == 1:
            return self.path, Content(self.size, hashes[0], (), self.compression)
        chunks = tuple(map(Chunk, self.pieces, hashes))
        return self.path, Content(self.size, None, chunks, self.compression)


def _read(source: Path, piece: Piece) -> bytes:
    """Return a piece of a file, which must not have shrunk or, at its end, grown since it was looked at."""
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as err:
        raise RepositoryError(f"cannot read {source}: {err.strerror}") from err
    with contextlib.closing(os.fdopen(descriptor, "rb", buffering=0)) as stream:
        data = os.pread(stream.fileno(), piece.size, piece.offset) if piece.size else b""
    if len(data) != piece.size:
        raise RepositoryError(
            f"{source} became shorter while it was published",
            hint="publish when nothing writes there any more",
        )
    return data
