# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import gzip
import zlib

import pytest

from cvmfs.errors import FormatInvalid
from cvmfs.format.compression import (
    Compression,
    CompressionRules,
    compress,
    compressor,
    decompress,
    worth_compressing,
)


def test_compressed_bytes_are_a_zlib_container_that_others_read() -> None:
    content = b"hello " * 1000

    stored = compress(content)

    assert stored[0] == 0x78
    assert int.from_bytes(stored[:2], "big") % 31 == 0  # RFC 1950, FCHECK
    assert zlib.decompress(stored) == content
    assert decompress(zlib.compress(content), Compression.ZLIB, where="") == content


def test_the_empty_file_is_the_object_of_every_publisher() -> None:
    assert compress(b"") == zlib.compress(b"", 6)


def test_a_stream_is_packed_as_one_piece_is() -> None:
    stream = compressor()

    stored = stream.compress(b"one ") + stream.compress(b"two") + stream.flush()

    assert zlib.decompress(stored) == b"one two"


@pytest.mark.parametrize("cut", [1, 2, 5, 20])
def test_what_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(FormatInvalid, match="data/ab/cd"):
        decompress(compress(b"hello " * 9)[:-cut], Compression.ZLIB, where="data/ab/cd")


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


@pytest.mark.parametrize(
    ("path", "is_compressed"),
    [
        ("images/x.sif", False),
        ("data/raw/scan.h5", False),
        ("data/raw/deeper/scan.h5", False),
        ("data/raw/README.md", True),
        ("data/text.txt", True),
        ("kept/text.gz", True),
    ],
)
def test_patterns_come_before_endings(path: str, is_compressed: bool) -> None:
    rules = CompressionRules(compressed=("kept/*", "*.md"), stored=("data/raw/*",))

    assert rules(path) is is_compressed
