# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from cvmfs.format.hashes import Suffix, hash_of, object_path
from cvmfs.gateway.object_pack import ObjectPack, object_name


def test_header_is_that_of_version_2() -> None:
    pack = ObjectPack()
    pack.add(f"{hash_of(b'one')}P", b"one")
    pack.add(f"{hash_of(b'')}", b"")

    assert pack.header() == (
        b"V2\nS3\nN2\n--\n"
        b"C fe05bcdcdc4928012781a5f1a2a77cbb5398e106P 3\n"
        b"C da39a3ee5e6b4b0d3255bfef95601890afd80709 0\n"
    )
    assert pack.digest() == hash_of(pack.header())
    assert pack.contents() == (b"one", b"")


def test_pack_is_full_at_its_limit() -> None:
    pack = ObjectPack(limit=5)
    pack.add("a", b"1234")
    before = pack.is_full
    pack.add("b", b"5")

    assert (before, pack.is_full) == (False, True)


def test_object_is_called_by_its_whole_hash() -> None:
    content_hash = hash_of(b"one")

    assert object_name(object_path(content_hash, Suffix.CATALOG)) == f"{content_hash}C"
