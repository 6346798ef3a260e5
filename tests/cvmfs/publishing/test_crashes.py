# SPDX-License-Identifier: BSD-3-Clause
"""Kills, failing disks and power cuts at any moment: the old revision or the new one, and the next run mends.

After each of them the repository is read from its public key upward, every revision that its tags and reflog
lead to is checked with all contents, and its tree is the one before or the one after.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.errors import UserError
from cvmfs.checking.check import check
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing import lease as leases
from cvmfs.publishing.lease import holder_of
from cvmfs.publishing.repository import Repository, create_repository, repository_at
from cvmfs.reading.reader import open_reader
from cvmfs.storage.trouble import in_words
from tests.cvmfs.crashing import STEPS, Crasher, crasher, now, tree
from tests.cvmfs.failing import FailingStorage
from tests.cvmfs.power import Disk, PowerLost
from tests.cvmfs.samples import FQRN

KILLS = 25
SEEDS = range(8)
ROUNDS = 30


@dataclass(frozen=True)
class State:
    """What a reader sees of a repository."""

    revision: int
    tree: dict[str, bytes]


def state_of(folder: Path, keys: RepositoryKeys) -> State:
    """Return what a repository shows, once all of it is found sound.

    The reflog may be one publish ahead of the manifest: no reader looks at it, and the next one mends it.
    """
    with open_reader(folder, FQRN, keys.public_key, at=now()) as reader:
        report = check(reader, all_revisions=True)
        assert [str(found) for found in report.findings if found.rule != "reflog"] == []
        return State(reader.revision, tree(reader))


def is_clean(folder: Path) -> bool:
    """Return whether nothing is left of those who died, and nobody holds the repository."""
    left = [*(folder / "data" / "txn").iterdir(), *folder.glob("..*")]
    return not left and holder_of(repository_at(folder, FQRN).storage) is None


def calls_of(step: str, folder: Path, keys: RepositoryKeys, number: int) -> int:
    """Do a step on a copy and return how many calls of the storage it takes."""
    copy = folder.with_name("counted")
    shutil.copytree(folder, copy)
    opened = repository_at(copy, FQRN)
    storage = FailingStorage(opened.storage, 0, lambda: None)
    STEPS[step](replace(opened, storage=storage), keys, number)
    shutil.rmtree(copy)
    return storage.calls


@pytest.fixture(scope="module")
def dying(keys: RepositoryKeys) -> Iterator[Crasher]:
    """Give a process whose children die."""
    with crasher(keys) as running:
        yield running


@pytest.fixture
def begun(tmp_path: Path, keys: RepositoryKeys) -> Repository:
    """Give a repository with a few revisions, one of them named."""
    repository = create_repository(tmp_path / "repository", keys, at=now())
    for number in range(3):
        STEPS["publish"](repository, keys, number)
    STEPS["tag"](repository, keys, 0)
    return repository


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_anywhere_it_is_the_old_revision_or_the_new_one(
    seed: int, begun: Repository, keys: RepositoryKeys, dying: Crasher
) -> None:
    chance = random.Random(seed)
    folder, kills, number = begun.folder, 0, 2
    before = state_of(folder, keys)
    calls: dict[str, int] = {}
    while kills < KILLS:
        number += 1
        step = chance.choice(
            ("publish", "publish", "publish", "roll_back", "tag", "resign", "clean")
        )
        if step not in calls:
            calls[step] = calls_of(step, folder, keys, number)
        was_killed = dying.kill(folder, step, number, chance.randint(1, calls[step]))
        kills += was_killed
        after = state_of(folder, keys)
        assert after.revision - before.revision in (0, 1)
        if after.revision == before.revision:
            assert after == before
        elif step == "publish":
            assert after.tree["number"] == b"%d\n" % number
        before = after

    STEPS["publish"](begun, keys, number + 1)
    STEPS["clean"](begun, keys, number + 1)
    assert state_of(folder, keys).tree["number"] == b"%d\n" % (number + 1)
    with open_reader(folder, FQRN, keys.public_key, at=now()) as reader:
        assert check(reader, all_revisions=True).findings == ()
    assert is_clean(folder)


def test_publishes_with_kills_between_end_where_one_without_would(
    begun: Repository, keys: RepositoryKeys, dying: Crasher, tmp_path: Path
) -> None:
    chance = random.Random(2026)
    undisturbed = create_repository(tmp_path / "undisturbed", keys, at=now())
    for number in range(3):
        STEPS["publish"](undisturbed, keys, number)
    calls = calls_of("publish", begun.folder, keys, 3)

    for number in range(3, 3 + ROUNDS):
        while dying.kill(begun.folder, "publish", number, chance.randint(1, calls * 2)):
            pass
        STEPS["publish"](undisturbed, keys, number)

    assert state_of(begun.folder, keys).tree == state_of(undisturbed.folder, keys).tree
    assert is_clean(begun.folder)


@pytest.mark.parametrize(
    ("step", "number", "every"),
    [("publish", errno.ENOSPC, 1), *((step, errno.EIO, 7) for step in STEPS)],
)
def test_disk_that_fails_anywhere_is_an_error_and_no_damage(
    step: str, number: int, every: int, begun: Repository, keys: RepositoryKeys
) -> None:
    """A full disk at every call of a publish; one that is broken at some of every step."""

    def fail() -> None:
        raise in_words(OSError(number, os.strerror(number), "/the/disk"), begun.folder)

    pristine = begun.folder.with_name("pristine")
    begun.folder.rename(pristine)
    calls = calls_of(step, pristine, keys, 3)
    before = state_of(pristine, keys)
    for call in range(1, calls + 1, every):
        shutil.rmtree(begun.folder, ignore_errors=True)
        shutil.copytree(pristine, begun.folder)
        storage = FailingStorage(repository_at(begun.folder, FQRN).storage, call, fail)
        with suppress(UserError):
            STEPS[step](replace(begun, storage=storage), keys, 3)

        assert state_of(begun.folder, keys).revision - before.revision in (0, 1)

    STEPS["publish"](repository_at(begun.folder, FQRN), keys, 4)
    assert state_of(begun.folder, keys).tree["number"] == b"4\n"
    assert is_clean(begun.folder)


@pytest.mark.parametrize(
    ("step", "seed"), [("publish", 0), ("publish", 1), ("tag", 2), ("clean", 3)]
)
def test_power_cut_anywhere_leaves_the_old_revision_or_the_new_one(
    step: str, seed: int, begun: Repository, keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_S", -1.0)  # after a power cut so much time has passed
    pristine = begun.folder.with_name("pristine")
    begun.folder.rename(pristine)
    before = state_of(pristine, keys)
    chance = random.Random(seed)
    at = 0
    while True:
        at += chance.randint(1, 4)
        shutil.rmtree(begun.folder, ignore_errors=True)
        shutil.copytree(pristine, begun.folder)
        after = begun.folder.with_name("after")
        shutil.rmtree(after, ignore_errors=True)
        disk = Disk(begun.folder, after, at, chance)
        opened = repository_at(begun.folder, FQRN)
        with disk.watched(monkeypatch), suppress(PowerLost):
            STEPS[step](opened, keys, 3)
            break

        assert state_of(after, keys).revision - before.revision in (0, 1)
        STEPS["publish"](repository_at(after, FQRN), keys, 3)
        found = state_of(after, keys)
        assert found.tree["number"] == b"3\n"
        assert is_clean(after)
    assert at > 10
