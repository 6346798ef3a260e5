# SPDX-License-Identifier: BSD-3-Clause
"""A bucket as a storage, over HTTP: publishing, reading, two at once, faults, and refusals."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from core.errors import Busy, UserError
from cvmfs.checking.check import check
from cvmfs.errors import NotFound, RepositoryError, Unreachable
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.lease import LEASE
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository, open_repository
from cvmfs.reading.reader import open_reader
from cvmfs.storage.places import storage_at
from cvmfs.storage.s3 import AccessDenied, S3Storage, parse_place
from tests.cvmfs.s3_server import ACCESS_KEY, SECRET_KEY, Request, S3Server
from tests.cvmfs.samples import (
    AT,
    FQRN,
    LATER,
    make_odd_tree,
    publish_tree,
    repository_snapshot,
    snapshot,
)


@pytest.fixture
def storage(s3: S3Server) -> S3Storage:
    """Give a storage in the bucket."""
    storage = storage_at(s3.place())
    assert isinstance(storage, S3Storage)
    return storage


@pytest.fixture
def repository(s3: S3Server, keys: RepositoryKeys, tmp_path: Path) -> Repository:
    """Give an empty repository in the bucket."""
    repository = create_repository(s3.place(), keys, at=AT, scratch=tmp_path / "scratch")
    s3.requests.clear()
    return repository


def again(s3: S3Server, tmp_path: Path) -> Repository:
    """Return the repository as another process of this machine opens it."""
    return open_repository(s3.place(), FQRN, scratch=tmp_path / "scratch")


# -- files


def test_files_are_put_got_listed_and_removed(storage: S3Storage) -> None:
    storage.put("data/ab/one", b"1")
    storage.put("data/ab/two", b"22")
    storage.replace(".cvmfspublished", b"signed")

    assert storage.get("data/ab/two") == b"22"
    assert (storage.size("data/ab/one"), storage.size("data/ab/none")) == (1, None)
    assert sorted((file.path, file.size) for file in storage.files("data/")) == [
        ("data/ab/one", 1),
        ("data/ab/two", 2),
    ]
    storage.remove(["data/ab/one", "data/ab/gone"])
    assert (storage.size("data/ab/one"), storage.size("data/ab/two")) == (None, 2)
    with pytest.raises(NotFound, match=r"s3://software/cvmfs/software\.example\.org/data/ab/one"):
        storage.get("data/ab/one")
    storage.close()
    assert storage.get("data/ab/two") == b"22"


def test_large_object_is_sent_in_parts(
    storage: S3Storage, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvmfs.storage.s3._LARGE", 6 << 20)
    monkeypatch.setattr("cvmfs.storage.s3._IN_PARTS.multipart_threshold", 6 << 20)
    monkeypatch.setattr("cvmfs.storage.s3._IN_PARTS.multipart_chunksize", 5 << 20)
    content = os.urandom(11 << 20)
    (tmp_path / "file").write_bytes(content)

    storage.put("data/ab/bytes", content)
    storage.put_file("data/ab/file", tmp_path / "file")

    assert storage.get("data/ab/bytes") == storage.get("data/ab/file") == content
    assert not (tmp_path / "file").exists()
    assert sum("partNumber" in request.query for request in s3.requests) == 6


def test_control_file_is_swapped_against_what_it_holds(storage: S3Storage) -> None:
    assert not storage.swap(".control", b"0", b"1")
    assert storage.swap(".control", None, b"1")
    assert not storage.swap(".control", None, b"2")
    assert not storage.swap(".control", b"0", b"2")
    assert storage.swap(".control", b"1", b"2")

    assert storage.get(".control") == b"2"


def test_swap_whose_answer_was_lost_has_succeeded(storage: S3Storage, s3: S3Server) -> None:
    lost: list[int] = []

    def lose_one(request: Request) -> str | None:
        if request.is_conditional and not lost:
            lost.append(request.number)
            return "lost"
        return None

    with s3.failing(lose_one, acts_first=True):
        assert storage.swap(".control", None, b"1")

    assert len(lost) == 1
    assert storage.get(".control") == b"1"


def test_many_questions_are_one_listing(storage: S3Storage, s3: S3Server) -> None:
    for number in range(30):
        storage.put(f"data/ab/{number}", b"x")
    s3.requests.clear()

    for number in range(200):
        assert storage.size(f"data/ab/{number}") == (1 if number < 30 else None)

    assert [request.method for request in s3.requests] == ["HEAD", "GET"]


def test_what_caches_are_told(repository: Repository, s3: S3Server) -> None:
    client = s3.client
    told = {
        key.rpartition("/")[2]: (answer["CacheControl"], answer["ContentType"])
        for key in s3.names()
        for answer in [client.head_object(Bucket="software", Key=key)]
    }

    assert told.pop(".cvmfspublished") == ("max-age=61", "application/x-cvmfs")
    assert told.pop(".cvmfswhitelist") == ("max-age=61", "application/x-cvmfs")
    assert told.pop(LEASE) == ("no-store", "application/octet-stream")
    objects = {said for name, said in told.items() if not name.startswith(".")}
    assert objects == {("max-age=31536000, immutable", "application/octet-stream")}


# -- publishing


def test_tree_is_published_and_read_by_http(
    repository: Repository, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    tree = make_odd_tree(tmp_path / "tree")

    publish_tree(repository, keys, tree, "odd", nest=True)

    for source in (repository.storage, s3.public()):
        with open_reader(source, FQRN, keys.public_key, at=AT) as reader:
            assert reader.revision == 2
            assert repository_snapshot(reader, "odd") == snapshot(tree)
            assert check(reader).findings == ()


def test_manifest_is_the_last_thing_that_is_sent(
    repository: Repository, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    publish_tree(repository, keys, make_odd_tree(tmp_path / "tree"), "odd", nest=True)

    sent = [request.key for request in s3.requests if request.method == "PUT"]
    kinds = ["catalog" if key[-1] == "C" else "object" for key in sent if "/data/" in key]
    names = [key.rpartition("/")[2] for key in sent]
    assert kinds.index("catalog") >= 8
    assert set(kinds[: kinds.index("catalog")]) == {"object"}
    assert [name for name in names if name.startswith(".cvmfs")][-1] == ".cvmfspublished"
    assert "data" not in {key.split("/")[2] for key in sent[names.index(".cvmfspublished") :]}


def test_what_is_there_is_not_sent_again(
    repository: Repository, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    publish_tree(repository, keys, tree, "odd")
    s3.requests.clear()

    publish_tree(again(s3, tmp_path), keys, tree, "copy")

    sent = [request.key for request in s3.requests if request.method == "PUT"]
    objects = [key for key in sent if "/data/" in key]
    assert {key[-1] for key in objects} == {"C", "H"}
    assert len(objects) == 2


def test_second_publisher_at_once_has_to_wait(
    repository: Repository, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    elsewhere = open_repository(s3.place(), FQRN, scratch=tmp_path / "elsewhere" / "scratch")
    with (
        transaction(repository, keys, at=AT) as tx,
        pytest.raises(Busy, match=f"process {os.getpid()}, to publish"),
        transaction(elsewhere, keys, at=AT),
    ):
        tx.put_bytes(b"x", "x")

    with transaction(elsewhere, keys, at=AT) as tx:
        tx.put_bytes(b"x", "x")
    assert tx.published.revision == 2


_PUBLISH = """
import sys
from pathlib import Path
from cvmfs.format.keys import load_keys
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import open_repository
from tests.cvmfs.samples import AT, FQRN
repository = open_repository(sys.argv[1], FQRN, scratch=Path(sys.argv[2]))
with transaction(repository, load_keys(Path(sys.argv[3]), FQRN), at=AT) as tx:
    tx.put_tree(Path(sys.argv[4]), "tree")
"""


def test_publish_that_was_killed_is_taken_up(
    repository: Repository, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    for number in range(60):
        (tmp_path / "tree" / f"{number}.txt").write_text(f"{number}\n")
    process = subprocess.Popen(
        [sys.executable, "-c", _PUBLISH, s3.place(), tmp_path / "scratch",
         keys.public_key.parent, tmp_path / "tree"],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    while process.poll() is None and _puts(s3) < 25:
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    before = _objects(s3)
    s3.requests.clear()

    published = publish_tree(again(s3, tmp_path), keys, tmp_path / "tree", "tree")

    assert published.revision == 2
    assert _puts(s3) == _objects(s3) - before < 50
    with open_reader(s3.public(), FQRN, keys.public_key, at=AT) as reader:
        assert check(reader).findings == ()


def _objects(s3: S3Server) -> int:
    return sum("/data/" in name for name in s3.names())


def _puts(s3: S3Server) -> int:
    return sum(request.method == "PUT" and "/data/" in request.key for request in s3.requests)


@pytest.mark.parametrize("fault", ["lost", "500", "503"])
def test_faults_on_the_way_are_lived_with(
    fault: str, repository: Repository, keys: RepositoryKeys, s3: S3Server, tmp_path: Path
) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    failed: set[str] = set()

    def each_once(request: Request) -> str | None:
        """Let every fourth key fail once."""
        if request.key in failed or zlib.crc32(request.key.encode()) % 4:
            return None
        failed.add(request.key)
        return fault

    with s3.failing(each_once):
        publish_tree(repository, keys, tree, "odd")

    assert failed
    with open_reader(s3.public(), FQRN, keys.public_key, at=AT) as reader:
        assert repository_snapshot(reader, "odd") == snapshot(tree)
        assert check(reader).findings == ()


def test_server_that_stays_away_is_named(
    repository: Repository,
    keys: RepositoryKeys,
    s3: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    with (
        pytest.raises(Unreachable, match="503 SlowDown") as failed,
        s3.failing(lambda request: "503" if "/data/" in request.key else None),
        transaction(again(s3, tmp_path), keys, at=LATER) as tx,
    ):
        tx.put_bytes(b"new\n", "new")

    assert "Run it again" in str(failed.value.hint)
    with open_reader(s3.public(), FQRN, keys.public_key, at=AT) as reader:
        assert reader.revision == 1


# -- refusals


def test_wrong_credentials_are_named_and_never_shown(
    repository: Repository,
    s3: S3Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        s3.failing(lambda _: "403"),
        pytest.raises(AccessDenied, match="SignatureDoesNotMatch") as refused,
    ):
        again(s3, tmp_path)

    said = f"{refused.value.message} {refused.value.hint} {caplog.text}"
    assert "credentials" in said
    assert SECRET_KEY not in said
    assert ACCESS_KEY not in said
    assert "Signature=" not in said


def test_no_credentials_is_an_error_with_a_mend(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(AccessDenied, match="there are no credentials") as refused:
        again(s3, tmp_path)

    assert "AWS_PROFILE" in str(refused.value.hint)


def test_missing_bucket_is_named(s3: S3Server, keys: RepositoryKeys, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=f"there is no bucket elsewhere at {s3.url}"):
        create_repository(s3.place("elsewhere"), keys, at=AT, scratch=tmp_path / "scratch")


def test_server_that_ignores_conditions_is_refused(
    s3: S3Server, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with (
        pytest.raises(RepositoryError, match="does not know conditional writes"),
        s3.failing(lambda _: "unconditional"),
    ):
        create_repository(s3.place(), keys, at=AT, scratch=tmp_path / "scratch")

    assert s3.names() == []


def test_server_that_is_not_there_is_named(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)

    with pytest.raises(Unreachable, match="does not answer: EndpointConnectionError"):
        open_repository("s3://a-bucket/x?endpoint=http://127.0.0.1:9", FQRN, scratch=tmp_path)


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3:///prefix", "s3://key:secret@bucket/x", "s3://bucket/x?secret=1"],
)
def test_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_place(address)

    assert refused.value.hint


def test_repository_elsewhere_needs_a_folder_here(s3: S3Server) -> None:
    with pytest.raises(RepositoryError, match="needs a scratch folder"):
        open_repository(s3.place(), FQRN)
