# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from cvmfs.format.hashes import ContentHash, Suffix, hash_of
from cvmfs.reading.cache import ObjectCache

SIZE = 10_000


def content(number: int) -> bytes:
    """Return an object of its own."""
    return number.to_bytes(4, "big") * (SIZE // 4)


def put(cache: ObjectCache, number: int, suffix: Suffix = Suffix.CHUNK) -> ContentHash:
    """Put one, as used that many seconds after the first: used times have to differ."""
    content_hash = hash_of(content(number))
    cache.put(content_hash, suffix, content(number))
    path = cache.path(content_hash, suffix)
    if path.exists():
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
    return content_hash


def size_of(cache: ObjectCache) -> int:
    """Return how many bytes the objects of a cache have."""
    return sum(path.stat().st_size for path in cache.folder.glob("??/[!.]*"))


def test_what_was_put_is_there(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path / "cache")

    content_hash = put(cache, 1)

    assert cache.get(content_hash, Suffix.CHUNK) == content(1)
    assert cache.get(content_hash, Suffix.FILE) is None


def test_damaged_object_is_not_given_and_goes(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path)
    content_hash = put(cache, 1)
    cache.path(content_hash, Suffix.CHUNK).write_bytes(b"damaged")

    assert cache.get(content_hash, Suffix.CHUNK) is None
    assert not cache.has(content_hash, Suffix.CHUNK)


def test_quota_is_kept_and_what_was_used_least_lately_goes(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 10 * SIZE)
    hashes = []
    for number in range(25):
        hashes.append(put(cache, number))
        assert size_of(cache) <= 10 * SIZE
        assert cache.get(hashes[0], Suffix.CHUNK) == content(0)  # used again and again

    kept = [number for number in range(25) if cache.has(hashes[number], Suffix.CHUNK)]
    assert kept[0] == 0
    assert kept[1:] == list(range(25 - len(kept) + 1, 25))


def test_catalogs_go_last(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 10 * SIZE)
    catalog = put(cache, 0, Suffix.CATALOG)

    for number in range(1, 30):
        put(cache, number)

    assert cache.has(catalog, Suffix.CATALOG)


def test_pinned_catalog_stays_until_it_is_let_go(tmp_path: Path) -> None:
    cache, other = ObjectCache(tmp_path, 10 * SIZE), ObjectCache(tmp_path, 10 * SIZE)
    pinned = put(cache, 0, Suffix.CATALOG)
    pin = cache.pin(pinned, Suffix.CATALOG)
    assert pin is not None

    for number in range(1, 30):
        put(other, number, Suffix.CATALOG)
    was_there = cache.has(pinned, Suffix.CATALOG)
    pin.release()
    for number in range(30, 60):
        put(other, number, Suffix.CATALOG)

    assert was_there
    assert not cache.has(pinned, Suffix.CATALOG)
    assert cache.pin(pinned, Suffix.CATALOG) is None


def test_object_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, SIZE)

    content_hash = put(cache, 1)

    assert cache.get(content_hash, Suffix.CHUNK) is None


def test_cache_that_grew_without_a_quota_is_cut_down(tmp_path: Path) -> None:
    for number in range(30):
        put(ObjectCache(tmp_path), number)

    put(ObjectCache(tmp_path, 10 * SIZE), 30)

    assert size_of(ObjectCache(tmp_path)) <= 10 * SIZE


def test_cache_that_cannot_be_written_is_no_reason_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")

    put(ObjectCache(tmp_path / "cache", 10 * SIZE), 1)

    assert "cannot keep an object in the cache" in caplog.text


def test_unfinished_files_of_killed_processes_go(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 2 * SIZE)
    path = cache.path(put(cache, 1), Suffix.CHUNK)
    left = path.with_name(f".{path.name}.1234.5678")
    left.write_bytes(b"half")
    os.utime(left, (0, 0))

    put(cache, 2)
    put(cache, 3)

    assert not left.exists()


def test_processes_share_a_cache_and_may_be_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(tmp_path, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    _wait_for_objects(tmp_path)
    assert workers[0].pid is not None
    os.kill(workers[0].pid, signal.SIGKILL)
    for worker in workers:
        worker.join()

    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, 0, 0]
    put(ObjectCache(tmp_path, 20 * SIZE), 10_000)
    assert size_of(ObjectCache(tmp_path)) <= 20 * SIZE
    for path in tmp_path.glob("??/[!.]*"):
        whole = path.parent.name + path.name.removesuffix(Suffix.CHUNK)
        assert hash_of(path.read_bytes()) == whole


def _work(folder: Path, seed: int) -> None:
    """Put and get for a while; the first process goes on until it is killed."""
    cache = ObjectCache(folder, 20 * SIZE)
    for number in range(400 if seed else 1_000_000):
        wanted = content(number * 7 % 60)
        content_hash = hash_of(wanted)
        found = cache.get(content_hash, Suffix.CHUNK)
        assert found in (None, wanted)
        if found is None:
            cache.put(content_hash, Suffix.CHUNK, wanted)


def _wait_for_objects(folder: Path) -> None:
    end = time.monotonic() + 60
    while size_of(ObjectCache(folder)) < 15 * SIZE:
        assert time.monotonic() < end, "no object came"
        time.sleep(0.02)
