# SPDX-License-Identifier: BSD-3-Clause
"""The storage at an address: a directory of this machine."""

from __future__ import annotations

from pathlib import Path

from cvmfs.storage.local import LocalStorage
from cvmfs.storage.storage import Storage


def storage_at(location: str | Path) -> Storage:
    """Return the storage at a directory."""
    return LocalStorage(Path(location))
