# SPDX-License-Identifier: BSD-3-Clause
"""Garbage collection: what goes, what never does, and what happens when it is stopped.

Objects get the time of the publish that put them, as if that time had been the clock's.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import Busy, UserError
from cvmfs.checking.check import check
from cvmfs.errors import LeaseLost, NotFound, ObjectCorrupted, RepositoryError
from cvmfs.format.entries import Kind
from cvmfs.format.hashes import Algorithm, Suffix, object_path
from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST
from cvmfs.keeping import collect as collecting
from cvmfs.keeping.collect import collect, prune
from cvmfs.keeping.retention import Retention
from cvmfs.mirroring.replicate import replicate
from cvmfs.publishing.lease import break_lease
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.reflog import REFLOG, content_of, decode
from cvmfs.publishing.repository import Repository, create_repository, open_repository
from cvmfs.publishing.rollback import rollback, yank
from cvmfs.publishing.tagging import add_tag, remove_tags
from cvmfs.reading.reader import Reader, pieces
from cvmfs.reading.snapshots import current_snapshot, reader_at
from cvmfs.storage.local import LocalStorage
from cvmfs.storage.places import storage_at
from tests.cvmfs.samples import AT, FQRN, flip_byte, object_file, read

DAY = timedelta(days=1)
START = AT.timestamp() - 1
LAST = Retention(last=1)


def objects(repository: Repository) -> set[str]:
    """Return the objects in the folder."""
    return {
        str(path.relative_to(repository.folder))
        for path in (repository.folder / "data").glob("??/*")
    }


def age(repository: Repository, at: datetime) -> None:
    """Give what was put since the last call the time of the publish."""
    for path in (repository.folder / "data").glob("??/*"):
        if path.stat().st_mtime > 1_790_000_000:
            os.utime(path, (at.timestamp(), at.timestamp()))


def publish(
    repository: Repository, keys: RepositoryKeys, at: datetime, do: Callable[[Transaction], None]
) -> None:
    """Publish as if it were that time."""
    with transaction(repository, keys, at=at) as tx:
        do(tx)
    age(repository, at)


def package(tx: Transaction, number: int) -> None:
    """Put a package with a nested catalog, some content of its own, and some that all have."""
    tx.put_bytes(b"%d" % number * 50, f"packages/p{number}/own")
    tx.put_bytes(b"common" * 20, f"packages/p{number}/common")
    tx.nest(f"packages/p{number}")


@pytest.fixture(scope="module")
def grown_once(tmp_path_factory: pytest.TempPathFactory, keys: RepositoryKeys) -> Repository:
    """Give a repository of six revisions, one a day: packages 0, 1, 2; without 0, without 1."""
    repository = create_repository(tmp_path_factory.mktemp("grown") / "repository", keys, at=AT)
    age(repository, AT)
    for number in range(3):
        publish(repository, keys, AT + (number + 1) * DAY, lambda tx, n=number: package(tx, n))  # type: ignore[misc]
    for number in range(2):
        publish(
            repository,
            keys,
            AT + (number + 4) * DAY,
            lambda tx, n=number: tx.remove(f"packages/p{n}"),  # type: ignore[misc]
        )
    return repository


@pytest.fixture
def grown(grown_once: Repository, tmp_path: Path) -> Repository:
    """Give such a repository of one's own."""
    shutil.copytree(grown_once.folder, tmp_path / "grown")
    return open_repository(tmp_path / "grown", FQRN)


def reachable(repository: Repository, keys: RepositoryKeys) -> set[str]:
    """Return what current revision and tags name, found by reading, not by the collector's way."""
    reader = read(repository, keys)
    manifest = reader.manifest
    assert manifest.history is not None
    assert manifest.metainfo is not None
    found = {
        object_path(manifest.certificate, Suffix.CERTIFICATE),
        object_path(manifest.history, Suffix.HISTORY),
        object_path(manifest.metainfo, Suffix.METAINFO),
        "data/e8/ec3d88b62ebf526e4e5a4ff6162a3aa48a6b78",
    }
    for tag in tags_of(repository):
        old = reader_at(reader, tag)
        found.add(object_path(tag.root_hash, Suffix.CATALOG))
        for entry in old.walk():
            if entry.is_mountpoint:
                nested = old.nested_catalog_with(entry.path)
                found.add(object_path(nested.content_hash, Suffix.CATALOG))
            if entry.kind is Kind.FILE:
                found |= {object_path(name, suffix) for name, suffix, _ in pieces(entry)}
    return found


def assert_sound(repository: Repository, keys: RepositoryKeys) -> None:
    """Hold everything that a tag leads to against every rule, contents included."""
    reader = read(repository, keys)
    assert check(reader).findings == ()
    for tag in tags_of(repository):
        assert check(reader_at(reader, tag)).findings == ()


def test_without_rules_nothing_that_a_tag_leads_to_goes(
    grown: Repository, keys: RepositoryKeys
) -> None:
    assert reachable(grown, keys) < objects(grown), "old histories are there as well"

    done = collect(grown, keys, at=AT + 90 * DAY)

    assert objects(grown) == reachable(grown, keys)
    assert (done.revisions, done.removed_tags) == (6, ())
    assert done.swept.removed == 5
    assert grown.manifest.revision == 6
    assert_sound(grown, keys)


def test_what_only_expired_revisions_reach_goes(grown: Repository, keys: RepositoryKeys) -> None:
    before = objects(grown)

    done = collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    gone = before - objects(grown)
    assert [tag.revision for tag in done.removed_tags] == [1, 2, 3, 4]
    assert done.swept.removed == len(gone)
    assert {tag.revision for tag in tags_of(grown)} == {5, 6}
    assert_sound(grown, keys)
    # the history that the last manifest named stays for the grace period
    extra = objects(grown) - reachable(grown, keys)
    assert {name[-1] for name in extra} == {"H"}
    assert len(extra) == 1
    with pytest.raises(NotFound, match="no tag for revision 2"):
        rollback(grown, keys, 2, at=AT + 91 * DAY)


def test_second_run_has_nothing_to_do(grown: Repository, keys: RepositoryKeys) -> None:
    collect(grown, keys, at=AT + 90 * DAY, rules=LAST)
    before = (objects(grown), grown.manifest)

    done = collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    assert (done.swept.removed, done.removed_tags) == (0, ())
    assert (objects(grown), grown.manifest) == before


@pytest.mark.parametrize("rules", [Retention(), LAST, Retention(daily=3)], ids=str)
@pytest.mark.parametrize("grace", [timedelta(0), 2 * DAY, 40 * DAY], ids=str)
def test_dry_run_is_exact_and_changes_nothing(
    grown: Repository, keys: RepositoryKeys, rules: Retention, grace: timedelta
) -> None:
    at = AT + 8 * DAY
    before = (objects(grown), grown.manifest, content_of(grown.storage))

    foretold = collect(grown, keys, at=at, grace=grace, rules=rules, is_dry_run=True)

    assert (objects(grown), grown.manifest, content_of(grown.storage)) == before
    sizes = {name: (grown.folder / name).stat().st_size for name in before[0]}
    done = collect(grown, keys, at=at, grace=grace, rules=rules)
    gone = before[0] - objects(grown)
    assert foretold.swept == done.swept
    assert foretold.removed_tags == done.removed_tags
    assert foretold.is_dry_run
    assert (done.swept.removed, done.swept.removed_bytes) == (
        len(gone),
        sum(sizes[name] for name in gone),
    )
    assert_sound(grown, keys)


def test_grace_keeps_revisions_that_were_current_lately(
    grown: Repository, keys: RepositoryKeys
) -> None:
    """Revision 4 was published on the 3rd day and was current until the 4th."""
    collect(grown, keys, at=AT + 7 * DAY, grace=3 * DAY, rules=LAST)

    assert {tag.revision for tag in tags_of(grown)} == {5, 6}
    content = content_of(grown.storage)
    assert content is not None
    catalogs = [found for found in decode(content, where="x") if found.type == 0]
    assert len(catalogs) == 3
    for found in catalogs:
        assert object_file(grown, found.content_hash, Suffix.CATALOG).exists()

    collect(grown, keys, at=AT + 7 * DAY + timedelta(hours=1), grace=3 * DAY, rules=LAST)
    content = content_of(grown.storage)
    assert content is not None
    assert len([found for found in decode(content, where="x") if found.type == 0]) == 2


def test_revision_whose_tag_somebody_removed_stays_for_the_grace_period(
    grown: Repository, keys: RepositoryKeys
) -> None:
    add_tag(grown, keys, "pinned", at=AT + 6 * DAY, revision=2)
    collect(grown, keys, at=AT + 90 * DAY, rules=LAST)
    pinned = next(tag for tag in tags_of(grown) if tag.name == "pinned")
    root = object_file(grown, pinned.root_hash, Suffix.CATALOG)
    generic = [tag.name for tag in tags_of(grown) if tag.revision == 2]

    remove_tags(grown, keys, generic, at=AT + 91 * DAY)
    collect(grown, keys, at=AT + 92 * DAY)
    assert root.exists()
    collect(grown, keys, at=AT + 95 * DAY)
    assert not root.exists()
    assert_sound(grown, keys)


def test_young_objects_stay_though_nothing_names_them(
    grown: Repository, keys: RepositoryKeys
) -> None:
    grown.store.put(b"of a publisher that was killed before its manifest", Suffix.FILE)
    grown.storage.make_durable()
    before = objects(grown)
    now = datetime.now(UTC)

    done = collect(grown, keys, at=now)
    assert before - objects(grown) == {name for name in before if name.endswith("H")} - {
        object_path(grown.manifest.history or grown.manifest.root_hash, Suffix.HISTORY)
    }
    assert done.swept.young == 1

    collect(grown, keys, at=now + 4 * DAY)
    assert objects(grown) == reachable(grown, keys)


def test_what_is_no_object_is_left_alone(grown: Repository, keys: RepositoryKeys) -> None:
    strangers = ["data/ab/README", "data/00/" + "0" * 37, "data/00/" + "0" * 38 + "L", "notes"]
    for name in strangers:
        (grown.folder / name).write_text("mine")
        os.utime(grown.folder / name, (START, START))

    collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    assert all((grown.folder / name).exists() for name in strangers)


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_catalog_that_cannot_be_read_stops_it_before_anything_changed(
    grown: Repository, keys: RepositoryKeys, harm: str
) -> None:
    nested = current_snapshot(grown).nested_hash("packages/p2")
    assert nested is not None
    file = object_file(grown, nested, Suffix.CATALOG)
    if harm == "missing":
        file.unlink()
    else:
        flip_byte(file)
    before = (objects(grown), grown.manifest, content_of(grown.storage))

    with pytest.raises((NotFound, ObjectCorrupted), match=nested[2:]):
        collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    assert (objects(grown), grown.manifest, content_of(grown.storage)) == before


def test_publisher_and_collector_shut_one_another_out(
    grown: Repository, keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(grown, keys, at=AT), pytest.raises(Busy, match="to publish"):
        collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    refused = []
    remove = LocalStorage.remove

    def publish_meanwhile(storage: LocalStorage, paths: Iterable[str]) -> None:
        with pytest.raises(Busy, match="to collect garbage"), transaction(grown, keys, at=AT):
            pass
        refused.append(True)
        remove(storage, paths)

    monkeypatch.setattr(LocalStorage, "remove", publish_meanwhile)
    collect(grown, keys, at=AT + 90 * DAY, rules=LAST)
    assert refused


def test_collector_that_lost_its_lease_removes_nothing_more(
    grown: Repository, keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "_BATCH", 1)
    removed: list[str] = []

    def lose(storage: LocalStorage, paths: Iterable[str]) -> None:
        removed.extend(paths)
        break_lease(grown.storage)

    monkeypatch.setattr(LocalStorage, "remove", lose)
    with pytest.raises(LeaseLost):
        collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    assert len(removed) == 1


def test_manifest_differs_after_it_whatever_the_clock_says(
    grown: Repository, keys: RepositoryKeys
) -> None:
    """So a publisher that began before and lost its lease cannot publish over it."""
    before = (grown.folder / MANIFEST).read_bytes()

    done = collect(grown, keys, at=AT + 5 * DAY, grace=timedelta(0))

    assert done.swept.removed
    assert (grown.folder / MANIFEST).read_bytes() != before


def test_status_says_when_and_keeps_what_others_wrote(
    grown: Repository, keys: RepositoryKeys
) -> None:
    file = grown.folder / ".cvmfs_status.json"
    file.write_text('{"last_snapshot": "never"}')

    collect(grown, keys, at=AT)

    assert json.loads(file.read_text()) == {
        "last_gc": "Sun Mar  1 12:30:15 UTC 2026",
        "last_snapshot": "never",
    }


def test_repository_without_a_reflog_is_collected(grown: Repository, keys: RepositoryKeys) -> None:
    (grown.folder / REFLOG).unlink()

    collect(grown, keys, at=AT + 90 * DAY, rules=LAST)

    assert {tag.revision for tag in tags_of(grown)} == {5, 6}
    assert_sound(grown, keys)
    assert content_of(grown.storage) is not None


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_objects_of_every_algorithm_are_collected(
    keys: RepositoryKeys, tmp_path: Path, algorithm: Algorithm
) -> None:
    """The last two revisions are of SHAKE-128, whatever the repository began with."""
    repository = create_repository(tmp_path / "mixed", keys, at=AT, algorithm=algorithm)
    for number in range(4):
        later = None if number < 2 else Algorithm.SHAKE128
        with transaction(repository, keys, at=AT, algorithm=later) as tx:
            tx.put_bytes(b"%d" % number * 30, "a/file")
            tx.nest("a")

    done = collect(repository, keys, at=datetime.now(UTC) + 90 * DAY, rules=LAST)

    assert {tag.revision for tag in tags_of(repository)} == {4, 5}
    assert done.swept.removed > 10
    assert_sound(repository, keys)


def test_keys_of_another_repository_are_refused(
    grown: Repository, other_keys: RepositoryKeys
) -> None:
    with pytest.raises(UserError, match="does not name the certificate"):
        collect(grown, other_keys, at=AT + 90 * DAY)


# -- stopped in the middle

CHANGES = 15
"""So often a collection of the repository above changes its storage, one object at a time."""


def collect_and_stop(
    repository: Repository, keys: RepositoryKeys, change: int, stop: Callable[[], None]
) -> int:
    """Collect, and stop before a change of the storage; return how many there were."""
    count = 0
    storage = repository.storage

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            nonlocal count
            if args[0] != ".publish.lease":
                count += 1
                if count == change:
                    stop()
            return original(*args)

        return call

    for name in ("swap", "replace", "remove"):
        setattr(storage, name, counted(getattr(storage, name)))
    collect(repository, keys, at=AT + 90 * DAY, rules=LAST)
    return count


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every removed object a change of its own."""
    monkeypatch.setattr(collecting, "_BATCH", 1)


def assert_ends_well(repository: Repository, keys: RepositoryKeys, before: set[int]) -> None:
    """Hold a repository whose collection was stopped against everything, then collect it."""
    assert {tag.revision for tag in tags_of(repository)} in (before, {5, 6})
    found = check(read(repository, keys)).findings
    assert {finding.rule for finding in found} <= {"reflog"}
    with repository.locked("mend"):  # the reflog, if it was stopped just before the manifest
        assert_sound(repository, keys)
    collect(repository, keys, at=AT + 90 * DAY, rules=LAST)
    collect(repository, keys, at=AT + 180 * DAY, rules=LAST)
    assert objects(repository) == reachable(repository, keys)
    assert_sound(repository, keys)


@pytest.mark.usefixtures("one_by_one")
def test_undisturbed_collection_has_that_many_changes(
    grown: Repository, keys: RepositoryKeys
) -> None:
    assert collect_and_stop(grown, keys, 0, lambda: None) == CHANGES


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("change", range(1, CHANGES + 1))
def test_killed_anywhere_it_leaves_garbage_and_nothing_else(
    grown: Repository, keys: RepositoryKeys, change: int
) -> None:
    before = {tag.revision for tag in tags_of(grown)}
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            collect_and_stop(grown, keys, change, lambda: os.kill(os.getpid(), signal.SIGKILL))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL

    assert_ends_well(grown, keys, before)


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("change", range(1, CHANGES + 1, 3))
def test_failing_disk_leaves_garbage_and_nothing_else(
    grown: Repository, keys: RepositoryKeys, change: int
) -> None:
    before = {tag.revision for tag in tags_of(grown)}

    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises((OSError, RepositoryError), match="Input/output error"):
        collect_and_stop(open_repository(grown.folder, FQRN), keys, change, fail)

    assert_ends_well(grown, keys, before)


# -- a replica


def test_replica_loses_what_its_source_collected_and_stays_whole(
    grown: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    target = tmp_path / "replica"
    replicate(str(grown.folder), storage_at(target), keys.public_key, at=AT, fqrn=FQRN)
    replica = open_repository(target, FQRN)
    before = objects(replica)
    collect(grown, keys, at=AT + 90 * DAY, rules=LAST)
    replicate(str(grown.folder), storage_at(target), keys.public_key, at=AT, fqrn=FQRN)

    done = prune(replica.storage, replica, at=datetime.now(UTC) + 4 * DAY)

    assert done.swept.removed == len(before - objects(replica))
    assert done.swept.removed > 0
    assert objects(replica) >= reachable(replica, keys)
    assert_sound(replica, keys)


def test_at_no_moment_a_catalog_is_there_without_what_it_reaches(
    repository: Repository, keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replication would take such a catalog for whole."""
    monkeypatch.setattr(collecting, "_BATCH", 1)
    deep = ["a", "a/b", "a/b/c", "a/b/c/d", "e", "e/f"]
    with transaction(repository, keys, at=AT) as tx:
        for path in deep:
            tx.put_bytes(path.encode(), f"{path}/file")
            tx.nest(path)
    tree = current_snapshot(repository)
    reaches: dict[str, set[str]] = {}
    for path in ["", *deep]:
        nested = tree.nested(path)
        assert nested is not None
        catalog = tree.catalog(nested)
        below = {object_path(low.content_hash, Suffix.CATALOG) for low in catalog.nested.values()}
        contents = {object_path(*named) for named in catalog.objects()}
        reaches[object_path(nested.content_hash, Suffix.CATALOG)] = below | contents
    for _ in range(2):
        with transaction(repository, keys, at=AT) as tx:
            tx.put_bytes(b"other" + bytes([repository.manifest.revision]), "other")
            tx.remove("a")
            tx.remove("e")
    remove = LocalStorage.remove

    def watched(storage: LocalStorage, paths: Iterable[str]) -> None:
        remove(storage, paths)
        there = objects(repository)
        for catalog, named in reaches.items():
            assert catalog not in there or named <= there

    monkeypatch.setattr(LocalStorage, "remove", watched)
    collect(repository, keys, at=datetime.now(UTC) + 90 * DAY, rules=LAST)

    assert not set(reaches) & objects(repository)
    assert_sound(repository, keys)


def test_what_a_broken_replication_brought_lately_keeps_what_it_reaches(
    grown: Repository, keys: RepositoryKeys
) -> None:
    """Replication takes a catalog that is there for everything below it, so it must be so."""
    tags = tags_of(grown)
    brought = next(tag for tag in tags if tag.revision == 4)
    old = [tag.name for tag in tags if tag.revision in (2, 3, 4)]
    remove_tags(grown, keys, old, at=AT + 6 * DAY)
    now = datetime.now(UTC)
    file = object_file(grown, brought.root_hash, Suffix.CATALOG)
    os.utime(file, (now.timestamp(), now.timestamp()))

    prune(grown.storage, grown, at=now)
    assert check(reader_at(read(grown, keys), brought)).findings == ()

    prune(grown.storage, grown, at=now + 4 * DAY)
    assert not file.exists()
    assert objects(grown) == reachable(grown, keys)


# -- histories

PLACES = ("a", "a/b", "a/b/c", "d", "d/e")


class History:
    """A repository to which things happen at random, and what each of its revisions held."""

    def __init__(self, repository: Repository, keys: RepositoryKeys, seed: int) -> None:
        self.repository = repository
        self.keys = keys
        self.chance = random.Random(seed)
        self.at = AT
        self.trees: dict[int, dict[str, bytes]] = {}

    def step(self) -> None:
        """Let some time pass and one thing happen; what cannot be does not."""
        self.at += timedelta(hours=self.chance.choice([1, 20, 100]))
        happens = self.chance.choice(
            [self.put, self.put, self.graft, self.remove, self.tag, self.untag, self.back,
             self.yank, self.collect]
        )  # fmt: skip
        with suppress(UserError):
            happens()
        age(self.repository, self.at)

    def check(self) -> None:
        """Hold everything that a tag leads to against the rules and against what it was."""
        reader = read(self.repository, self.keys)
        self.trees.setdefault(reader.revision, contents(reader))
        assert check(reader).findings == ()
        for tag in tags_of(self.repository):
            old = reader_at(reader, tag)
            assert check(old).findings == ()
            assert contents(old) == self.trees[tag.revision]

    def put(self) -> None:
        with transaction(self.repository, self.keys, at=self.at) as tx:
            place = self.chance.choice(PLACES)
            tx.put_bytes(
                b"%d" % self.chance.randrange(6) * 9, f"{place}/{self.chance.choice('xyz')}"
            )
            if self.chance.random() < 0.5:
                tx.nest(place)

    def graft(self) -> None:
        tree = current_snapshot(self.repository)
        with transaction(self.repository, self.keys, at=self.at) as tx:
            tx.graft(tree, self.chance.choice(PLACES), f"{self.chance.choice(PLACES)}/n")

    def remove(self) -> None:
        with transaction(self.repository, self.keys, at=self.at) as tx:
            tx.remove(self.chance.choice(PLACES))

    def tag(self) -> None:
        name = f"tag-{self.chance.choice('abc')}"
        add_tag(self.repository, self.keys, name, at=self.at, revision=self.revision())

    def untag(self) -> None:
        names = [tag.name for tag in tags_of(self.repository) if not tag.is_managed]
        remove_tags(self.repository, self.keys, [self.chance.choice(names)], at=self.at)

    def back(self) -> None:
        rollback(self.repository, self.keys, self.revision(), at=self.at)

    def yank(self) -> None:
        path = self.chance.choice(PLACES)
        yank(self.repository, self.keys, path, self.revision(), at=self.at)

    def collect(self) -> None:
        rules = self.chance.choice([Retention(), LAST, Retention(daily=2)])
        grace = timedelta(hours=self.chance.choice([0, 30]))
        collect(self.repository, self.keys, at=self.at, grace=grace, rules=rules)

    def revision(self) -> int:
        """Return the number of one of the revisions that a tag leads to."""
        return self.chance.choice(sorted({tag.revision for tag in tags_of(self.repository)}))


def contents(reader: Reader) -> dict[str, bytes]:
    """Return all files of a revision."""
    return {
        entry.path: reader.read(entry.path) for entry in reader.walk() if entry.kind is Kind.FILE
    }


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_lose_nothing_that_is_kept(
    repository: Repository, keys: RepositoryKeys, seed: int
) -> None:
    """Publish, copy, remove, tag, untag, go back and collect in any order; every tag keeps its tree."""
    history = History(repository, keys, seed)
    age(repository, AT)
    history.check()

    for _ in range(14):
        history.step()
        history.check()

    collect(repository, keys, at=history.at + 90 * DAY, rules=LAST)
    collect(repository, keys, at=history.at + 180 * DAY, rules=LAST)
    assert objects(repository) == reachable(repository, keys)
