# SPDX-License-Identifier: BSD-3-Clause
"""What a site learns of a repository, beginning with nothing but its address and the federation's root.

    root.json ─▶ metadata of the federation ─▶ the repository's key ─▶ whitelist, manifest, catalogs
                         │                                                   │
                         └── sha256 of policy and keys ──────── compared with ─┘

The metadata lies in the repository itself, so it is read before there is a key for that; it proves itself. A
key is believed of whom the federation lets speak, once the site has chosen the namespace (the only one that
lists the key, or the one that was named), and stays with it.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import Refused, UserError
from cvmfs.errors import NotFound
from cvmfs.format.entries import Entry, Kind
from cvmfs.reading.reader import Reader, open_reader
from cvmfs.reading.unverified import UnverifiedFiles, open_unverified
from pansoft.site.acceptance import FILE_NAME as ACCEPTANCE_FILE
from pansoft.site.settings import SitePlaces, source_of
from trust.federation import given_root, names
from trust.federation.client import Federation, open_federation
from trust.federation.sources import Reader as MetadataReader
from trust.federation.target import Target

TRUST = "trust"
_LEFT_OUT = ("federation", "log")
_LARGEST = 16 << 20
_MOST_BYTES = 64 << 20
_MOST_FILES = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Publisher:
    """What is believed of a repository and of whoever publishes there.

    Args:
        fqrn: the repository's name.
        namespace: who answers for its key.
        root_version: the number of the federation's root in force.
        facilities: those who hold the root.
        expires: the role of the federation's metadata that ends first, and when.
        public_key: the repository's, as the federation says.
        whitelist_expires: until when the repository's certificate counts.
        revision: of the repository.
        policy: the files of its policy by their path below `trust/`: `policy.yaml`, keys and more.
    """

    fqrn: str
    namespace: str
    root_version: int
    facilities: tuple[str, ...]
    expires: tuple[str, datetime]
    public_key: bytes
    whitelist_expires: datetime
    revision: int
    policy: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Memory:
    """The folders of what was seen before: of the federation, and of the repository."""

    federation: Path
    objects: Path


def learn(
    root: bytes,
    source: str | Path,
    *,
    metadata: str | None,
    namespace: str | None,
    memory: Memory,
    proxies: str,
    at: datetime,
) -> Publisher:
    """Return what is to be believed of a repository.

    Args:
        root: the federation's root, got on a safe way.
        source: the address or folder of the repository.
        metadata: where the federation's metadata is, if not in the repository: an address, a folder, or
            the address of another repository.
        namespace: who has to answer for the repository's key.
        memory: what was seen before.
        proxies: as `CVMFS_HTTP_PROXY` has them.
        at: now.

    Raises:
        Refused: something is not what the facilities have signed, is older than what was seen, has
            expired, or the key is nobody's.
        UserError: the source does not answer, or is no repository.
    """
    given_root.check(root, what="the root that was given")
    fqrn = name_in(source)
    files = open_unverified(source, fqrn=fqrn, proxies=proxies)
    try:
        shown = metadata_at(metadata, proxies=proxies) if metadata else metadata_of(files)
        federation = open_federation(root, shown, cache=memory.federation, at=at)
        key = key_target(federation, files.fqrn, namespace=namespace)
        public_key = federation.fetch(key)
    finally:
        files.close()
    with _reader(source, files.fqrn, public_key, memory, proxies=proxies, at=at) as reader:
        policy = dict(_policy_files(reader))
        _check_policy(federation, key, policy)
        return Publisher(
            fqrn=files.fqrn,
            namespace=key.namespace,
            root_version=federation.root_version,
            facilities=federation.facilities,
            expires=federation.expires[0],
            public_key=public_key,
            whitelist_expires=reader.whitelist.expires,
            revision=reader.revision,
            policy=policy,
        )


def memory_of(places: SitePlaces, root: bytes) -> Memory:
    """Return the folders of what was seen; what was seen under another root is of another federation."""
    name = hashlib.sha256(root).hexdigest()[:16]
    return Memory(places.federation / name, places.objects)


def name_in(source: str | Path) -> str | None:
    """Return the repository's name as its address ends with it, or None for a folder."""
    if isinstance(source, Path):
        return None
    found = {address.rstrip("/").rsplit("/", 1)[-1] for address in source.split(";")}
    if len(found) != 1:
        raise UserError(f"{source} are addresses of several repositories", hint="name one")
    return found.pop()


def metadata_at(place: str, *, proxies: str) -> str | Path | MetadataReader:
    """Return what the federation's metadata is read from: an address, a folder, or another repository."""
    where = source_of(place)
    if isinstance(where, Path) or f"/{names.FOLDER}" in where or "/cvmfs/" not in where:
        return where
    return metadata_of(open_unverified(where, fqrn=name_in(where), proxies=proxies))


def metadata_of(files: UnverifiedFiles) -> MetadataReader:
    """Return what reads the federation's metadata out of a repository."""

    def read(name: str) -> Iterator[bytes]:
        try:
            yield files.read(f"{names.FOLDER}/{name}", limit=_LARGEST)
        except NotFound as err:
            raise FileNotFoundError(name) from err

    return read


def key_target(federation: Federation, fqrn: str, *, namespace: str | None) -> Target:
    """Return the public key of a repository as the federation names it.

    Raises:
        Refused: nobody names it, or several name different ones.
    """
    file = f"{fqrn}.pub"
    if namespace is not None:
        return federation.find_key(namespace, file)
    found = [
        target
        for known in federation.namespaces
        for target in federation.listed(known.name)
        if target.path == names.target_path(known.name, names.KEYS, file)
    ]
    if not found:
        raise Refused(
            f"nobody in the federation answers for the key of {fqrn}",
            hint="is it the right root? who publishes the repository has to list its key",
        )
    if len({target.sha256 for target in found}) > 1:
        raise Refused(
            f"{' and '.join(target.namespace for target in found)} name different keys of {fqrn}",
            hint="find out whose repository it is, and say so: --namespace NAME",
        )
    return found[0]


def _reader(
    source: str | Path,
    fqrn: str,
    public_key: bytes,
    memory: Memory,
    *,
    proxies: str,
    at: datetime,
) -> Reader:
    """Return a reader of the newest revision, from the key upward; an older one than seen is refused."""
    with tempfile.TemporaryDirectory(prefix="pansoft-site-") as folder:
        file = Path(folder) / f"{fqrn}.pub"
        file.write_bytes(public_key)
        return open_reader(source, fqrn, file, memory.objects, at=at, proxies=proxies)


def _policy_files(reader: Reader) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the published policy; what is too large or oddly named is refused."""
    total = 0
    for count, entry in enumerate(_entries(reader, TRUST), 1):
        total += entry.size
        if count > _MOST_FILES or entry.size > _LARGEST or total > _MOST_BYTES:
            raise Refused(f"the policy of {reader.fqrn} is larger than any: {entry.path}")
        path = entry.path.removeprefix(f"{TRUST}/")
        if path.lower() == ACCEPTANCE_FILE:
            raise Refused(
                f"{reader.fqrn} publishes {entry.path}: what a site accepts is the site's to say"
            )
        yield path, reader.read_entry(entry)


def _entries(reader: Reader, folder: str) -> Iterator[Entry]:
    if reader.lookup(folder) is None:
        raise Refused(
            f"{reader.fqrn} publishes no policy: there is no {folder}/",
            hint="nothing can be accepted from there; tell whoever publishes it",
        )
    for entry in reader.listdir(folder):
        name = entry.path.rsplit("/", 1)[-1]
        if folder == TRUST and (name in _LEFT_OUT or name.endswith(".pub")):
            continue
        if _NAME.fullmatch(name) is None:
            raise Refused(f"{reader.fqrn} has a file of a name that no policy has: {entry.path!r}")
        if entry.is_directory:
            yield from _entries(reader, entry.path)
        elif entry.kind is Kind.FILE:
            yield entry


def _check_policy(federation: Federation, key: Target, policy: Mapping[str, bytes]) -> None:
    """Compare the policy and the keys that the repository shows with what the federation lists.

    Raises:
        Refused: one is missing or another one, or the federation lists no policy.
    """
    listed = [
        target
        for target in federation.listed(key.namespace)
        if target.package is None
        and target.repository == key.repository
        and not target.file.endswith(".pub")
    ]
    if not any(target.path.split("/")[1] == names.POLICY for target in listed):
        raise Refused(
            f"{key.namespace} lists no policy for {key.repository}",
            hint="without one nothing can be accepted from there; tell whoever publishes it",
        )
    for target in listed:
        path = target.location.removeprefix(f"{TRUST}/")
        if path not in policy:
            raise Refused(f"{key.repository} does not have {target.location}, which is listed")
        target.check(policy[path])
