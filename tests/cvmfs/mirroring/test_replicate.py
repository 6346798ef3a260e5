# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import re
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import Busy, UserError
from cvmfs.checking.check import check
from cvmfs.errors import (
    NotFound,
    ObjectCorrupted,
    RepositoryError,
    SignatureInvalid,
    WhitelistExpired,
    WrongRepository,
)
from cvmfs.format.hashes import Algorithm, Suffix, object_path
from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.format.manifest import MANIFEST, sign_manifest
from cvmfs.keeping.collect import collect
from cvmfs.keeping.retention import Retention
from cvmfs.mirroring.pull import Pulled
from cvmfs.mirroring.replicate import (
    IS_SNAPSHOTTING,
    LAST_SNAPSHOT,
    NotAReplica,
    NotForReplication,
    Replication,
    RolledBack,
    name_in,
    replicate,
)
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.reflog import REFLOG
from cvmfs.publishing.repository import (
    MASTER_REPLICA,
    Repository,
    create_repository,
    repository_at,
    sign_whitelist,
)
from cvmfs.publishing.rollback import rollback
from cvmfs.publishing.rotation import rotate
from cvmfs.publishing.server_status import STATUS, status_time
from cvmfs.reading.reader import open_reader
from cvmfs.storage.local import LocalStorage
from tests.cvmfs.samples import (
    AT,
    FQRN,
    LATER,
    flip_byte,
    publish_tree,
    repository_snapshot,
    snapshot,
)

REQUEST = re.compile(r'"GET /cvmfs/[^/]+/(\S+) HTTP')
DAY = timedelta(days=1)
LATEST = LATER + timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give where the replica is to be."""
    return tmp_path / "replica"


def run(
    source: Path | str,
    folder: Path,
    keys: RepositoryKeys,
    *,
    at: datetime = LATEST,
    is_thorough: bool = False,
) -> Replication:
    """Replicate once."""
    return replicate(
        str(source), LocalStorage(folder), keys.public_key,
        at=at, fqrn=FQRN, jobs=3, is_thorough=is_thorough,
    )  # fmt: skip


def publish_small(repository: Repository, keys: RepositoryKeys, text: str = "small\n") -> None:
    """Publish one small file beside everything that is there."""
    with transaction(repository, keys, at=LATER, message="small") as tx:
        tx.put_bytes(text.encode(), "small/file")


def objects(folder: Path) -> set[str]:
    """Return the objects that are in a folder."""
    return {str(file.relative_to(folder)) for file in folder.glob("data/??/*")}


def assert_sound(folder: Path, keys: RepositoryKeys, *, revision: int | None = None) -> None:
    """Read all of a replica."""
    with open_reader(folder, FQRN, keys.public_key, at=LATEST) as reader:
        report = check(reader)
    assert report.findings == ()
    assert revision in (None, report.revision)


def test_replica_is_the_repository(
    published: Repository, published_tree: Path, folder: Path, keys: RepositoryKeys
) -> None:
    with serving(published.folder) as url:
        done = run(url, folder, keys)

    assert (done.fqrn, done.revision, done.was) == (FQRN, 2, None)
    assert_sound(folder, keys, revision=2)
    with open_reader(folder, FQRN, keys.public_key, at=LATEST) as reader:
        assert repository_snapshot(reader, "odd") == snapshot(published_tree)
    for name in (MANIFEST, ".cvmfswhitelist", REFLOG):
        assert (folder / name).read_bytes() == (published.folder / name).read_bytes()
    assert done.pulled.new_objects + done.pulled.new_catalogs == len(objects(folder))


def test_tagged_revisions_are_replicated(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    with transaction(published, keys, at=LATER, message="remove") as tx:
        tx.remove("odd")
    publish_small(published, keys)

    run(published.folder, folder, keys)

    missing = objects(published.folder) - objects(folder)
    assert {path[-1] for path in missing} == {"H"}  # histories that nothing leads to any more
    assert objects(folder) <= objects(published.folder)


def test_monitors_find_when_it_was_updated(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys, at=datetime(2026, 3, 3, 7, 5, 9, tzinfo=UTC))
    status = json.loads((folder / STATUS).read_text())
    (folder / STATUS).write_text(json.dumps({**status, "last_gc": "then"}))
    run(published.folder, folder, keys, at=datetime(2026, 3, 10, 7, 5, 9, tzinfo=UTC))

    text = "Tue Mar 10 07:05:09 UTC 2026"
    assert json.loads((folder / STATUS).read_text()) == {"last_gc": "then", "last_snapshot": text}
    assert (folder / LAST_SNAPSHOT).read_text() == text + "\n"
    assert status == {"last_snapshot": "Tue Mar  3 07:05:09 UTC 2026"}
    assert status_time(text) == datetime(2026, 3, 10, 7, 5, 9, tzinfo=UTC)
    assert status_time("yesterday") is None
    assert not (folder / MASTER_REPLICA).exists()
    assert not (folder / IS_SNAPSHOTTING).exists()


def test_an_update_asks_for_what_changed_only(
    published: Repository,
    folder: Path,
    keys: RepositoryKeys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "cvmfs.mirroring.serve")
    with serving(published.folder) as url:
        run(url, folder, keys)
        first = asked_for(caplog)
        run(url, folder, keys)
        nothing_new = asked_for(caplog)
        before = objects(folder)
        publish_small(published, keys)
        run(url, folder, keys)
        update = asked_for(caplog)

    signed = [MANIFEST, ".cvmfswhitelist", MASTER_REPLICA, certificate(published)]
    assert len(first) > 15
    assert sorted(nothing_new) == sorted(signed)
    assert sorted(update) == sorted([*signed, REFLOG, *(objects(folder) - before)])
    assert len(objects(folder) - before) == 3  # the file, the root catalog, the history
    assert_sound(folder, keys, revision=3)


def asked_for(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the paths that were asked for since the last time."""
    found = REQUEST.findall("\n".join(record.getMessage() for record in caplog.records))
    caplog.clear()
    return found


def certificate(repository: Repository) -> str:
    return object_path(repository.manifest.certificate, Suffix.CERTIFICATE)


def test_new_whitelist_comes_without_a_new_revision(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)
    sign_whitelist(published, keys, at=LATEST)

    run(published.folder, folder, keys)

    name = ".cvmfswhitelist"
    assert (folder / name).read_bytes() == (published.folder / name).read_bytes()


def test_progress_is_told(published: Repository, folder: Path, keys: RepositoryKeys) -> None:
    told: list[Pulled] = []

    done = replicate(
        str(published.folder), LocalStorage(folder), keys.public_key,
        at=LATEST, fqrn=FQRN, report=told.append,
    )  # fmt: skip

    assert told[-1] == done.pulled
    assert [step.new_bytes for step in told] == sorted(step.new_bytes for step in told)
    assert done.pulled.new_bytes == sum((folder / path).stat().st_size for path in objects(folder))


def test_objects_come_over_several_connections(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    """The first three contents are sent when three are asked for, and not before."""
    meeting = threading.Barrier(3, timeout=20)
    asked: list[str] = []

    class Meeting(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "/data/" in self.path and self.path[-1] not in "CHMX":
                asked.append(self.path)
                if len(asked) <= meeting.parties:
                    meeting.wait()
            super().do_GET()

        def translate_path(self, path: str) -> str:
            return str(published.folder / path.removeprefix(f"/cvmfs/{FQRN}/"))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Meeting) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        run(f"http://127.0.0.1:{server.server_port}/cvmfs/{FQRN}", folder, keys)
        server.shutdown()

    assert not meeting.broken
    assert_sound(folder, keys)


# -- broken off


def test_run_that_is_killed_is_taken_up(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)
    for number in range(30):
        publish_small(published, keys, text=f"{number}\n" * 100)
    fresh = folder.with_name("fresh")
    killed = 0
    for part in range(6):
        for target in (folder, fresh):  # an update, and a first run
            killed += run_and_kill(published.folder, target, keys, after=part * 10)
            if (target / MANIFEST).exists():
                assert_sound(target, keys)

    for target in (folder, fresh):
        run(published.folder, target, keys)
        assert_sound(target, keys, revision=32)
        assert not (target / IS_SNAPSHOTTING).exists()
    assert objects(fresh) < objects(folder)
    assert {path[-1] for path in objects(folder) - objects(fresh)} == {"H"}
    assert killed > 3


def run_and_kill(source: Path, folder: Path, keys: RepositoryKeys, *, after: int) -> bool:
    """Replicate in another process and kill it when so many more objects are there."""
    before = len(objects(folder))
    context = multiprocessing.get_context("fork")
    process = context.Process(target=run, args=(source, folder, keys))
    process.start()
    while process.is_alive() and len(objects(folder)) <= before + after:
        time.sleep(0.001)
    process.kill()
    process.join()
    return process.exitcode != 0


class FailingStorage(LocalStorage):
    """A folder that refuses one change, the one of this number, and all after it."""

    def __init__(self, folder: Path, good: int) -> None:
        super().__init__(folder)
        self.good = good

    def put(self, path: str, content: bytes) -> None:
        self._change(path)
        super().put(path, content)

    def replace(self, path: str, content: bytes) -> None:
        self._change(path)
        super().replace(path, content)

    def swap(self, path: str, old: bytes | None, new: bytes) -> bool:
        self._change(path)
        return super().swap(path, old, new)

    def make_durable(self) -> None:
        self._change("data")
        super().make_durable()

    def _change(self, path: str) -> None:
        if ".lease" not in path:
            self.good -= 1
            if self.good < 0:
                raise RepositoryError(f"no room for {path}")


def test_update_that_fails_at_any_step_leaves_a_whole_revision(
    repository: Repository, tmp_path: Path, folder: Path, keys: RepositoryKeys
) -> None:
    """The reflog is a file of its own: until the next run it may be the newer one."""
    run(repository.folder, folder, keys)
    (tmp_path / "new").mkdir()
    for number in range(9):
        (tmp_path / "new" / f"{number}").write_text(f"{number}\n")
    publish_tree(repository, keys, tmp_path / "new", "new", at=LATER, nest=True)
    publish_small(repository, keys)
    steps, is_done = 0, False
    while not is_done:
        place = tmp_path / f"place {steps}"
        shutil.copytree(folder, place)
        with contextlib.suppress(RepositoryError):
            replicate(
                str(repository.folder), FailingStorage(place, steps), keys.public_key,
                at=LATEST, fqrn=FQRN,
            )  # fmt: skip
            is_done = True
        with open_reader(place, FQRN, keys.public_key, at=LATEST) as reader:
            assert {finding.rule for finding in check(reader).findings} <= {"reflog"}
        run(repository.folder, place, keys)
        assert_sound(place, keys, revision=3)
        steps += 1

    assert steps > 15


def test_what_was_fetched_before_an_error_is_not_fetched_again(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    missing = chunk_of(published)
    content = (published.folder / missing).read_bytes()
    (published.folder / missing).unlink()
    with pytest.raises(NotFound):
        run(published.folder, folder, keys)
    there = objects(folder)

    (published.folder / missing).write_bytes(content)
    done = run(published.folder, folder, keys)

    assert len(there) >= 3  # certificate, metainfo and history come first
    assert done.pulled.new_objects + done.pulled.new_catalogs == len(objects(folder) - there)


def chunk_of(repository: Repository) -> str:
    return min(path for path in objects(repository.folder) if path.endswith("P"))


def test_thorough_run_mends_a_replica(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)
    sound = {path: (folder / path).read_bytes() for path in objects(folder)}
    catalogs = sorted(path for path in sound if path.endswith("C"))
    flip_byte(folder / chunk_of(published))
    flip_byte(folder / catalogs[0])
    (folder / catalogs[1]).unlink()
    (folder / min(path for path in sound if path[-1] not in "CHMPX")).unlink()

    believing = run(published.folder, folder, keys)
    thorough = run(published.folder, folder, keys, is_thorough=True)

    assert believing.pulled == Pulled()
    assert (thorough.pulled.new_objects, thorough.pulled.new_catalogs) == (2, 2)
    assert {path: (folder / path).read_bytes() for path in objects(folder)} == sound


def test_two_runs_at_once_are_refused(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)

    with (
        repository_at(folder, FQRN).locked("collect"),
        pytest.raises(Busy, match=r"cannot replicate: the repository is held by .* to collect"),
    ):
        run(published.folder, folder, keys)


# -- what nobody needs any more


def test_what_the_source_forgot_goes_after_a_while(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    """Objects are as old as their files here: the days of this test lie ahead of the clock's."""
    run(published.folder, folder, keys)
    with transaction(published, keys, at=LATER, message="remove") as tx:
        tx.remove("odd")
    publish_small(published, keys)  # the revision before the newest has a tag of its own
    now = datetime.now(UTC)
    sign_whitelist(published, keys, at=now, valid_days=90)
    collect(published, keys, at=now + 30 * DAY, grace=DAY, rules=Retention(last=1))

    def pruning(days: int) -> Replication:
        return replicate(
            str(published.folder), LocalStorage(folder), keys.public_key,
            at=now + days * DAY, fqrn=FQRN, grace=3 * DAY,
        )  # fmt: skip

    young, old, again = pruning(2), pruning(40), pruning(41)

    assert young.pruned.removed == 0
    assert old.pruned.removed > 10
    assert again.pruned.removed == 0
    assert objects(folder) <= objects(published.folder)
    with open_reader(folder, FQRN, keys.public_key, at=now) as reader:
        assert check(reader).is_sound
    assert json.loads((folder / STATUS).read_text()).keys() == {"last_snapshot", "last_gc"}


# -- refused


def test_source_that_is_no_master_is_refused(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    (published.folder / MASTER_REPLICA).unlink()

    with (
        serving(published.folder) as url,
        pytest.raises(NotForReplication, match=r"not a server for replication: it has no \.cvmfs"),
    ):
        run(url, folder, keys)

    assert not folder.exists()


@pytest.mark.parametrize("which", ["chunk", "file", "catalog"])
def test_damaged_object_is_named_and_the_old_revision_stays(
    published: Repository, tmp_path: Path, folder: Path, keys: RepositoryKeys, which: str
) -> None:
    run(published.folder, folder, keys)
    before = objects(published.folder)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_text("a file\n")
    (tmp_path / "new" / "large").write_bytes(bytes(range(256)) * 20_000)
    publish_tree(published, keys, tmp_path / "new", "new", at=LATER, nest=True)
    kinds = {"chunk": "P", "catalog": "C"}
    new = sorted(objects(published.folder) - before)
    damaged = min(p for p in new if (p[-1] if p[-1] in "CHP" else "") == kinds.get(which, ""))
    flip_byte(published.folder / damaged)

    with pytest.raises(ObjectCorrupted, match=damaged):
        run(published.folder, folder, keys)

    assert_sound(folder, keys, revision=2)
    assert not (folder / IS_SNAPSHOTTING).exists()
    flip_byte(published.folder / damaged)
    run(published.folder, folder, keys)
    assert_sound(folder, keys, revision=3)


def test_object_that_the_source_lacks_is_named(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    missing = chunk_of(published)
    (published.folder / missing).unlink()

    with serving(published.folder) as url, pytest.raises(NotFound, match=f"{missing} is missing"):
        run(url, folder, keys)

    assert not (folder / MANIFEST).exists()


def test_reflog_of_another_revision_is_refused(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    """The source was read between its reflog and its manifest; the same revision once more is no harm."""
    run(published.folder, folder, keys)
    reflog = (published.folder / REFLOG).read_bytes()
    publish_small(published, keys)
    (published.folder / REFLOG).write_bytes(reflog)

    with pytest.raises(
        RepositoryError, match=r"reflog is not the one that the manifest of revision 3"
    ):
        run(published.folder, folder, keys)

    assert_sound(folder, keys, revision=2)


def test_repository_without_a_reflog_is_replicated(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)
    bare = replace(published.manifest, reflog=None, is_collectable=False)
    (published.folder / MANIFEST).write_bytes(sign_manifest(bare, keys.repository_key))
    (published.folder / REFLOG).unlink()

    run(published.folder, folder, keys)

    assert not (folder / REFLOG).exists()
    assert_sound(folder, keys, revision=2)


def test_replica_never_goes_back(
    published: Repository, tmp_path: Path, folder: Path, keys: RepositoryKeys
) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(published.folder, backup)
    publish_small(published, keys)
    run(published.folder, folder, keys)

    with pytest.raises(
        RolledBack, match=r"is of revision 2 and was signed .* the replica has revision 3"
    ):
        run(backup, folder, keys)

    assert_sound(folder, keys, revision=3)


def test_two_revisions_of_one_number_are_refused(
    published: Repository, tmp_path: Path, folder: Path, keys: RepositoryKeys
) -> None:
    shutil.copytree(published.folder, tmp_path / "twin")
    publish_small(repository_at(tmp_path / "twin", FQRN), keys, "another\n")
    publish_small(published, keys)
    run(published.folder, folder, keys)

    with pytest.raises(RolledBack, match="is of another revision 3 than the replica has"):
        run(tmp_path / "twin", folder, keys)


def test_manifest_with_an_older_key_is_refused(
    published: Repository, tmp_path: Path, folder: Path
) -> None:
    """A new key makes no new revision; who has the old one must not bring its manifest back."""
    keys = create_keys(tmp_path / "keys", FQRN, at=AT)
    source = create_repository(tmp_path / "source", keys, at=AT)
    old = (source.folder / MANIFEST).read_bytes()
    rotate(source, tmp_path / "keys", at=LATER)
    run(source.folder, folder, keys)
    new = (folder / MANIFEST).read_bytes()
    (source.folder / MANIFEST).write_bytes(old)

    with pytest.raises(RolledBack, match="is of revision 1 and was signed Sun Mar  1 12:30:15 UTC"):
        run(source.folder, folder, keys)

    assert (folder / MANIFEST).read_bytes() == new


def test_manifest_with_an_older_time_is_refused(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)
    publish_small(published, keys)
    older = replace(published.manifest, published=int(AT.timestamp()) - 1)
    (published.folder / MANIFEST).write_bytes(sign_manifest(older, keys.repository_key))

    with pytest.raises(RolledBack):
        run(published.folder, folder, keys)


def test_rollback_by_its_owner_is_a_new_revision(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    run(published.folder, folder, keys)
    rollback(published, keys, 1, at=LATER)

    run(published.folder, folder, keys)

    assert_sound(folder, keys, revision=3)


def test_wrong_keys_names_and_dates_are_refused(
    published: Repository, folder: Path, keys: RepositoryKeys, other_keys: RepositoryKeys
) -> None:
    storage = LocalStorage(folder)
    source = str(published.folder)

    with pytest.raises(SignatureInvalid):
        replicate(source, storage, other_keys.public_key, at=LATEST, fqrn=FQRN)
    with pytest.raises(WrongRepository):
        replicate(source, storage, keys.public_key, at=LATEST, fqrn="other.example.org")
    with pytest.raises(WhitelistExpired):
        replicate(source, storage, keys.public_key, at=AT + timedelta(days=40), fqrn=FQRN)

    assert not folder.exists()


def test_folder_that_is_something_else_is_refused(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    with pytest.raises(NotAReplica, match="is a Stratum 0, not a replica"):
        run(published.folder, published.folder, keys)

    folder.mkdir()
    (folder / "thesis.tex").touch()
    with pytest.raises(NotAReplica, match=r"it holds thesis\.tex"):
        run(published.folder, folder, keys)

    (folder / "thesis.tex").unlink()
    run(published.folder, folder, keys)
    with pytest.raises(UserError, match=r"is a replica of software\.example\.org, not of other"):
        replicate("/srv/other", LocalStorage(folder), keys.public_key, at=LATEST)


def test_folder_that_cannot_be_written_is_named(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    folder.touch()

    with pytest.raises(RepositoryError, match=f"{folder}/below/\\S+ cannot be made"):
        run(published.folder, folder / "below", keys)


@pytest.mark.parametrize("content", ["[]", "no json", '"text"'])
def test_status_that_somebody_broke_is_written_anew(
    published: Repository, folder: Path, keys: RepositoryKeys, content: str
) -> None:
    folder.mkdir()
    (folder / STATUS).write_text(content)

    run(published.folder, folder, keys)

    assert json.loads((folder / STATUS).read_text()).keys() == {"last_snapshot"}


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_every_hash_algorithm_is_replicated(
    published_tree: Path, tmp_path: Path, folder: Path, keys: RepositoryKeys, algorithm: Algorithm
) -> None:
    source = create_repository(tmp_path / "source", keys, at=AT, algorithm=algorithm)
    publish_tree(source, keys, published_tree, "odd", at=AT, nest=True)

    with serving(source.folder) as url:
        run(url, folder, keys)

    assert_sound(folder, keys, revision=2)
    assert {path[-1] for path in objects(source.folder) - objects(folder)} == {"H"}


def test_what_a_killed_first_run_left_is_no_stranger(
    published: Repository, folder: Path, keys: RepositoryKeys
) -> None:
    (folder / "data").mkdir(parents=True)
    for name in (".publish.lock", "..publish.lease.h4x2", "..cvmfs_status.json.q7k1"):
        (folder / name).touch()

    run(published.folder, folder, keys)

    assert_sound(folder, keys)


def test_name_is_the_end_of_the_address() -> None:
    assert name_in("http://host:8000/cvmfs/software.example.org/") == FQRN
    assert name_in("/srv/cvmfs/software.example.org") == FQRN
