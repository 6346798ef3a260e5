# SPDX-License-Identifier: BSD-3-Clause
"""Publishing and reading what a repository says of itself; its tree and revision stay as they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cvmfs.format.compression import Compression, decompress
from cvmfs.format.hashes import Suffix, object_path
from cvmfs.format.history import HasHistory, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import Manifest
from cvmfs.format.metainfo import Metainfo, parse_metainfo
from cvmfs.publishing.repository import Repository, check_whitelisted, commit


def describe(
    repository: Repository, keys: RepositoryKeys, metainfo: Metainfo, *, at: datetime
) -> Manifest:
    """Publish what the repository says of itself, without a new revision; return the manifest."""
    with repository.locked("describe") as lease:
        check_whitelisted(repository, keys, at)
        store, manifest = repository.store, repository.manifest
        revised = replace(
            manifest,
            metainfo=store.put_compressed(metainfo.encode(), Suffix.METAINFO).content_hash,
            certificate=store.put_compressed(keys.certificate_pem, Suffix.CERTIFICATE).content_hash,
            published=max(int(at.timestamp()), manifest.published),
        )
        return commit(repository, store, keys, revised, lease=lease, tags=tags_of(repository))


def metainfo_of(source: HasHistory) -> Metainfo:
    """Return what a repository says of itself, one that is written or one that is read.

    Raises:
        FormatInvalid: it is no JSON object with texts.
    """
    content_hash = source.manifest.metainfo
    if content_hash is None:
        return Metainfo()
    where = object_path(content_hash, Suffix.METAINFO)
    stored = source.stored_object(content_hash, Suffix.METAINFO)
    return parse_metainfo(decompress(stored, Compression.ZLIB, where=where), where=where)
