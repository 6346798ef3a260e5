# SPDX-License-Identifier: BSD-3-Clause
"""The layout of a SIF file: its objects, what of them a signature covers, a name for every byte.

Genuine Apptainer decides whether a signature is good. This module says what a file consists of, so
that a refusal can name what differs, and so that the bytes Apptainer does *not* sign (padding,
unused descriptors, parts of the header, anything after the last object) can be recorded as well.

The numbers are those of `pkg/sif` of github.com/apptainer/sif, version 2: little endian, packed.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from core.errors import Refused

_HEADER = struct.Struct("<32s10s3s3s16s8q")
_DESCRIPTOR = struct.Struct("<iBIIIqqqqqqq128s384s")
_SIGNED_DESCRIPTOR = struct.Struct("<iBIIqqqq")
_MAGIC = b"SIF_MAGIC\0"
_GROUP = 0xF0000000
_MAX_DESCRIPTORS = 4096
_BLOCK = 1 << 20

PARTITION = 0x4004
SIGNATURE = 0x4005

_KINDS = {
    0x4001: "definition",
    0x4002: "environment",
    0x4003: "labels",
    PARTITION: "partition",
    SIGNATURE: "signature",
    0x4006: "JSON",
    0x4007: "generic",
    0x4008: "cryptographic message",
    0x4009: "SBOM",
    0x400A: "OCI index",
    0x400B: "OCI blob",
}
_PARTITIONS = {
    1: "system partition",
    2: "primary partition",
    3: "data partition",
    4: "overlay partition",
}


@dataclass(frozen=True, slots=True)
class SifObject:
    """One object. `group` is None outside every group; `link` is what a signature is about."""

    id: int
    kind: int
    group: int | None
    link: int
    offset: int
    size: int
    name: str
    slot: int
    partition: int | None
    signed_fields: bytes
    fingerprint: str

    @property
    def title(self) -> str:
        """Return how messages name it: `data object 3 (overlay partition 'delta')`."""
        if self.kind == PARTITION:
            what = _PARTITIONS.get(self.partition or 0, "partition")
        else:
            what = _KINDS.get(self.kind, f"type {self.kind:#x}")
        name = f" '{self.name}'" if self.name else ""
        return f"data object {self.id} ({what}{name})"

    @property
    def end(self) -> int:
        """Return the offset of the first byte after it."""
        return self.offset + self.size


@dataclass(frozen=True, slots=True)
class Sif:
    """A SIF file's layout; its objects in the order of their descriptors."""

    path: Path
    size: int
    launch: bytes
    identity: bytes
    table_offset: int
    slots: int
    objects: tuple[SifObject, ...]

    @property
    def signatures(self) -> tuple[SifObject, ...]:
        """Return the signature objects."""
        return tuple(each for each in self.objects if each.kind == SIGNATURE)

    @property
    def contents(self) -> tuple[SifObject, ...]:
        """Return the objects that are not signatures."""
        return tuple(each for each in self.objects if each.kind != SIGNATURE)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the file with a name; `sha256` of its bytes."""

    name: str
    offset: int
    size: int
    sha256: str


def read(path: Path) -> Sif:
    """Read the layout of a SIF file and check that it is one, whole and without overlaps.

    Raises:
        Refused: it is not a SIF file, it is cut short, or its descriptors contradict each other.
    """
    try:
        if not path.is_file():
            raise Refused(f"{path} is not a file")
        with path.open("rb") as stream:
            return _read(path, stream, path.stat().st_size)
    except OSError as err:
        raise Refused(f"{path} cannot be read: {err.strerror}") from err


def _read(path: Path, stream: BinaryIO, size: int) -> Sif:
    raw = stream.read(_HEADER.size)
    if raw[32:42] != _MAGIC[: len(raw[32:42])] or len(raw) <= 42:
        raise Refused(f"{path} is not a SIF file", hint="give the path of an image made by pansoft")
    if len(raw) < _HEADER.size:
        raise Refused(f"{path} is cut short: it ends inside its header, at byte {size}")
    launch, magic, version, _arch, uuid, *numbers = _HEADER.unpack(raw)
    _created, _modified, _free, total, table, table_size, _data, _data_size = numbers
    if version != b"01\0":
        raise Refused(f"{path} is a SIF file of an unknown version, or its header was altered")
    table_end = table + total * _DESCRIPTOR.size
    if not 0 < total <= _MAX_DESCRIPTORS or table < _HEADER.size or table_size != table_end - table:
        raise Refused(f"the header of {path} makes no sense: it was altered")
    if table_end > size:
        raise Refused(f"{path} is cut short: it ends inside its descriptors, at byte {size}")
    stream.seek(table)
    rows = stream.read(total * _DESCRIPTOR.size)
    objects = tuple(_objects(path, rows))
    _check_places(path, objects, table_end, size)
    return Sif(path, size, launch, launch + magic + version + uuid, table, total, objects)


def _objects(path: Path, rows: bytes) -> Iterator[SifObject]:
    seen: set[int] = set()
    for slot, fields in enumerate(_DESCRIPTOR.iter_unpack(rows)):
        kind, used, number, group, link, offset, size, _padded = fields[:8]
        created, _modified, uid, gid, name, extra = fields[8:]
        if not used:
            continue
        if number in seen or number < 1 or offset < 0 or size < 0:
            raise Refused(f"descriptor {slot + 1} of {path} makes no sense: it was altered")
        seen.add(number)
        signed = _SIGNED_DESCRIPTOR.pack(kind, used, 0, link, size, created, uid, gid)
        yield SifObject(
            id=number,
            kind=kind,
            group=None if group == _GROUP else group & ~_GROUP,
            link=link,
            offset=offset,
            size=size,
            name=name.split(b"\0", 1)[0].decode("utf-8", "replace"),
            slot=slot,
            partition=struct.unpack_from("<ii", extra)[1] if kind == PARTITION else None,
            signed_fields=signed + name + extra,
            fingerprint=extra[4:24].hex().upper() if kind == SIGNATURE else "",
        )


def _check_places(path: Path, objects: tuple[SifObject, ...], begin: int, size: int) -> None:
    end = begin
    for each in sorted(objects, key=lambda o: (o.offset, o.size)):
        if each.offset < end:
            raise Refused(f"{each.title} of {path} lies over something else: it was altered")
        if each.end > size:
            raise Refused(
                f"{path} is cut short: {each.title} ends at byte {each.end}, the file at {size}"
            )
        end = each.end


def parts(sif: Sif) -> tuple[Part, ...]:
    """Return the whole file as named parts: every byte is in exactly one."""
    names: list[tuple[int, int, str]] = [(0, _HEADER.size, "the header")]
    names.append((_HEADER.size, sif.table_offset, "the space after the header"))
    rows = {each.slot: f"the descriptor of {each.title}" for each in sif.objects}
    begin = sif.table_offset
    for slot in range(sif.slots):
        end = begin + _DESCRIPTOR.size
        name = rows.get(slot, "the unused descriptors")
        if names[-1][2] == name:
            names[-1] = (names[-1][0], end, name)
        else:
            names.append((begin, end, name))
        begin = end
    for each in sorted(sif.objects, key=lambda o: (o.offset, o.size)):
        names.append((begin, each.offset, f"the padding before {each.title}"))
        names.append((each.offset, each.end, each.title))
        begin = each.end
    names.append((begin, sif.size, "what follows the last object"))
    with sif.path.open("rb") as stream:
        return tuple(
            Part(name, start, end - start, sha256_range(stream, start, end - start))
            for start, end, name in names
            if end > start
        )


def sha256_range(stream: BinaryIO, offset: int, size: int) -> str:
    """Return the sha256 of a stretch of a file, or of what of it is there."""
    stream.seek(offset)
    digest = hashlib.sha256()
    while size > 0 and (block := stream.read(min(size, _BLOCK))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def signature_text(sif: Sif, signature: SifObject) -> bytes:
    """Return the bytes of a signature object."""
    with sif.path.open("rb") as stream:
        stream.seek(signature.offset)
        return stream.read(min(signature.size, _BLOCK))


def differences(sif: Sif) -> tuple[str, ...]:
    """Return what differs from what the signatures say, in sentences; for explaining a refusal.

    The signed text is compared without asking who signed it: that is Apptainer's part.
    """
    found: dict[str, None] = {}
    for signature in sif.signatures:
        message = _message(signature_text(sif, signature))
        if message is None:
            found[f"{signature.title} was altered: it cannot be read"] = None
            continue
        for sentence in _against(sif, message, signature.link & ~_GROUP):
            found[sentence] = None
    return tuple(found)


def _against(sif: Sif, message: object, group: int) -> Iterator[str]:
    try:
        if not isinstance(message, dict):
            return
        if _digest(message["header"]["digest"], sif.identity) is False:
            yield "the header was altered"
        members = [each for each in sif.contents if each.group == group]
        first = min((each.id for each in members), default=1)
        signed = {first + int(row["relativeId"]): row for row in message["objects"]}
    except (KeyError, TypeError, ValueError):
        return
    with sif.path.open("rb") as stream:
        for each in members:
            row = signed.pop(each.id, None)
            if row is None:
                yield f"{each.title} was added after signing: no signature covers it"
                continue
            fields = signed_descriptor(each, first)
            if _digest(row.get("descriptorDigest"), fields) is False:
                yield f"the descriptor of {each.title} was altered"
            stream.seek(each.offset)
            if _digest(row.get("objectDigest"), stream, each.size) is False:
                yield f"{each.title} was altered"
    for number in sorted(signed):
        yield f"data object {number} was taken out after signing"


def signed_descriptor(each: SifObject, first: int) -> bytes:
    """Return what a signature covers of an object's descriptor; `first` is the lowest id of its group."""
    fields = each.signed_fields
    return fields[:5] + struct.pack("<I", each.id - first) + fields[9:]


def pack_descriptor(
    *,
    kind: int,
    number: int,
    group: int,
    link: int,
    offset: int,
    size: int,
    seconds: int,
    extra: bytes,
) -> bytes:
    """Return the descriptor of a nameless object that was made at this time, in seconds since 1970."""
    times = (seconds, seconds)
    return _DESCRIPTOR.pack(
        kind, 1, number, group, link, offset, size, size, *times, 0, 0, b"", extra
    )


def _digest(expected: object, data: bytes | BinaryIO, size: int = 0) -> bool | None:
    """Return whether the data has the digest `name:hex`; None if the digest is of no known kind."""
    name, _, value = str(expected).partition(":")
    if name not in {"sha224", "sha256", "sha384", "sha512"}:
        return None
    digest = hashlib.new(name)
    if isinstance(data, bytes):
        digest.update(data)
    else:
        while size > 0 and (block := data.read(min(size, _BLOCK))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest() == value


def _message(text: bytes) -> object:
    """Return the JSON inside a PGP clear-signed message, or None."""
    body = text.replace(b"\r\n", b"\n").partition(b"\n\n")[2].partition(b"\n-----BEGIN PGP")[0]
    try:
        message: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return message
