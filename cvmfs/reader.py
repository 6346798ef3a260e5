# SPDX-License-Identifier: BSD-3-Clause
"""Reading a repository with nothing trusted but the master public key.

The chain, each link verified before the next is looked at: the public key signed the whitelist, which is
in date, for this repository, and names the fingerprint of the certificate; the certificate's key signed
the manifest, which is for this repository and names the root catalog by hash; a catalog names nested
catalogs and contents by hash; and every object has the hash that it was asked for by.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from cvmfs.cache import ObjectCache
from cvmfs.catalog import Catalog, NestedCatalog
from cvmfs.chunking import Piece
from cvmfs.contents import Contents
from cvmfs.entries import Entry, Kind
from cvmfs.errors import (
    FormatInvalid,
    NotFound,
    RepositoryError,
    SignatureInvalid,
    WrongRepository,
)
from cvmfs.fetch import Source, source_of
from cvmfs.hashes import ContentHash, Suffix, object_path
from cvmfs.keys import load_public_key
from cvmfs.manifest import MANIFEST, Manifest, parse_manifest, split_signed, verify_manifest
from cvmfs.paths import absolute, parent_of, prefixes, repository_name, repository_path
from cvmfs.whitelist import WHITELIST, Whitelist, fingerprint, is_listed
from cvmfs.whitelist import verify as verify_whitelist

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_OPEN_CATALOGS = 64
_STREAM_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Location:
    """A repository to read: where it is, its name, and the key that it has to answer to."""

    fqrn: str
    public_key: rsa.RSAPublicKey
    contents: Contents

    @property
    def source(self) -> Source:
        """Return what the files come from."""
        return self.contents.source


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """The bytes of the signed files of a revision, as they were verified: a replica writes the same."""

    manifest: bytes
    whitelist: bytes


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
        self._catalogs: OrderedDict[ContentHash, Catalog] = OrderedDict()

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
            VerificationFailed: what is published now does not verify.
            RepositoryError: the source does not answer.
        """
        content = self.location.source.get(MANIFEST)
        current = parse_manifest(content, where=self.location.source.describe(MANIFEST))
        if current == self.manifest:
            return self
        reader = _verified(self.location, content, at=at)
        if reader.manifest.published < self.manifest.published:
            raise SignatureInvalid(
                f"{self.location.source.describe(MANIFEST)} is of revision {reader.revision}, "
                f"older than revision {self.revision} that was read before"
            )
        return reader

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
        parts = []
        for content_hash, suffix, piece in pieces(entry):
            start, stop = piece.offset, piece.offset + piece.size
            if start < end and stop > offset:
                content = self.location.contents.content(
                    content_hash, suffix, entry.compression, piece.size
                )
                parts.append(content.part(max(offset - start, 0), min(end - start, piece.size)))
        return parts[0] if len(parts) == 1 else b"".join(parts)

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
            return found
        where = self.location.source.describe(object_path(nested.content_hash, Suffix.CATALOG))
        content = self.location.contents.decompressed(nested.content_hash, Suffix.CATALOG)
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
        self._catalogs[nested.content_hash] = catalog
        while len(self._catalogs) > _OPEN_CATALOGS:
            self._catalogs.popitem(last=False)  # whoever works with it now closes it by letting go
        return catalog

    def close(self) -> None:
        """Close catalogs and connections and forget contents; the reader may be used again."""
        while self._catalogs:
            self._catalogs.popitem()[1].close()
        self.location.contents.clear()
        self.location.source.close()


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
    source: str | Path, fqrn: str, public_key: Path, cache: Path | None = None, *, at: datetime
) -> Reader:
    """Return a reader of the current revision of the repository at a directory or an HTTP address.

    Args:
        source: the repository's folder, or `http://host/cvmfs/<fqrn>`.
        fqrn: the name that it has to have.
        public_key: the file with the master public key.
        cache: a directory for fetched objects.
        at: the time at which the whitelist has to be valid.

    Raises:
        VerificationFailed: a signature, hash, name or date is not what it must be; a child says which.
        RepositoryError: the source does not answer, or with something that is no repository.
    """
    contents = Contents(source_of(source), None if cache is None else ObjectCache(cache))
    location = Location(repository_name(fqrn), load_public_key(public_key), contents)
    return _verified(location, location.source.get(MANIFEST), at=at)


def pieces(entry: Entry) -> Iterator[tuple[ContentHash, Suffix, Piece]]:
    """Return the objects that hold a file, with the stretch of the file that each holds."""
    if entry.content_hash is not None:
        yield entry.content_hash, Suffix.FILE, Piece(0, entry.size)
        return
    for chunk in entry.chunks:
        yield chunk.content_hash, Suffix.CHUNK, chunk.piece


def _verified(location: Location, manifest_content: bytes, *, at: datetime) -> Reader:
    """Return the reader once everything from the public key to the manifest holds."""
    source, fqrn = location.source, location.fqrn
    whitelist_content = source.get(WHITELIST)
    whitelist = verify_whitelist(
        whitelist_content,
        location.public_key,
        fqrn=fqrn,
        at=at,
        where=source.describe(WHITELIST),
    )
    where = source.describe(MANIFEST)
    split_signed(manifest_content, where=where)  # nothing is read from a text that was changed
    claimed = parse_manifest(manifest_content, where=where)
    certificate = _certificate(location, claimed, whitelist)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise FormatInvalid(f"the certificate of {fqrn} holds no RSA key")
    manifest = verify_manifest(manifest_content, key, where=where)
    if manifest.fqrn != fqrn:
        raise WrongRepository(f"{where} is the manifest of {manifest.fqrn}, not of {fqrn}")
    return Reader(location, manifest, whitelist, SignedFiles(manifest_content, whitelist_content))


def _certificate(location: Location, claimed: Manifest, whitelist: Whitelist) -> x509.Certificate:
    where = location.source.describe(object_path(claimed.certificate, Suffix.CERTIFICATE))
    pem = location.contents.decompressed(claimed.certificate, Suffix.CERTIFICATE)
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
    return certificate
