# SPDX-License-Identifier: BSD-3-Clause
"""The input archive: inputs in a folder that a web server or a disk can carry elsewhere.

A file is `<first two hex digits>/<sha256>`, as in the input cache and as a location of the kind
`archive` or `folder` expects it. What is there is never changed, so copies can be made at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from builder.inputs.cache import InputCache
from builder.inputs.lock import Input, input_name
from core.errors import UserError
from core.files import copy_atomic, sha256_file


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did: how many inputs the archive holds of those wanted, how many are new."""

    wanted: int
    copied: int
    bytes: int


def export(inputs: Iterable[Input], cache: InputCache, folder: Path) -> Exported:
    """Copy fetched inputs into an input archive; those that are there and whole are left alone.

    Raises:
        UserError: the folder cannot be written to, or an input was damaged while it was copied.
    """
    wanted = {item.sha256: item for item in inputs}
    archive = InputCache(folder)
    copied = size = 0
    for sha256, item in sorted(wanted.items()):
        if archive.is_whole(sha256):
            continue
        source, target = cache.need(sha256, name=input_name(item)), archive.path(sha256)
        try:
            copy_atomic(source, target)
        except OSError as err:
            raise UserError(
                f"{folder} cannot be written to: {err.strerror}",
                hint="make room, or name another folder; what is there already is kept",
            ) from err
        if sha256_file(target) != sha256:
            target.unlink()
            raise UserError(
                f"{input_name(item)} was damaged while it was copied",
                hint="run the same command again",
            )
        copied, size = copied + 1, size + target.stat().st_size
    return Exported(len(wanted), copied, size)
