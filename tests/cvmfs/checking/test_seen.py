# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from cvmfs.checking.seen import SeenObjects
from cvmfs.format.hashes import Algorithm, Suffix, hash_of


def test_an_object_is_new_once_in_each_use() -> None:
    seen = SeenObjects()
    one = hash_of(b"one")

    assert [seen.add(one, Suffix.FILE) for _ in range(2)] == [True, False]
    assert seen.add(one, Suffix.CHUNK)
    assert seen.add(one, Suffix.FILE, "in another use")
    assert seen.add(hash_of(b"one", Algorithm.RMD160), Suffix.FILE)
    seen.close()


def test_an_object_that_was_seen_in_a_use_only_is_not_seen_as_such() -> None:
    seen = SeenObjects()
    seen.add(hash_of(b"one"), Suffix.FILE, "use")

    assert not seen.has(hash_of(b"one"), Suffix.FILE)
    seen.add(hash_of(b"one"), Suffix.FILE)
    assert seen.has(hash_of(b"one"), Suffix.FILE)
    seen.close()
