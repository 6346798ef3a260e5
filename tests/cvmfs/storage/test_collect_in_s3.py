# SPDX-License-Identifier: BSD-3-Clause
"""Garbage collection of a repository in a bucket, where it is broken off as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import RepositoryError
from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.keeping.collect import collect
from cvmfs.keeping.retention import Retention
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository
from cvmfs.reading.reader import open_reader
from tests.cvmfs.s3_server import Request, S3Server
from tests.cvmfs.samples import AT, FQRN, LATER

MUCH_LATER = datetime.now(UTC) + timedelta(days=9)
LAST = Retention(last=1)


@pytest.fixture
def repository(s3: S3Server, keys: RepositoryKeys, tmp_path: Path) -> Repository:
    """Give a repository of five revisions in the bucket, each with a file of its own."""
    repository = create_repository(s3.place(), keys, at=AT, scratch=tmp_path / "scratch")
    for number in range(4):
        with transaction(repository, keys, at=LATER) as tx:
            tx.put_bytes(b"%d" % number * 20, "packages/file")
            tx.nest("packages")
    return repository


def objects(s3: S3Server) -> set[str]:
    """Return the objects in the bucket."""
    return {name for name in s3.names() if "/data/" in name}


def assert_sound(s3: S3Server, keys: RepositoryKeys) -> None:
    """Hold what a client gets from the bucket against every rule."""
    with open_reader(s3.public(), FQRN, keys.public_key, at=AT) as reader:
        assert reader.read("packages/file") == b"3" * 20
        assert check(reader, all_revisions=True).findings == ()


def test_dry_run_is_exact_and_what_goes_is_gone(
    repository: Repository, keys: RepositoryKeys, s3: S3Server
) -> None:
    before = objects(s3)
    foretold = collect(repository, keys, at=MUCH_LATER, rules=LAST, is_dry_run=True)
    assert objects(s3) == before
    s3.requests.clear()

    done = collect(repository, keys, at=MUCH_LATER, rules=LAST)

    assert foretold.swept == done.swept
    assert len(before - objects(s3)) == done.swept.removed
    assert {tag.revision for tag in tags_of(repository)} == {4, 5}
    assert_sound(s3, keys)
    deletions = [request for request in s3.requests if request.query.startswith("delete")]
    assert len(deletions) < done.swept.removed


def test_deletions_that_fail_leave_garbage_for_the_next_run(
    repository: Repository,
    keys: RepositoryKeys,
    s3: S3Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)

    def no_deletion(request: Request) -> str | None:
        return "503" if request.query.startswith("delete") else None

    before = objects(s3)
    with s3.failing(no_deletion), pytest.raises(RepositoryError):
        collect(repository, keys, at=MUCH_LATER, rules=LAST)
    assert before <= objects(s3)
    assert {tag.revision for tag in tags_of(repository)} == {4, 5}
    assert_sound(s3, keys)

    done = collect(repository, keys, at=MUCH_LATER, rules=LAST)

    assert done.swept.removed
    assert len(before - objects(s3)) == done.swept.removed
    assert_sound(s3, keys)
