# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cvmfs.errors import NotFound, Unreachable
from cvmfs.format.hashes import Suffix, hash_of, object_path
from cvmfs.gateway.object_pack import ObjectPack
from cvmfs.gateway.storage import PackStorage
from cvmfs.gateway.stratum0 import Stratum0


@contextmanager
def storage(
    folder: Path, submit: Callable[[ObjectPack], None], **settings: int
) -> Iterator[PackStorage]:
    with closing(PackStorage(Stratum0(folder), submit, **settings)) as opened:
        yield opened


def put(target: PackStorage, content: bytes) -> str:
    path = object_path(hash_of(content), Suffix.FILE)
    target.put(path, content)
    return path


def test_packs_leave_full_and_the_rest_at_the_end(tmp_path: Path) -> None:
    taken: list[int] = []
    with storage(tmp_path, lambda pack: taken.append(len(pack)), pack_size=10) as target:
        for number in range(7):
            put(target, b"%05d" % number)
        target.make_durable()

    assert sorted(taken) == [1, 2, 2, 2]


def test_many_threads_may_put(tmp_path: Path) -> None:
    taken: list[bytes] = []
    lock = threading.Lock()

    def submit(pack: ObjectPack) -> None:
        with lock:
            taken.extend(pack.contents())

    contents = [b"%06d" % number for number in range(600)]
    with (
        storage(tmp_path, submit, pack_size=30, in_flight=3) as target,
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda content: put(target, content), contents))
        target.make_durable()

    assert sorted(taken) == contents


def test_pack_that_is_not_taken_stops_the_next_puts(tmp_path: Path) -> None:
    def submit(pack: ObjectPack) -> None:
        raise Unreachable(f"{len(pack)} objects were not taken")

    with storage(tmp_path, submit, pack_size=1, in_flight=1) as target:
        put(target, b"one is on its way")
        with pytest.raises(Unreachable, match="1 objects were not taken"):
            put(target, b"two")


def test_what_was_put_is_sent_before_it_is_read(tmp_path: Path) -> None:
    def submit(pack: ObjectPack) -> None:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(pack.contents()[0])

    with storage(tmp_path, submit) as target:
        path = put(target, b"read again")

        assert target.get(path) == b"read again"


def test_what_was_not_put_is_missing(tmp_path: Path) -> None:
    with storage(tmp_path, lambda _: None) as target, pytest.raises(NotFound):
        target.get("data/ab/cd")


def test_control_files_are_the_gateways(tmp_path: Path) -> None:
    with storage(tmp_path, lambda _: None) as target, pytest.raises(RuntimeError):
        target.replace(".cvmfspublished", b"")
