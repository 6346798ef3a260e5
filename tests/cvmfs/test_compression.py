# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import gzip

import pytest

from cvmfs.compression import Compression, compress, decompress, worth_compressing
from cvmfs.errors import FormatInvalid


def test_compressed_bytes_are_a_zlib_container_of_the_default_level() -> None:
    assert compress(b"hello")[:2] == b"\x78\x9c"


def test_gzip_is_refused_as_clients_refuse_it() -> None:
    with pytest.raises(FormatInvalid, match="data/ab/cd"):
        decompress(gzip.compress(b"hello"), Compression.ZLIB, where="data/ab/cd")


@pytest.mark.parametrize(
    ("path", "is_worth_it"),
    [
        ("images/x/x.sif", False),
        ("a/pic.PNG", False),
        ("x.tar.gz", False),
        ("sif", True),
        ("a.txt", True),
    ],
)
def test_compressed_formats_are_not_compressed_again(path: str, is_worth_it: bool) -> None:
    assert worth_compressing(path) is is_worth_it
