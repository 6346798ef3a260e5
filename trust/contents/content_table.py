# SPDX-License-Identifier: BSD-3-Clause
"""Under which content hashes a repository stores what was signed, so that it is verified unread.

A statement and a tree's manifest give every file's sha256; a CVMFS client shows other hashes, of the
objects as they are stored. The table, made when a version is published and signed by the publisher, ties
one to the other. Two files in the folder of a version:

    content.table   a line of canonical JSON for each file, sorted by the parts of their paths, as bytes:
                    {"chunks":["HASH,OFFSET,SIZE",…],"compression":"zlib","path":…,"sha256":…,"size":…}
    content.json    an in-toto statement in a DSSE envelope: the sha256 of the table, and of the
                    signed statement that it belongs to

`chunks` are the rows of the client's `user.chunk_list`, and `path` is written as mtree(5) does. The hash
is of the object as stored, so `compression` belongs to it: the same object taken for uncompressed is another
file.

Repositories name objects by SHA-1, or by RIPEMD-160 or SHAKE-128 cut to 160 bits. For SHA-1 two contents of
one hash can be made by whoever makes both; nobody knows how to make one for an object that is there. So the
table does not protect from its signer, who can sign anything, and a `Checked` says by which hashes it was
checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.canonical import Json, canonical_json
from core.errors import Refused
from core.files import atomic_file, sha256_file, write_atomic
from trust.contents import cvmfs_attributes
from trust.contents.cvmfs_attributes import NotShown, Shown
from trust.keys import SigningKey
from trust.programs.gnupg import GoodSignature
from trust.signing import dsse
from trust.trees import mtree
from trust.trees.tree_manifest import order

SCHEMA = 1
TABLE_FILE = "content.table"
HEAD_FILE = "content.json"
_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE = "urn:pansoft:content-table"
_MAX_HEAD = 1 << 20
_MAX_LINE = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = re.compile(r"[0-9a-f]{40}(?:-(rmd160|shake128))?,(0|[1-9][0-9]*),(0|[1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file's content as it was signed, and the objects that hold it, as `hash,offset,size` each.

    `path` is from the folder of the version; `size` in bytes.
    """

    path: str
    sha256: str
    size: int
    compression: str
    chunks: tuple[str, ...]

    @property
    def algorithms(self) -> frozenset[str]:
        """Return what its objects are named by: `sha1`, `rmd160`, `shake128`."""
        return frozenset(row.split(",")[0][40:].removeprefix("-") or "sha1" for row in self.chunks)


@dataclass(frozen=True, slots=True)
class ContentTable:
    """A table whose signature is good: the file that holds it, what it is about, and who signed it.

    Args:
        file: the table itself; its sha256 was that of the signed head when it was opened.
        repository: fully qualified name of the repository it was made for.
        subject: file name of the signed statement it belongs to.
        subject_sha256: of that file.
        signature: of the head.
    """

    file: Path
    repository: str
    subject: str
    subject_sha256: str
    signature: GoodSignature

    def files(self) -> Iterator[StoredFile]:
        """Yield the files of the table, in its order.

        Raises:
            Refused: a line of it says something else than a line does, or is out of order.
        """
        before: tuple[bytes, ...] = ()
        with self.file.open("rb") as stream:
            for number, line in enumerate(_lines(stream), 1):
                found = _parse_line(line, f"line {number} of {self.file.name}")
                name = order(found.path)
                if name <= before:
                    raise Refused(f"line {number} of {self.file.name} is out of order")
                before = name
                yield found

    def file_at(self, path: str) -> StoredFile | None:
        """Return what the table has of one file, or None."""
        return next((found for found in self.files() if found.path == path), None)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was verified by attributes: how many files of how many bytes, none of which was read.

    `algorithms` are the hashes that the client's objects are named by: `sha1`, `rmd160`, `shake128`.
    """

    repository: str
    files: int
    bytes: int
    algorithms: tuple[str, ...]


def write(
    folder: Path,
    files: Iterable[StoredFile],
    *,
    repository: str,
    subject: Path,
    key: SigningKey,
) -> tuple[Path, Path]:
    """Write the table of a version and its signed head into a folder, and return the two files.

    Args:
        folder: where to; not necessarily that of the version.
        files: sorted by `order` of their paths.
        repository: fully qualified name of the repository.
        subject: the signed statement that the table belongs to.
        key: who publishes.
    """
    table = folder / TABLE_FILE
    with atomic_file(table) as stream:
        for each in files:
            stream.write(_line(each))
    head = _Head(repository, subject.name, sha256_file(subject), sha256_file(table))
    write_atomic(folder / HEAD_FILE, dsse.seal(canonical_json(head.json()), key=key))
    return table, folder / HEAD_FILE


def read(folder: Path, *, subject: Path, public_keys: Sequence[Path]) -> ContentTable:
    """Return the table of a version, if one of the given keys has signed it.

    Args:
        folder: of the version.
        subject: the signed statement that it has to belong to; the caller has verified that one.
        public_keys: files with public keys; no others are known.

    Raises:
        NotShown: the version has no table.
        Refused: altered, by another key, or of another version.
    """
    head, table = folder / HEAD_FILE, folder / TABLE_FILE
    if not head.is_file():
        raise NotShown(f"{folder} has no table of content hashes ({HEAD_FILE})")
    opened = dsse.unseal(_content(head), public_keys=public_keys, what=HEAD_FILE)
    told = _parse_head(opened.payload)
    if (told.subject, told.subject_sha256) != (subject.name, sha256_file(subject)):
        raise Refused(f"{HEAD_FILE} is not about {subject.name}: it was swapped")
    if not table.is_file():
        raise Refused(f"{TABLE_FILE} is missing beside {HEAD_FILE}")
    if sha256_file(table) != told.table_sha256:
        raise Refused(f"{TABLE_FILE} was altered: it is not the one that {HEAD_FILE} signs")
    return ContentTable(table, told.repository, told.subject, told.subject_sha256, opened.signature)


def fault_of(stored: StoredFile, seen: Shown) -> str | None:
    """Return how what a client shows differs from what was signed, or None where it does not."""
    if seen.size != stored.size:
        return f"has {seen.size} bytes instead of {stored.size}"
    if seen.compression != stored.compression:
        return f"is stored as {seen.compression}, not as {stored.compression}"
    for number, (ours, theirs) in enumerate(zip(stored.chunks, seen.chunks, strict=False)):
        if ours != theirs:
            return f"is held by another object from byte {ours.split(',')[1]} on (chunk {number})"
    if len(stored.chunks) != len(seen.chunks):
        return f"is held by {len(seen.chunks)} objects, not by {len(stored.chunks)}"
    return None


def check(table: Iterable[StoredFile], seen: Mapping[str, Shown]) -> tuple[str, ...]:
    """Return in which files what a client shows differs from the table, in words; pure."""
    faults = []
    for stored in table:
        if stored.path not in seen:
            faults.append(f"{stored.path} is not there")
        elif fault := fault_of(stored, seen[stored.path]):
            faults.append(f"{stored.path} {fault}")
    return tuple(faults)


def verify_by_attributes(
    folder: Path, table: ContentTable, *, expected: Mapping[str, str]
) -> Checked:
    """Check files of a version on a CVMFS mount without reading them.

    Args:
        folder: of the version, on the mount.
        table: from `read`.
        expected: the sha256 of each file to check, by its path from the folder, as it was signed.

    Raises:
        NotShown: the folder is not on a mount of CVMFS, or the table lacks a file: read it instead.
        Refused: a file is another one than was signed; it says which.
    """
    repository = cvmfs_attributes.repository_at(folder)
    wanted = dict(expected)
    checked = []
    for stored in table.files():
        if stored.path not in wanted:
            continue
        if stored.sha256 != wanted.pop(stored.path):
            raise Refused(
                f"{TABLE_FILE} speaks of another {stored.path} than the one that was signed"
            )
        check_file(folder / stored.path, stored)
        checked.append(stored)
    if wanted:
        raise NotShown(f"{TABLE_FILE} does not list {min(wanted)}")
    return summary(repository, checked)


def check_file(path: Path, stored: StoredFile) -> None:
    """Check one file on a CVMFS mount against the table.

    Raises:
        NotShown: the client shows nothing of it.
        Refused: it is missing, no file, or another one.
    """
    if path.is_symlink() or not path.is_file():
        raise Refused(f"{path} is missing, or is no file")
    if fault := fault_of(stored, cvmfs_attributes.shown(path)):
        raise Refused(f"{path} {fault}: it is not what was signed")


def summary(repository: str, checked: Sequence[StoredFile]) -> Checked:
    """Return what was checked, in figures."""
    return Checked(
        repository,
        len(checked),
        sum(each.size for each in checked),
        tuple(sorted({algorithm for each in checked for algorithm in each.algorithms})),
    )


def _line(stored: StoredFile) -> bytes:
    data = {
        "path": mtree.encode(stored.path),
        "sha256": stored.sha256,
        "size": stored.size,
        "compression": stored.compression,
        "chunks": list(stored.chunks),
    }
    return canonical_json(data) + b"\n"


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(_MAX_LINE):
        yield line


def _parse_line(line: bytes, where: str) -> StoredFile:
    try:
        data = json.loads(line)
        found = StoredFile(
            mtree.decode(data["path"]),
            data["sha256"],
            data["size"],
            data["compression"],
            tuple(data["chunks"]),
        )
        if _line(found) != line:
            raise Refused(f"{where} is not in its one form")
        _check_line(found, where)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise Refused(f"{where} is not one of a table of content hashes") from err
    return found


def _check_line(found: StoredFile, where: str) -> None:
    """Refuse values that a line cannot have: chunks that overlap or leave a gap, a path that leads out."""
    parts = found.path.split("/")
    if not found.path or any(part in {"", ".", ".."} for part in parts):
        raise Refused(f"{where} names the path {found.path!r}")
    if not _SHA256.fullmatch(found.sha256) or found.compression not in {"zlib", "none"}:
        raise Refused(f"{where} has no sha256, or a compression that no client knows")
    end = 0
    for row in found.chunks:
        match = _CHUNK.fullmatch(row)
        if match is None or int(match[2]) != end:
            raise Refused(f"{where}: the chunks of {found.path} do not follow each other")
        end += int(match[3])
    if end != found.size or not found.chunks:
        raise Refused(f"{where}: the chunks of {found.path} are not the whole of it")


@dataclass(frozen=True, slots=True)
class _Head:
    """What is signed: the table, and the statement that it belongs to."""

    repository: str
    subject: str
    subject_sha256: str
    table_sha256: str

    def json(self) -> dict[str, Json]:
        return {
            "_type": _TYPE,
            "subject": [
                {"name": TABLE_FILE, "digest": {"sha256": self.table_sha256}},
                {"name": self.subject, "digest": {"sha256": self.subject_sha256}},
            ],
            "predicateType": _PREDICATE,
            "predicate": {"schema": SCHEMA, "repository": self.repository},
        }


def _parse_head(payload: bytes) -> _Head:
    try:
        data = json.loads(payload)
        table, subject = data["subject"]
        head = _Head(
            repository=data["predicate"]["repository"],
            subject=subject["name"],
            subject_sha256=subject["digest"]["sha256"],
            table_sha256=table["digest"]["sha256"],
        )
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise Refused(f"{HEAD_FILE} holds no table of content hashes") from err
    if data != head.json():
        raise Refused(
            f"{HEAD_FILE} contradicts itself, or has another form than {SCHEMA}",
            hint="update pansoft if whoever publishes there has a newer one",
        )
    return head


def _content(file: Path) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(_MAX_HEAD + 1)
    if len(content) > _MAX_HEAD:
        raise Refused(f"{file.name} is larger than {_MAX_HEAD >> 20} MiB")
    return content
