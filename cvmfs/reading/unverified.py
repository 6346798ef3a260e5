# SPDX-License-Identifier: BSD-3-Clause
"""Reading a repository before there is a key for it: nothing of it is vouched for.

It is for files that carry signatures of their own and say what the key is, as a federation's metadata
does. Objects still have the hash they are asked for by, but whoever answers chose that hash. What is read
is limited in size, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cvmfs.errors import FormatInvalid
from cvmfs.format.manifest import MANIFEST, parse_manifest, split_signed
from cvmfs.format.whitelist import WHITELIST
from cvmfs.format.whitelist import parse as parse_whitelist
from cvmfs.reading.contents import Contents
from cvmfs.reading.reader import Location, Reader, SignedFiles
from cvmfs.sources.fetch import CONTROL_LIMIT, Source, get_checked, source_of
from cvmfs.sources.transfer import TIMEOUT_S


class UnverifiedFiles:
    """The files of the revision that a source shows, whoever made it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def fqrn(self) -> str:
        """Return the name that the repository gives itself."""
        return self._reader.fqrn

    def read(self, path: str, *, limit: int) -> bytes:
        """Return the content of a file.

        Raises:
            NotFound: there is nothing at the path.
            FormatInvalid: it has more than `limit` bytes.
            RepositoryError: it is not a file, or the source does not answer.
        """
        entry = self._reader.entry(path)
        if entry.size > limit:
            raise FormatInvalid(f"{path} has more than the allowed {limit} bytes")
        return self._reader.read_entry(entry)

    def close(self) -> None:
        """Close catalogs and connections."""
        self._reader.close()


def open_unverified(
    source: str | Path | Sequence[str] | Source,
    *,
    fqrn: str | None = None,
    proxies: str = "",
    timeout_s: float = TIMEOUT_S,
) -> UnverifiedFiles:
    """Return the files that a source shows; see `open_reader` for the arguments.

    Raises:
        FormatInvalid: it is not a repository, or one of another name than `fqrn`.
        RepositoryError: it does not answer.
    """
    files = source_of(source, fqrn=fqrn, proxies=proxies, timeout_s=timeout_s)

    def check(content: bytes) -> None:
        split_signed(content, where=files.describe(MANIFEST))

    signed = get_checked(files, MANIFEST, limit=CONTROL_LIMIT, check=check)
    manifest = parse_manifest(signed, where=files.describe(MANIFEST))
    if fqrn is not None and manifest.fqrn != fqrn:
        raise FormatInvalid(f"{files.describe('')} is the repository {manifest.fqrn}, not {fqrn}")
    text = get_checked(files, WHITELIST, limit=CONTROL_LIMIT, check=lambda _: None)
    whitelist = parse_whitelist(text, where=files.describe(WHITELIST))
    location = Location(manifest.fqrn, None, Contents(files))
    return UnverifiedFiles(Reader(location, manifest, whitelist, SignedFiles(signed, text, b"")))
