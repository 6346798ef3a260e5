# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import zlib

from cvmfs.hashes import EMPTY_FILE, ContentHash, Suffix, hash_of, object_path


def test_empty_file_has_the_hash_that_clients_know() -> None:
    assert hash_of(zlib.compress(b"", 6)) == EMPTY_FILE


def test_object_path_has_the_suffix_at_its_end() -> None:
    content_hash = ContentHash("ab" + "0" * 38)

    assert object_path(content_hash, Suffix.CATALOG) == "data/ab/" + "0" * 38 + "C"
