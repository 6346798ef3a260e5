# SPDX-License-Identifier: BSD-3-Clause
"""A PGP signature put into a SIF file without `apptainer sign`, for keys that Apptainer cannot hold.

Apptainer signs with secrets that lie in a file. One in a token or an agent is asked here for a
cleartext signature of the same message, which is appended as the same object: `apptainer verify`
makes no difference between the two. The message and the object are those of `pkg/integrity` and
`pkg/sif` of github.com/apptainer/sif, version 2.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from core.errors import Refused
from trust.signing import sif
from trust.signing.sif import Sif

_NO_GROUP = 0xF0000000
_SHA256 = 1
_MODIFIED, _FREE, _DATA_SIZE = 72, 80, 120
"""Where the header holds the time of the last change, the free descriptors, the bytes of all objects."""


def sign(
    path: Path, *, fingerprint: str, at: datetime, cleartext: Callable[[bytes], bytes]
) -> None:
    """Sign the one group of objects of a SIF file, in place.

    Args:
        path: the file; a process that dies here leaves it unfit for use.
        fingerprint: of the key, 40 hex digits.
        at: the time that the new object carries.
        cleartext: returns a text with a PGP signature around it.

    Raises:
        Refused: not all objects are in one group, or there is no room for a signature.
    """
    layout = sif.read(path)
    groups = {each.group for each in layout.contents}
    if len(groups) != 1 or None in groups:
        raise Refused(f"{path.name}: its objects are not in one group")
    (group,) = groups
    text = cleartext(_message(layout))
    _append(layout, text, group=group or 0, fingerprint=fingerprint, seconds=int(at.timestamp()))


def _message(layout: Sif) -> bytes:
    """Return what is signed: the digests of the header, of every descriptor and of every object."""
    first = min(each.id for each in layout.contents)
    with layout.path.open("rb") as stream:
        rows = [
            {
                "relativeId": each.id - first,
                "descriptorDigest": _sha256(sif.signed_descriptor(each, first)),
                "objectDigest": "sha256:" + sif.sha256_range(stream, each.offset, each.size),
            }
            for each in sorted(layout.contents, key=lambda each: each.id)
        ]
    header = {"digest": _sha256(layout.identity)}
    message = {"version": 1, "header": header, "objects": rows}
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _append(layout: Sif, text: bytes, *, group: int, fingerprint: str, seconds: int) -> None:
    """Write the text behind everything, then its descriptor, then the header's count of both."""
    slot = next((n for n in range(layout.slots) if n not in {o.slot for o in layout.objects}), None)
    if slot is None:
        raise Refused(f"{layout.path.name} has no room for a signature")
    descriptor = sif.pack_descriptor(
        kind=sif.SIGNATURE,
        number=max(each.id for each in layout.objects) + 1,
        group=_NO_GROUP,
        link=group | _NO_GROUP,
        offset=layout.size,
        size=len(text),
        seconds=seconds,
        extra=struct.pack("<i", _SHA256) + bytes.fromhex(fingerprint),
    )
    with layout.path.open("r+b") as stream:
        stream.seek(layout.size)
        stream.write(text)
        stream.seek(layout.table_offset + slot * len(descriptor))
        stream.write(descriptor)
        for place, value in (
            (_MODIFIED, lambda _: seconds),
            (_FREE, lambda free: free - 1),
            (_DATA_SIZE, lambda used: used + len(text)),
        ):
            stream.seek(place)
            (number,) = struct.unpack("<q", stream.read(8))
            stream.seek(place)
            stream.write(struct.pack("<q", value(number)))
        stream.flush()
        os.fsync(stream.fileno())


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
