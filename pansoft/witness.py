# SPDX-License-Identifier: BSD-3-Clause
"""When a version was first published, from somebody else than its signer.

A signature carries the time that its maker wrote into it, so the thief of a key can sign in the past. The
repository is another witness: its own key vouches for the day in `entry.json`. That file counts on a mount
of CVMFS only, whose client checks every byte from that key downward; in a folder that was copied from
somewhere, anybody could have written it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from catalog.entry import FILE_NAME, CatalogEntry, read_entry
from core.errors import UserError
from trust.contents import cvmfs_attributes

_MAX_BYTES = 1 << 20


def witnessed(path: Path) -> datetime | None:
    """Return when the repository published a version, or None where no repository says so.

    Args:
        path: the folder of a version on a mount, or the image in it.
    """
    entry = entry_at(path)
    return None if entry is None else datetime.fromisoformat(entry.published)


def entry_at(path: Path) -> CatalogEntry | None:
    """Return what the repository says of a version, or None where no repository says so.

    Args:
        path: the folder of a version on a mount, or a file in it.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / FILE_NAME
    try:
        fqrn = cvmfs_attributes.repository_at(file)
        with file.open("rb") as stream:
            entry = read_entry(stream.read(_MAX_BYTES), file=file)
    except (OSError, UserError):
        return None
    is_about_this = (entry.fqrn, entry.name, entry.version) == (
        fqrn,
        folder.absolute().parent.name,
        folder.absolute().name,
    )
    return entry if is_about_this else None
