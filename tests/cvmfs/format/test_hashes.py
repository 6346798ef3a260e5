# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import zlib

import pytest

from cvmfs.errors import FormatInvalid
from cvmfs.format.hashes import (
    Algorithm,
    ContentHash,
    Hasher,
    Suffix,
    algorithm_of,
    empty_file,
    from_blob,
    hash_of,
    object_path,
    parse_hash,
    to_blob,
)


def test_empty_file_has_the_hash_that_clients_know() -> None:
    assert empty_file(Algorithm.SHA1) == "e8ec3d88b62ebf526e4e5a4ff6162a3aa48a6b78"
    assert hash_of(zlib.compress(b"", 6)) == empty_file(Algorithm.SHA1)


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [  # of the empty text, as the standards of the algorithms give them
        (Algorithm.SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (Algorithm.RMD160, "9c1185a5c5e9fc54612808977ee8f548b2258d31-rmd160"),
        (Algorithm.SHAKE128, "7f9c2ba4e88f827d616045507605853ed73b8093-shake128"),
    ],
)
def test_a_hash_says_its_algorithm(algorithm: Algorithm, expected: str) -> None:
    content_hash = hash_of(b"", algorithm)

    assert content_hash == expected == parse_hash(expected, where="here")
    assert algorithm_of(content_hash) is algorithm
    assert from_blob(to_blob(content_hash), algorithm) == content_hash
    in_parts = Hasher(b"a", algorithm)
    in_parts.update(b"b")
    assert in_parts.content_hash() == hash_of(b"ab", algorithm)


@pytest.mark.parametrize("text", ["", "a" * 39, "A" * 40, "a" * 40 + "-md5", "a" * 40 + "C"])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(FormatInvalid, match="here"):
        parse_hash(text, where="here")


def test_object_path_has_the_suffix_at_its_end() -> None:
    content_hash = ContentHash("ab" + "0" * 38)

    assert object_path(content_hash, Suffix.CATALOG) == "data/ab/" + "0" * 38 + "C"
