# SPDX-License-Identifier: BSD-3-Clause
"""The input cache: what has a name in it is whole, and what it says it is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from builder.inputs.cache import InputCache
from core.errors import UserError

CONTENT = b"an input"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> InputCache:
    (tmp_path / "partial").mkdir()
    return InputCache(tmp_path)


def test_a_finished_download_gets_its_name(cache: InputCache) -> None:
    cache.part(SHA256).write_bytes(CONTENT)

    taken = cache.take(cache.part(SHA256), SHA256, name="input")

    assert taken == cache.folder / SHA256[:2] / SHA256
    assert cache.has(SHA256)
    assert not cache.part(SHA256).exists()


def test_another_user_can_read_what_is_kept(cache: InputCache) -> None:
    cache.part(SHA256).touch(mode=0o600)
    cache.part(SHA256).write_bytes(CONTENT)

    taken = cache.take(cache.part(SHA256), SHA256, name="input")

    assert taken.stat().st_mode & 0o777 == 0o644


def test_other_bytes_get_no_name_and_do_not_stay(cache: InputCache) -> None:
    cache.part(SHA256).write_bytes(b"other")

    with pytest.raises(UserError, match=f"expected sha256 {SHA256}"):
        cache.take(cache.part(SHA256), SHA256, name="input")

    assert not cache.has(SHA256)
    assert not cache.part(SHA256).exists()


def test_what_was_not_fetched_is_named(cache: InputCache) -> None:
    with pytest.raises(UserError, match=r"numpy\.whl is not in the input cache") as missing:
        cache.need(SHA256, name="numpy.whl")

    assert missing.value.hint == "run: pansoft fetch"


@pytest.mark.parametrize("damage", [b"", b"an inpux", b"an input and more"])
def test_damage_is_seen_whatever_its_size_and_date(cache: InputCache, damage: bytes) -> None:
    cache.part(SHA256).write_bytes(CONTENT)
    file = cache.take(cache.part(SHA256), SHA256, name="input")
    assert cache.is_whole(SHA256)
    before = file.stat()

    file.write_bytes(damage)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert not cache.is_whole(SHA256)


def test_what_is_not_here_is_not_whole(cache: InputCache) -> None:
    assert not cache.is_whole(SHA256)
