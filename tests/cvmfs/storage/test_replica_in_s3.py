# SPDX-License-Identifier: BSD-3-Clause
"""A Stratum 1 in a bucket: written over S3, read over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.errors import RepositoryError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.mirroring.pull import Pulled
from cvmfs.mirroring.replicate import Replication, replicate
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import open_reader
from cvmfs.storage.places import storage_at
from tests.cvmfs.s3_server import Request, S3Server
from tests.cvmfs.samples import AT, FQRN, repository_snapshot, snapshot


def run(source: Repository, s3: S3Server, keys: RepositoryKeys, scratch: Path) -> Replication:
    return replicate(
        str(source.folder), storage_at(s3.place()), keys.public_key,
        at=AT, fqrn=FQRN, scratch=scratch,
    )  # fmt: skip


def assert_sound(s3: S3Server, keys: RepositoryKeys, tree: Path) -> None:
    with open_reader(s3.public(), FQRN, keys.public_key, at=AT) as reader:
        assert repository_snapshot(reader, "odd") == snapshot(tree)
        assert check(reader).is_sound


def test_replica_in_a_bucket_is_read_by_http(
    published: Repository, published_tree: Path, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    first = run(published, s3, keys, tmp_path / "replica" / "txn")
    second = run(published, s3, keys, tmp_path / "replica" / "txn")

    assert (first.revision, second.was, second.pulled) == (2, 2, Pulled())
    assert_sound(s3, keys, published_tree)


def test_run_whose_bucket_failed_is_taken_up(
    published: Repository, published_tree: Path, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    def gone_for_good(request: Request) -> str | None:
        if request.method != "PUT" or "/data/" not in request.key:
            return None
        puts.append(request)
        return "403" if len(puts) > 8 else None

    puts: list[Request] = []
    with s3.failing(gone_for_good), pytest.raises(UserError):
        run(published, s3, keys, tmp_path / "replica" / "txn")
    assert not any(name.endswith("/.cvmfspublished") for name in s3.names())

    run(published, s3, keys, tmp_path / "replica" / "txn")

    assert_sound(s3, keys, published_tree)


def test_bucket_needs_a_folder_of_this_machine(
    published: Repository, keys: RepositoryKeys, s3: S3Server
) -> None:
    with pytest.raises(RepositoryError, match="needs a scratch folder on this machine"):
        replicate(str(published.folder), storage_at(s3.place()), keys.public_key, at=AT, fqrn=FQRN)
