# SPDX-License-Identifier: BSD-3-Clause
"""Write Singularity Image Format files: the same objects give the same bytes.

The layout is that of github.com/apptainer/sif v2, pkg/sif (`header`, `rawDescriptor`): a header of
128 bytes, a table of 48 descriptors of 585 bytes at offset 4096, then the objects, file systems
aligned to 4096. All numbers are little endian. An image of ours holds, in one object group so that
one signature covers them all: a definition, the plan, the base's squashfs as the primary system
partition and the package's delta as an overlay partition, which Apptainer mounts on top.
`trust.signing.sif` reads them.
"""

from __future__ import annotations

import shutil
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from trust.signing import sif

LAUNCH = b"#!/usr/bin/env run-singularity\n"
MAGIC = b"SIF_MAGIC"
VERSION = b"01"
ARCHITECTURES = {"amd64": b"02", "arm64": b"04"}

_HEADER = struct.Struct("<32s10s3s3s16s8q")
_DESCRIPTOR = struct.Struct("<iBIIIqqqqqqq128s384s")
_PARTITION = struct.Struct("<ii3s")
_SLOTS = 48
_TABLE_AT = 4096
_DATA_AT = _TABLE_AT + _SLOTS * _DESCRIPTOR.size
_ALIGNMENT = 4096
_GROUP = 0xF0000001
_SQUASHFS = 1
_BLOCK = 1 << 20


class DataType(IntEnum):
    """What an object of an image is."""

    DEFINITION = 0x4001
    ENVIRONMENT = 0x4002
    LABELS = 0x4003
    PARTITION = 0x4004
    SIGNATURE = 0x4005
    GENERIC_JSON = 0x4006
    GENERIC = 0x4007
    CRYPTO = 0x4008
    SBOM = 0x4009


class PartitionType(IntEnum):
    """What a file system in an image is for."""

    PRIMARY_SYSTEM = 2
    DATA = 3
    OVERLAY = 4


@dataclass(frozen=True, slots=True)
class SifObject:
    """One object to write: bytes, or a file to copy; `partition` for file systems."""

    kind: DataType
    name: str
    content: bytes | Path
    partition: PartitionType | None = None


def write_sif(
    target: Path,
    objects: Sequence[SifObject],
    *,
    identity: uuid.UUID,
    epoch: int,
    architecture: str,
) -> None:
    """Write an image; equal arguments give equal bytes.

    Args:
        target: the file, which must not exist.
        objects: at most 47, so that a signature finds a slot.
        identity: the image's own id, derived from what it is made of.
        epoch: the time, in seconds, that the image says it was made.
        architecture: Debian's name: `amd64` or `arm64`.
    """
    code = ARCHITECTURES[architecture]
    with target.open("xb") as stream:
        stream.truncate(_DATA_AT)
        stream.seek(_DATA_AT)
        descriptors = [
            _write_object(stream, number, item, epoch=epoch, code=code)
            for number, item in enumerate(objects, start=1)
        ]
        end = stream.tell()
        stream.seek(0)
        stream.write(
            _HEADER.pack(
                LAUNCH,
                MAGIC,
                VERSION,
                code,
                identity.bytes,
                epoch,
                epoch,
                _SLOTS - len(objects),
                _SLOTS,
                _TABLE_AT,
                _SLOTS * _DESCRIPTOR.size,
                _DATA_AT,
                end - _DATA_AT,
            )
        )
        stream.seek(_TABLE_AT)
        stream.write(b"".join(descriptors))


def partition_offsets(image: Path) -> tuple[int, ...]:
    """Return where the file systems of an image begin, in bytes.

    A store that cuts files into pieces cuts here, so that a base shared by images is stored once.

    Raises:
        Refused: the file is not a SIF, or is cut short.
    """
    objects = sif.read(image).objects
    return tuple(item.offset for item in objects if item.kind == sif.PARTITION)


def _write_object(
    stream: BinaryIO, number: int, item: SifObject, *, epoch: int, code: bytes
) -> bytes:
    """Append an object and return its descriptor."""
    before = stream.tell()
    offset = before
    extra = b""
    if item.partition is not None:
        offset = -(-before // _ALIGNMENT) * _ALIGNMENT
        stream.write(bytes(offset - before))
        extra = _PARTITION.pack(_SQUASHFS, item.partition, code)
    if isinstance(item.content, Path):
        with item.content.open("rb") as source:
            shutil.copyfileobj(source, stream, _BLOCK)
    else:
        stream.write(item.content)
    end = stream.tell()
    return _DESCRIPTOR.pack(
        item.kind, 1, number, _GROUP, 0, offset, end - offset, end - before,
        epoch, epoch, 0, 0, item.name.encode(), extra,
    )  # fmt: skip
