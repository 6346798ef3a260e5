# SPDX-License-Identifier: BSD-3-Clause
"""Where a decision log is read: the site's own repository, another's by its address, or a mount."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from builder.state import State
from catalog.entry import FILE_NAME, CatalogEntry, read_entry
from core.errors import Refused, UserError
from cvmfs.format.manifest import MANIFEST
from cvmfs.mirroring.replicate import name_in
from cvmfs.reading.reader import Reader, open_reader
from cvmfs.storage.places import storage_at
from pansoft import decisions, published, target
from trust.decisions.log import Read

_MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class LogSource:
    """What a log is read from, and what is published beside it.

    Args:
        read: gives the files of the repository.
        repository: its name, where something other than the log says it.
        entries: gives every published version.
        public_key: of the repository; None for a mount, which has looked at it.
    """

    read: Read
    repository: str | None
    entries: Callable[[], tuple[CatalogEntry, ...]]
    public_key: Path | None = None


@contextmanager
def log_source(
    state: State, source: str | None, *, public_key: Path | None, fqrn: str | None, at: datetime
) -> Iterator[LogSource]:
    """Give where a log is read.

    Args:
        state: whose repository is read where no source is named.
        source: the folder of a mount, or the folder or address of a repository.
        public_key: of the repository at an address; by default that of the site's.
        fqrn: the name of the repository at an address; by default the end of it.
        at: now.

    Raises:
        UserError: there is nothing to read.
        Refused: a signature or a hash of the repository is wrong.
    """
    if source is None and (public_key is not None or fqrn is not None):
        raise UserError("--public-key and --fqrn go with --source")
    folder = Path(source) if source and "://" not in source else None
    if folder is not None and not folder.is_dir():
        raise UserError(f"there is no folder {folder}", hint="name a mount, or an address")
    if folder is not None and not (folder / MANIFEST).is_file():
        if public_key is not None:
            raise UserError("--public-key is for an address; a mount has verified what it shows")
        yield _mounted(folder, fqrn)
        return
    key = public_key or target.public_key(state)
    with _reader(state, source, public_key=key, fqrn=fqrn, at=at) as reader:
        yield LogSource(
            decisions.reading(reader), reader.fqrn, lambda: published.entries_of(reader), key
        )


def _reader(
    state: State, source: str | None, *, public_key: Path, fqrn: str | None, at: datetime
) -> Reader:
    if source is None:
        return target.read(state, at=at)
    place = source if source.startswith(("http://", "https://")) else storage_at(source)
    return open_reader(place, fqrn or name_in(source), public_key, at=at)


def _mounted(folder: Path, fqrn: str | None) -> LogSource:
    return LogSource(
        lambda path: _content(folder / path),
        fqrn or _mounted_name(folder),
        lambda: tuple(
            read_entry(file.read_bytes(), file=file)
            for file in sorted(folder.glob(f"{published.IMAGES}/*/*/{FILE_NAME}"))
        ),
    )


def _mounted_name(folder: Path) -> str | None:
    """Return the name of the repository that is mounted, as CVMFS clients say it; None for a plain folder."""
    with contextlib.suppress(OSError):
        return os.getxattr(folder, "user.fqrn").decode("utf-8", "replace")
    return None


def _content(file: Path) -> bytes | None:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as err:
        raise UserError(f"{file} cannot be read: {err.strerror}") from err
    if len(content) > _MAX_BYTES:
        raise Refused(f"{file} is larger than {_MAX_BYTES >> 20} MiB")
    return content
