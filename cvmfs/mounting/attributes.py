# SPDX-License-Identifier: BSD-3-Clause
"""What a mount says of itself and of its files by extended attributes, named as genuine clients name it.

Those of the mount can be asked of any path and are listed at the root; those of a file or link are listed
there (magic_xattr.cc, whose forms of the values these are). An entry's own attributes are listed with them
and give way where a name is the same. A list of chunks may be longer than the system lets an attribute be,
so it comes in pages: `user.chunk_list` is the first, `user.chunk_list~1` the next, `user.chunk_list~?` says
how many there are. The kernel lets nobody ask a symlink for a `user.` attribute, so the
target as it is written goes by `xfsroot.rawlink` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cvmfs.errors import RepositoryError, VerificationFailed
from cvmfs.format.catalog import NestedCatalog
from cvmfs.format.compression import Compression
from cvmfs.format.entries import Entry, Kind
from cvmfs.format.hashes import Suffix
from cvmfs.format.paths import absolute, parent_of
from cvmfs.format.statistics import NAMES, Statistics
from cvmfs.format.xattrs import decode
from cvmfs.reading.reader import Reader, pieces
from cvmfs.sources.fetch import HttpSource
from cvmfs.sources.transfer import DIRECT, Traffic

VERSION = "0.1.0"
"""What `user.version` says; the genuine client gives its own there."""

_METAINFO_LIMIT = 65536
_PAGE_CHARACTERS = 40_000
_PAGE_MARK = "~"
_KILO = 1024


@dataclass(frozen=True, slots=True)
class Mounted:
    """What is mounted and how it does: minutes until new revisions are looked for, input/output errors."""

    reader: Reader
    expires_min: int = 0
    io_errors: int = 0
    last_io_error: int = 0

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the servers, the one that is used now first."""
        source = self.reader.location.source
        if isinstance(source, HttpSource):
            return source.hosts
        return (f"file://{source.folder}",)

    @property
    def proxy(self) -> str:
        """Return the proxy that is used now."""
        source = self.reader.location.source
        return source.proxy if isinstance(source, HttpSource) else DIRECT

    @property
    def traffic(self) -> Traffic:
        """Return what was fetched."""
        source = self.reader.location.source
        return source.traffic if isinstance(source, HttpSource) else Traffic()


def names(entry: Entry) -> list[str]:
    """Return the names that are listed at an entry.

    Raises:
        FormatInvalid: the catalog holds something else than attributes.
    """
    of_mount = _OF_MOUNT if not entry.path else {}
    own = decode(entry.xattr)
    return sorted({*of_mount, *_of_entry(entry), *own})


def value(mounted: Mounted, entry: Entry, name: str) -> bytes | None:
    """Return the value of an attribute, or None if there is none of the name.

    Raises:
        RepositoryError: what it is about cannot be read.
    """
    kind, _, page = name.partition(_PAGE_MARK)
    known = _OF_MOUNT.get(kind) or _of_entry(entry).get(kind)
    if known is None:
        return decode(entry.xattr).get(name)
    pages = _pages(known(mounted, entry))
    if page == "?":
        return f"num_pages, {len(pages)}".encode()
    if page and not page.isdecimal():
        return None
    chosen = pages[int(page or 0) : int(page or 0) + 1]
    return chosen[0].encode("utf-8", "surrogateescape") if chosen else None


def _pages(text: str) -> list[str]:
    """Return a value in pages, each of whole lines under the first one, as magic_xattr.cc does it."""
    if len(text) <= _PAGE_CHARACTERS:
        return [text]
    head, *lines = text.splitlines(keepends=True)
    pages, page = [], head
    for line in lines:
        page += line
        if len(page) > _PAGE_CHARACTERS:
            pages.append(page)
            page = head
    return [*pages, page] if page != head or not pages else pages


_Value = Callable[[Mounted, Entry], str]


def _of_entry(entry: Entry) -> Mapping[str, _Value]:
    match entry.kind:
        case Kind.FILE if entry.content_hash is not None:
            return {**_OF_FILE, **_OF_WHOLE_FILE}
        case Kind.FILE:
            return _OF_FILE
        case Kind.SYMLINK:
            return _OF_LINK
        case Kind.DIRECTORY | Kind.SPECIAL:
            return {}


def _chunk_list(_: Mounted, entry: Entry) -> str:
    rows = [
        f"{content_hash},{piece.offset},{piece.size}\n" for content_hash, _, piece in pieces(entry)
    ]
    return "".join(["hash,offset,size\n", *rows])


def _local_hash(mounted: Mounted, entry: Entry) -> str:
    """Return the hash of the object as it lies on this machine, or that it does not."""
    if entry.content_hash is None:
        return ""
    found = mounted.reader.location.contents.local_hash(entry.content_hash, Suffix.FILE)
    return "Not in cache" if found is None else found


def _repository_counters(mounted: Mounted, _: Entry) -> str:
    return _table(mounted.reader.catalog_with("").statistics())


def _catalog_counters(mounted: Mounted, entry: Entry) -> str:
    directory = entry.path if entry.is_directory else parent_of(entry.path)
    nested: NestedCatalog = mounted.reader.nested_catalog_with(directory)
    head = f"catalog_hash: {nested.content_hash}\ncatalog_mountpoint: {absolute(nested.path)}\n"
    return head + _table(mounted.reader.catalog(nested).statistics())


def _table(statistics: Statistics) -> str:
    total = statistics.total
    return "".join(f"{name},{getattr(total, name)}\n" for name in sorted(NAMES))


def _metainfo(mounted: Mounted, _: Entry) -> str:
    reader = mounted.reader
    if reader.manifest.metainfo is None:
        return "metainfo not available"
    try:
        content = reader.location.contents.decompressed(
            reader.manifest.metainfo, Suffix.METAINFO, size=_METAINFO_LIMIT
        )
    except (RepositoryError, VerificationFailed):
        return "Failed to open metadata file"
    return content[:_METAINFO_LIMIT].decode("utf-8", "replace")


def _speed(mounted: Mounted, _: Entry) -> str:
    traffic = mounted.traffic
    return str(int(traffic.bytes / _KILO / traffic.seconds)) if traffic.seconds else "n/a"


_OF_MOUNT: Mapping[str, _Value] = {
    "user.catalog_counters": _catalog_counters,
    "user.expires": lambda mounted, _: str(mounted.expires_min),
    "user.fqrn": lambda mounted, _: mounted.reader.fqrn,
    "user.host": lambda mounted, _: mounted.hosts[0],
    "user.host_list": lambda mounted, _: ";".join(mounted.hosts),
    "user.nclg": lambda mounted, _: str(mounted.reader.open_catalogs),
    "user.ndownload": lambda mounted, _: str(mounted.traffic.requests),
    "user.nioerr": lambda mounted, _: str(mounted.io_errors),
    "user.proxy": lambda mounted, _: mounted.proxy,
    "user.repo_counters": _repository_counters,
    "user.repo_metainfo": _metainfo,
    "user.revision": lambda mounted, _: str(mounted.reader.revision),
    "user.root_hash": lambda mounted, _: mounted.reader.root_hash,
    "user.rx": lambda mounted, _: str(mounted.traffic.bytes // _KILO),
    "user.speed": _speed,
    "user.timestamp_last_ioerr": lambda mounted, _: str(mounted.last_io_error),
    "user.version": lambda _mounted, _: VERSION,
}

_OF_FILE: Mapping[str, _Value] = {
    "user.chunk_list": _chunk_list,
    "user.chunks": lambda _, entry: str(len(entry.chunks) or 1),
    "user.compression": lambda _, entry: (
        "none" if entry.compression is Compression.NONE else "zlib"
    ),
}

_OF_WHOLE_FILE: Mapping[str, _Value] = {
    "user.hash": lambda _, entry: entry.content_hash or "",
    "user.lhash": _local_hash,
}

_OF_LINK: Mapping[str, _Value] = {
    "user.rawlink": lambda _, entry: entry.target,
    "xfsroot.rawlink": lambda _, entry: entry.target,
}
