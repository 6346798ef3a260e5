# SPDX-License-Identifier: BSD-3-Clause
"""The versions that a mounted repository has, and which of them a name means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.recipes.recipe import Channel
from catalog.entry import FILE_NAME, CatalogEntry, read_entry
from core.errors import UserError

FOLDERS = ("images", "trees")
_VERSION_MARK = "@"
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: its folder on the mount, and its entry; None where it has none to be read."""

    folder: Path
    entry: CatalogEntry | None

    @property
    def title(self) -> str:
        """Return name and version as the folder says."""
        return f"{self.folder.parent.name} {self.folder.name}"


def versions(mount: Path) -> tuple[Version, ...]:
    """Return every version that is published, by name.

    Raises:
        UserError: there is nothing mounted.
    """
    if not any((mount / folder).is_dir() for folder in FOLDERS):
        raise UserError(
            f"there is no repository of pansoft at {mount}",
            hint="mount it, with the CVMFS client or with pansoft repo mount; "
            "elsewhere mounted: --mount DIR",
        )
    return tuple(
        Version(folder, _entry(folder)) for kind in FOLDERS for folder in _folders(mount / kind)
    )


def meant(found: Sequence[Version], name: str, *, channel: Channel | None) -> Version:
    """Return the version that `NAME` or `NAME@VERSION` means: the newest, of `stable` before `testing`.

    Raises:
        UserError: there is none.
    """
    package, _, version = name.partition(_VERSION_MARK)
    fits = [
        each
        for each in found
        if each.folder.parent.name == package
        and version in ("", each.folder.name)
        and (channel is None or (each.entry is not None and each.entry.channel is channel))
    ]
    if not fits:
        raise UserError(
            f"{name} is not published" + (f" in the channel {channel}" if channel else ""),
            hint="without a name all that is published is listed: pansoft site verify",
        )
    return max(fits, key=_rank)


def _rank(version: Version) -> tuple[bool, str]:
    entry = version.entry
    return (entry is not None and entry.channel is Channel.STABLE, entry.published if entry else "")


def _folders(kind: Path) -> Iterator[Path]:
    if kind.is_dir():
        # beside the packages stands a file: `catalog.held.PATH`, what is not distributed here
        for package in (each for each in sorted(kind.iterdir()) if each.is_dir()):
            yield from (each for each in sorted(package.iterdir()) if each.is_dir())


def _entry(folder: Path) -> CatalogEntry | None:
    """Return a version's entry. One that cannot be read is nobody's; verifying says what is wrong."""
    try:
        with (folder / FILE_NAME).open("rb") as stream:
            return read_entry(stream.read(_MAX_BYTES), file=folder / FILE_NAME)
    except (OSError, UserError):
        return None
