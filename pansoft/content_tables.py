# SPDX-License-Identifier: BSD-3-Clause
"""The tables of content hashes that are published with what was signed: `trust.contents.content_table`.

They are made in the transaction, which knows under which hashes a file was stored. Where another program
makes the objects, as `cvmfs_server` does, nobody knows that before it is published: there is no table then,
and a verification reads in full.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.files import sha256_file
from cvmfs.backends.backend import OpenTransaction
from cvmfs.format.compression import Compression
from cvmfs.format.entries import Entry
from cvmfs.reading.reader import pieces
from trust.contents import content_table
from trust.contents.content_table import StoredFile
from trust.keys import SigningKey


def put_table(
    tx: OpenTransaction,
    folder: str,
    signed: Iterable[tuple[str, str]],
    *,
    subject: Path,
    repository: str,
    key: SigningKey,
) -> bool:
    """Put the table of a version whose files are in the transaction; return whether that was possible.

    Args:
        folder: of the version, in the repository.
        signed: path from the folder and sha256 of each file, in the order of a tree's manifest.
        subject: the signed statement beside it.
        repository: fully qualified name of the repository.
        key: who publishes.
    """
    if tx.stored(f"{folder}/{subject.name}") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="pansoft-content-") as scratch:
        files = content_table.write(
            Path(scratch),
            _stored(tx, folder, signed),
            repository=repository,
            subject=subject,
            key=key,
        )
        for file in files:
            tx.put_file(file, f"{folder}/{file.name}")
    return True


def signed_files(files: Iterable[Path]) -> list[tuple[str, str]]:
    """Return name and sha256 of files of one folder, as `put_table` takes them."""
    named = {file.name: file for file in files}
    return [(name, sha256_file(named[name])) for name in sorted(named)]


def _stored(
    tx: OpenTransaction, folder: str, signed: Iterable[tuple[str, str]]
) -> Iterator[StoredFile]:
    for path, sha256 in signed:
        entry = tx.stored(f"{folder}/{path}")
        if entry is not None:
            yield _row(path, sha256, entry)


def _row(path: str, sha256: str, entry: Entry) -> StoredFile:
    return StoredFile(
        path=path,
        sha256=sha256,
        size=entry.size,
        compression="none" if entry.compression is Compression.NONE else "zlib",
        chunks=tuple(f"{name},{piece.offset},{piece.size}" for name, _, piece in pieces(entry)),
    )
