# SPDX-License-Identifier: BSD-3-Clause
"""One publisher at a time: who holds a repository, who has to wait, and who has lost it."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Busy
from cvmfs.checking.check import check
from cvmfs.errors import LeaseLost, RepositoryError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing import lease as leases
from cvmfs.publishing.lease import LEASE, Holder, Lease, break_lease, holder_of, leased
from cvmfs.publishing.publish import Transaction, transaction
from cvmfs.publishing.repository import Repository, repository_at
from cvmfs.storage.local import LocalStorage
from tests.cvmfs.samples import AT, FQRN, LATER, read


@contextmanager
def from_elsewhere(storage: LocalStorage, *, wait_s: float = 0.0) -> Iterator[Lease]:
    """Hold the lease as a machine does that shares the storage and not the lock file."""
    with leased(storage, storage.folder / "other.lock", purpose="tidy", wait_s=wait_s) as lease:
        yield lease


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    """Give a storage with nothing in it."""
    storage = LocalStorage(tmp_path / "storage")
    storage.prepare()
    return storage


def held_by_another(storage: LocalStorage, *, for_s: float) -> Holder:
    """Write the lease of a process of another machine, and return what it says."""
    with from_elsewhere(storage):
        holder = holder_of(storage)
    assert holder is not None
    other = replace(holder, machine="another", owner="anna@build7", expires=time.time() + for_s)
    storage.replace(LEASE, other.encode())
    return other


def test_lease_is_held_and_given_back(storage: LocalStorage) -> None:
    assert holder_of(storage) is None

    with from_elsewhere(storage):
        holder = holder_of(storage)

    assert holder is not None
    assert (holder.pid, holder.purpose) == (os.getpid(), "tidy")
    assert holder_of(storage) is None


def test_lease_is_given_back_after_an_exception(storage: LocalStorage) -> None:
    with pytest.raises(ZeroDivisionError), from_elsewhere(storage):
        raise ZeroDivisionError

    assert holder_of(storage) is None


def test_live_lease_says_who_holds_it_and_how_to_break_it(
    repository: Repository, keys: RepositoryKeys
) -> None:
    assert isinstance(repository.storage, LocalStorage)
    held_by_another(repository.storage, for_s=30)

    with (
        pytest.raises(Busy, match=r"cannot publish: .* anna@build7, process \d+, to tidy") as busy,
        transaction(repository, keys, at=AT),
    ):
        pass

    assert "pansoft repo unlock --force" in str(busy.value.hint)


def test_publisher_of_the_same_machine_is_named_as_well(
    repository: Repository, keys: RepositoryKeys
) -> None:
    with (
        repository.locked("gather"),
        pytest.raises(Busy, match=f"process {os.getpid()}, to gather"),
        transaction(repository_at(repository.folder, FQRN), keys, at=AT),
    ):
        pass


def test_lease_that_ended_is_explained_and_taken_over(
    storage: LocalStorage, caplog: pytest.LogCaptureFixture
) -> None:
    held_by_another(storage, for_s=-1)

    with caplog.at_level(logging.WARNING), from_elsewhere(storage) as lease:
        assert lease.took_over

    [sentence] = caplog.messages
    assert "anna@build7" in sentence
    assert "was not renewed: taken over" in sentence


_DIES = """
import os, signal, sys
from pathlib import Path
from cvmfs.publishing.lease import leased
from cvmfs.storage.local import LocalStorage
with leased(LocalStorage(Path(sys.argv[1])), Path(sys.argv[1], "other.lock"), purpose="die"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_lease_of_a_process_that_was_killed_is_taken_over_at_once(
    storage: LocalStorage, caplog: pytest.LogCaptureFixture
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", _DIES, storage.folder],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert killed.returncode == -signal.SIGKILL
    left = holder_of(storage)
    assert left is not None
    assert left.is_dead

    with caplog.at_level(logging.WARNING), from_elsewhere(storage):
        pass

    assert "its process is gone: taken over" in caplog.text


def test_who_waits_gets_the_lease_when_it_is_free(
    storage: LocalStorage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_LOOK_EVERY_S", 0.01)
    other = held_by_another(storage, for_s=30)
    free = threading.Timer(0.1, storage.replace, (LEASE, leases._FREE))
    free.start()

    with caplog.at_level(logging.WARNING), from_elsewhere(storage, wait_s=30) as lease:
        lease.confirm()

    free.join()
    assert caplog.messages == [
        f"cannot tidy: the repository is held by {other}, "
        f"for now until {leases._time(other.expires)}; waiting for it to end"
    ]


def test_waiting_ends(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_LOOK_EVERY_S", 0.01)
    held_by_another(storage, for_s=30)

    with pytest.raises(Busy), from_elsewhere(storage, wait_s=0.05):
        pass


def test_lease_is_renewed_while_its_holder_works(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEW_EVERY_S", 0.01)
    with from_elsewhere(storage):
        first = holder_of(storage)
        assert first is not None
        while (now := holder_of(storage)) == first:
            time.sleep(0.01)

    assert now is not None
    assert now == replace(first, expires=now.expires)
    assert now.expires > first.expires


def test_of_several_at_once_one_gets_it(storage: LocalStorage) -> None:
    start, hold = threading.Barrier(6), threading.Barrier(6)
    got: list[bool] = []

    def attempt(number: int) -> None:
        start.wait()
        try:
            with leased(storage, storage.folder / f"{number}.lock", purpose="win"):
                hold.wait()
                got.append(True)
        except Busy:
            hold.wait()

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got == [True]


def test_publisher_that_lost_its_lease_publishes_nothing(
    repository: Repository, keys: RepositoryKeys
) -> None:
    assert isinstance(repository.storage, LocalStorage)
    with (
        pytest.raises(LeaseLost, match=r"anna@build7.* took it over; nothing was published"),
        transaction(repository, keys, at=LATER) as tx,
    ):
        _put_and_lose(tx, repository.storage)

    assert read(repository, keys).revision == 1


def _put_and_lose(tx: Transaction, storage: LocalStorage) -> None:
    tx.put_bytes(b"late\n", "late")
    break_lease(storage)
    held_by_another(storage, for_s=30)


def test_publisher_that_slept_while_another_published_is_shut_out(
    repository: Repository, keys: RepositoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease looks good for the moment between the last look and the swap: the manifest does not."""
    monkeypatch.setattr(leases.Lease, "confirm", lambda _: None)
    with (
        pytest.raises(LeaseLost, match="was changed while we were to publish"),
        transaction(repository, keys, at=LATER) as tx,
    ):
        _put_and_sleep(tx, repository, keys)

    with repository.locked("look"):  # the reflog was replaced before the manifest was refused
        pass
    reader = read(repository, keys)
    assert reader.revision == 2
    assert [entry.path for entry in reader.listdir("")] == ["quick"]
    assert check(reader).findings == ()


def _put_and_sleep(tx: Transaction, repository: Repository, keys: RepositoryKeys) -> None:
    tx.put_bytes(b"slow\n", "slow")
    _publish_from_elsewhere(repository, keys)


def _publish_from_elsewhere(repository: Repository, keys: RepositoryKeys) -> None:
    (repository.folder / ".publish.lock").rename(repository.folder / "not-shared.lock")
    break_lease(repository.storage)
    elsewhere = repository_at(
        repository.folder, FQRN, scratch=repository.folder.with_name("scratch")
    )
    with transaction(elsewhere, keys, at=LATER) as tx:
        tx.put_bytes(b"quick\n", "quick")


def test_what_is_no_lease_is_refused_and_can_be_broken(storage: LocalStorage) -> None:
    storage.replace(LEASE, b'{"schema": 1, "owner": 7}')
    with pytest.raises(RepositoryError, match=r"publish\.lease is not a lease"):
        holder_of(storage)

    assert break_lease(storage) is None

    assert holder_of(storage) is None


def test_broken_lease_says_whose_it_was(storage: LocalStorage) -> None:
    other = held_by_another(storage, for_s=30)

    assert break_lease(storage) == other

    assert holder_of(storage) is None
    assert break_lease(storage) is None


def test_place_without_locks_is_named(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("core.files.fcntl.flock", no_locks)

    with (
        pytest.raises(RepositoryError, match="without locks: No locks available") as refused,
        from_elsewhere(storage),
    ):
        pass

    assert "NFS" in str(refused.value.hint)
