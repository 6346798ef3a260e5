# SPDX-License-Identifier: BSD-3-Clause
"""The storage at an address: a directory of this machine, or a prefix of a bucket."""

from __future__ import annotations

from pathlib import Path

from cvmfs.storage.local import LocalStorage
from cvmfs.storage.storage import Storage


def storage_at(location: str | Path) -> Storage:
    """Return the storage at a directory, or at `s3://bucket/prefix?endpoint=…&region=…`.

    Raises:
        RepositoryError: the address is none.
    """
    if isinstance(location, str) and location.startswith("s3://"):
        from cvmfs.storage.s3 import S3Storage, parse_place  # it takes a while to load

        return S3Storage(parse_place(location))
    return LocalStorage(Path(location))
