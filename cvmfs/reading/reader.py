# SPDX-License-Identifier: BSD-3-Clause
"""Reading a repository with nothing trusted but the master public key.

The chain, each link verified before the next is looked at: the public key signed the whitelist, which is
in date, for this repository, and names the fingerprint of the certificate; the certificate's key signed
the manifest, which is for this repository and names the root catalog by hash; a catalog names nested
catalogs and contents by hash; and every object has the hash that it was asked for by.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from cvmfs.errors import (
    FormatInvalid,
    NotFound,
    RepositoryError,
    SignatureInvalid,
    Unreachable,
    VerificationFailed,
    WrongRepository,
)
from cvmfs.format.catalog import Catalog, NestedCatalog
from cvmfs.format.chunking import Piece
from cvmfs.format.compression import Compression, decompress
from cvmfs.format.entries import Chunk, Entry, Kind
from cvmfs.format.hashes import ContentHash, Suffix, object_path
from cvmfs.format.keys import load_public_key
from cvmfs.format.manifest import MANIFEST, Manifest, parse_manifest, split_signed, verify_manifest
from cvmfs.format.paths import absolute, parent_of, prefixes, repository_name, repository_path
from cvmfs.format.whitelist import WHITELIST, Whitelist, fingerprint, is_listed
from cvmfs.format.whitelist import verify as verify_whitelist
from cvmfs.reading.ahead import Ahead
from cvmfs.reading.cache import ObjectCache, Pin
from cvmfs.reading.contents import Contents
from cvmfs.reading.remembered import Remembered
from cvmfs.reading.remembered import SignedFiles as SignedFiles  # what a replica writes, too
from cvmfs.sources.fetch import CONTROL_LIMIT, Source, get_checked, source_of
from cvmfs.sources.transfer import TIMEOUT_S

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

log = logging.getLogger(__name__)

_OPEN_CATALOGS = 64
_ANY_TIME = datetime.min.replace(tzinfo=UTC)
_STREAM_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Location:
    """A repository to read: where it is, its name, the key that it answers to, and what was seen of it.

    Without a key nothing of it is vouched for: `unverified` reads so, and no reader here is made.
    """

    fqrn: str
    public_key: rsa.RSAPublicKey | None
    contents: Contents
    remembered: Remembered | None = None

    @property
    def source(self) -> Source:
        """Return what the files come from."""
        return self.contents.source


class Reader:
    """One revision of a repository. It belongs to one thread.

    A path is that of an entry from the root; a leading slash does not matter.
    """

    def __init__(
        self, location: Location, manifest: Manifest, whitelist: Whitelist, signed: SignedFiles
    ) -> None:
        self.location = location
        self.manifest = manifest
        self.whitelist = whitelist
        self.signed = signed
        self._catalogs: OrderedDict[ContentHash, _OpenCatalog] = OrderedDict()

    def __enter__(self) -> Reader:
        """Return the reader; it is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the reader."""
        self.close()

    @property
    def fqrn(self) -> str:
        """Return the repository's name."""
        return self.manifest.fqrn

    @property
    def revision(self) -> int:
        """Return the number of the revision."""
        return self.manifest.revision

    @property
    def root_hash(self) -> ContentHash:
        """Return the hash of the root catalog, which stands for the whole revision."""
        return self.manifest.root_hash

    def refreshed(self, *, at: datetime) -> Reader:
        """Return a reader of the newest revision: this one if there is no newer.

        Raises:
            VerificationFailed: what is published now does not verify, or is older than what was seen before.
            RepositoryError: the source does not answer.
        """
        return _newest(self.location, at=at, current=self)

    # -- the tree

    def lookup(self, path: str) -> Entry | None:
        """Return the entry at a path, or None if there is nothing."""
        wanted = repository_path(path)
        return self.catalog_with(parent_of(wanted)).get(wanted)

    def entry(self, path: str) -> Entry:
        """Return the entry at a path.

        Raises:
            NotFound: there is nothing.
        """
        entry = self.lookup(path)
        if entry is None:
            raise NotFound(
                f"{self.fqrn} has nothing at {absolute(repository_path(path))} in revision {self.revision}"
            )
        return entry

    def listdir(self, path: str) -> tuple[Entry, ...]:
        """Return what a directory holds, sorted by name.

        Raises:
            NotFound: there is nothing at the path.
            RepositoryError: it is not a directory.
        """
        entry = self.entry(path)
        if not entry.is_directory:
            raise RepositoryError(f"{absolute(entry.path)} is a {entry.kind}, not a directory")
        return tuple(self.catalog_with(entry.path).children(entry.path))

    def walk(self, path: str = "") -> Iterator[Entry]:
        """Return the entry at a path and all below it, a directory before what it holds, sorted by name."""
        entry = self.entry(path)
        yield entry
        if entry.is_directory:
            for child in self.listdir(entry.path):
                if child.is_directory:
                    yield from self.walk(child.path)
                else:
                    yield child

    # -- contents

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        """Return the content of a file, or `size` bytes of it from `offset`; less at its end.

        Raises:
            NotFound: there is nothing at the path.
            RepositoryError: it is not a file.
            ObjectCorrupted: the object that holds it does not have its hash.
        """
        return self.read_entry(self.entry(path), offset, size)

    def read_entry(self, entry: Entry, offset: int = 0, size: int | None = None) -> bytes:
        """Return the content of a file of this revision, or a part of it; see `read`."""
        if entry.kind is not Kind.FILE:
            raise RepositoryError(f"{absolute(entry.path)} is a {entry.kind}, not a file")
        end = entry.size if size is None else min(offset + size, entry.size)
        if offset >= end:
            return b""
        if entry.content_hash is None and not entry.chunks:
            raise FormatInvalid(f"the file {absolute(entry.path)} has neither a hash nor chunks")
        wanted = list(_pieces_between(entry, offset, end))
        if len(wanted) > 1:  # all at once, where the location can do that
            self._fetch_ahead(wanted[1:])
        parts = []
        for content_hash, suffix, piece in wanted:
            start = piece.offset
            content = self.location.contents.content(
                content_hash, suffix, entry.compression, piece.size
            )
            parts.append(content.part(max(offset - start, 0), min(end - start, piece.size)))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read_ahead(self, entry: Entry, offset: int, size: int) -> None:
        """Fetch what holds a stretch of a file in the background, where the location can do that."""
        self._fetch_ahead(_pieces_between(entry, offset, offset + size))

    def _fetch_ahead(self, wanted: Iterable[tuple[ContentHash, Suffix, Piece]]) -> None:
        self.location.contents.read_ahead(
            (content_hash, suffix, piece.size) for content_hash, suffix, piece in wanted
        )

    def open(self, path: str) -> BinaryIO:
        """Return a file's content as a stream, of which only the parts that are read are fetched.

        Raises:
            NotFound: there is nothing at the path.
            RepositoryError: it is not a file.
        """
        entry = self.entry(path)
        if entry.kind is not Kind.FILE:
            raise RepositoryError(f"{absolute(entry.path)} is a {entry.kind}, not a file")
        return BufferedReader(_Content(self, entry), _STREAM_BUFFER)

    # -- objects

    def stored_object(self, content_hash: ContentHash, suffix: Suffix) -> bytes:
        """Return the stored bytes of an object, which have its hash.

        Raises:
            NotFound: there is none.
            ObjectCorrupted: the bytes at its place have another hash.
        """
        return self.location.contents.stored(content_hash, suffix)

    def catalog_with(self, directory: str) -> Catalog:
        """Return the catalog that holds what is in a directory."""
        nested = self.nested_catalog_with(directory)
        return self.catalog(nested)

    def nested_catalog_with(self, directory: str) -> NestedCatalog:
        """Return where the catalog is that holds what is in a directory."""
        here = NestedCatalog("", self.root_hash, self.manifest.root_size)
        for prefix in prefixes(directory):
            here = self.catalog(here).nested.get(prefix, here)
        return here

    def catalog(self, nested: NestedCatalog) -> Catalog:
        """Return an open catalog.

        Raises:
            FormatInvalid: it is not a catalog, or one of another directory.
        """
        if found := self._catalogs.get(nested.content_hash):
            self._catalogs.move_to_end(nested.content_hash)
            return found.catalog
        catalog = self.load(nested)
        pin = self.location.contents.pin(nested.content_hash, Suffix.CATALOG)
        self._catalogs[nested.content_hash] = _OpenCatalog(catalog, pin)
        while len(self._catalogs) > _OPEN_CATALOGS:
            self._catalogs.popitem(last=False)  # whoever works with it now closes it by letting go
        return catalog

    def load(self, nested: NestedCatalog) -> Catalog:
        """Return a catalog that is the caller's alone, to close; see `catalog`."""
        where = self.location.source.describe(object_path(nested.content_hash, Suffix.CATALOG))
        content = self.location.contents.decompressed(
            nested.content_hash, Suffix.CATALOG, size=nested.size or None
        )
        if nested.size and len(content) != nested.size:
            raise FormatInvalid(
                f"the catalog of {absolute(nested.path) or '/'} has {len(content)} bytes, "
                f"announced were {nested.size}"
            )
        catalog = Catalog.from_bytes(content, where=where)
        if catalog.root_path != nested.path:
            raise FormatInvalid(
                f"{where} is the catalog of {absolute(catalog.root_path) or '/'}, "
                f"not of {absolute(nested.path) or '/'}"
            )
        return catalog

    @property
    def open_catalogs(self) -> int:
        """Return how many catalogs are open."""
        return len(self._catalogs)

    def forget(self) -> None:
        """Close catalogs and forget contents; the reader may be used again."""
        while self._catalogs:
            self._catalogs.popitem()[1].catalog.close()
        self.location.contents.clear()

    def close(self) -> None:
        """Close catalogs and connections and forget contents; the reader may be used again."""
        self.forget()
        self.location.source.close()


@dataclass(frozen=True, slots=True)
class _OpenCatalog:
    """A catalog and what keeps it in the cache meanwhile."""

    catalog: Catalog
    pin: Pin | None


class _Content(RawIOBase):
    """The content of a file, read piece by piece."""

    def __init__(self, reader: Reader, entry: Entry) -> None:
        self._reader = reader
        self._entry = entry
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        start = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._entry.size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        with memoryview(buffer) as view:
            data = self._reader.read_entry(self._entry, self._position, len(view))
            view[: len(data)] = data
        self._position += len(data)
        return len(data)


def open_reader(
    source: str | Path | Sequence[str] | Source,
    fqrn: str,
    public_key: Path,
    cache: Path | None = None,
    *,
    at: datetime,
    quota: int | None = None,
    proxies: str = "",
    timeout_s: float = TIMEOUT_S,
    ahead: Ahead | None = None,
) -> Reader:
    """Return a reader of the current revision of the repository at a directory or at HTTP addresses.

    With a cache, the newest revision that was ever verified with it is remembered: an older one is refused,
    and while no server answers it is what is read, if its whitelist is still in date.

    Args:
        source: the repository's folder, or `http://host/cvmfs/<fqrn>`, several with `;` between them;
            or a storage.
        fqrn: the name that it has to have.
        public_key: the file with the master public key.
        cache: a directory for fetched objects.
        at: the time at which the whitelist has to be valid.
        quota: how many bytes the cache may hold.
        proxies: as `CVMFS_HTTP_PROXY` has them; see `routes`.
        timeout_s: seconds without an answer after which another host or proxy is asked.
        ahead: fetches in the background what `Reader.read_ahead` asks for.

    Raises:
        VerificationFailed: a signature, hash, name or date is not what it must be; a child says which.
        RepositoryError: the source does not answer, or with something that is no repository.
    """
    name = repository_name(fqrn)
    files = source_of(source, fqrn=name, proxies=proxies, timeout_s=timeout_s)
    objects = None if cache is None else ObjectCache(cache, quota)
    location = Location(
        name,
        load_public_key(public_key),
        Contents(files, objects, ahead=ahead),
        None if objects is None else Remembered(objects, name),
    )
    try:
        return _newest(location, at=at)
    except Unreachable as err:
        reader = _seen_before(location, at=at)
        if reader is None:
            raise
        log.warning(
            "no server of %s answers, revision %d of %s is read from the cache: %s",
            name, reader.revision, reader.manifest.time.isoformat(" "), err,
        )  # fmt: skip
        return reader


def pieces(entry: Entry) -> Iterator[tuple[ContentHash, Suffix, Piece]]:
    """Return the objects that hold a file, with the stretch of the file that each holds."""
    if entry.content_hash is not None:
        yield entry.content_hash, Suffix.FILE, Piece(0, entry.size)
        return
    for chunk in entry.chunks:
        yield chunk.content_hash, Suffix.CHUNK, chunk.piece


def _pieces_between(
    entry: Entry, start: int, stop: int
) -> Iterator[tuple[ContentHash, Suffix, Piece]]:
    """Return those of `pieces` that hold something between two offsets."""
    if entry.content_hash is not None:
        yield from pieces(entry)
        return
    first = bisect_right(entry.chunks, start, key=_offset_of) - 1
    for chunk in entry.chunks[max(first, 0) : bisect_left(entry.chunks, stop, key=_offset_of)]:
        yield chunk.content_hash, Suffix.CHUNK, chunk.piece


def _offset_of(chunk: Chunk) -> int:
    return chunk.piece.offset


def _newest(location: Location, *, at: datetime, current: Reader | None = None) -> Reader:
    """Return a reader of the newest revision that a server has; `current` if that is it.

    A server whose manifest does not verify, or is older than one that was seen, is left for the next one.
    """
    found: list[Reader] = []

    def check(content: bytes) -> None:
        where = location.source.describe(MANIFEST)
        split_signed(content, where=where)  # nothing is read from a text that was changed
        claimed = parse_manifest(content, where=where)
        if current is not None and claimed == current.manifest:
            found.append(current)
            return
        reader, signed = _fetched(location, content, at=at)
        floors = (_floor(location), None if current is None else current.manifest)
        for floor in floors:
            _refuse_older(reader.manifest, floor, location.remembered, where=where)
        if location.remembered is not None:
            location.remembered.write(signed)
        found.append(reader)

    get_checked(location.source, MANIFEST, limit=CONTROL_LIMIT, check=check)
    return found[-1]


def _fetched(location: Location, manifest: bytes, *, at: datetime) -> tuple[Reader, SignedFiles]:
    """Return the reader of a manifest, once all that it stands on was fetched and verified."""
    source = location.source
    claimed = parse_manifest(manifest, where=source.describe(MANIFEST))

    def check(content: bytes) -> None:
        name = source.describe(WHITELIST)
        verify_whitelist(content, _key_of(location), fqrn=location.fqrn, at=at, where=name)

    whitelist = get_checked(source, WHITELIST, limit=CONTROL_LIMIT, check=check)
    certificate = location.contents.stored(
        claimed.certificate, Suffix.CERTIFICATE, limit=CONTROL_LIMIT
    )
    signed = SignedFiles(manifest, whitelist, certificate)
    return _verified(location, signed, at=at, where=source.describe), signed


def _verified(
    location: Location, signed: SignedFiles, *, at: datetime, where: Callable[[str], str]
) -> Reader:
    """Return the reader once everything from the public key to the manifest holds."""
    whitelist = verify_whitelist(
        signed.whitelist, _key_of(location), fqrn=location.fqrn, at=at, where=where(WHITELIST)
    )
    claimed = parse_manifest(signed.manifest, where=where(MANIFEST))
    path = object_path(claimed.certificate, Suffix.CERTIFICATE)
    pem = decompress(signed.certificate, Compression.ZLIB, where=where(path))
    key = _certified_key(pem, whitelist, where=where(path))
    manifest = verify_manifest(signed.manifest, key, where=where(MANIFEST))
    if manifest.fqrn != location.fqrn:
        raise WrongRepository(
            f"{where(MANIFEST)} is the manifest of {manifest.fqrn}, not of {location.fqrn}"
        )
    return Reader(location, manifest, whitelist, signed)


def _key_of(location: Location) -> rsa.RSAPublicKey:
    if location.public_key is None:
        raise SignatureInvalid(f"without its public key nothing of {location.fqrn} can be verified")
    return location.public_key


def _certified_key(pem: bytes, whitelist: Whitelist, *, where: str) -> rsa.RSAPublicKey:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as err:
        raise FormatInvalid(f"{where} is not a certificate: {err}") from err
    if not is_listed(certificate, whitelist):
        raise SignatureInvalid(
            f"the certificate {fingerprint(certificate)} of the manifest "
            f"is not on the whitelist of {whitelist.fqrn}",
            hint="the holder of the master key has to sign a whitelist that names it",
        )
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise FormatInvalid(f"the certificate of {whitelist.fqrn} holds no RSA key")
    return key


def _floor(location: Location) -> Manifest | None:
    """Return the manifest that was seen last; one under another key was of another repository."""
    try:
        reader = _seen_before(location, at=_ANY_TIME)
    except (VerificationFailed, FormatInvalid) as err:
        log.warning("what was seen of %s before does not count: %s", location.fqrn, err)
        return None
    return None if reader is None else reader.manifest


def _seen_before(location: Location, *, at: datetime) -> Reader | None:
    """Return a reader of the revision that was seen last, verified again, or None."""
    signed = None if location.remembered is None else location.remembered.read()
    if signed is None or location.remembered is None:
        return None
    file = location.remembered.file
    return _verified(location, signed, at=at, where=lambda path: f"{path} in {file}")


def _refuse_older(
    manifest: Manifest, floor: Manifest | None, remembered: Remembered | None, *, where: str
) -> None:
    if floor is None:
        return
    on_purpose = f"; if it was set back on purpose, remove {remembered.file}" if remembered else ""
    if manifest.published < floor.published or manifest.revision < floor.revision:
        raise SignatureInvalid(
            f"{where} is of revision {manifest.revision} of {manifest.time:%Y-%m-%d %H:%M:%S}, older than "
            f"revision {floor.revision} of {floor.time:%Y-%m-%d %H:%M:%S} that was read before",
            hint=f"a server lags behind, or somebody hides a change: ask another server{on_purpose}",
        )
