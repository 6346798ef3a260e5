# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import pansoft
from cvmfs.errors import FormatInvalid
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.xattrs import encode
from cvmfs.mirroring.serve import serving
from cvmfs.mounting import attributes
from cvmfs.mounting.attributes import Mounted
from cvmfs.publishing.repository import Repository
from cvmfs.reading.reader import open_reader
from tests.cvmfs.samples import AT, FQRN, read


@pytest.fixture(name="mounted")
def _mounted(published: Repository, keys: RepositoryKeys) -> Mounted:
    return Mounted(read(published, keys), expires_min=4, io_errors=2, last_io_error=1_700_000_000)


def value(mounted: Mounted, path: str, name: str) -> str | None:
    """Return an attribute as text."""
    found = attributes.value(mounted, mounted.reader.entry(path), name)
    return None if found is None else found.decode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user.fqrn", FQRN),
        ("user.revision", "2"),
        ("user.expires", "4"),
        ("user.nclg", "1"),
        ("user.nioerr", "2"),
        ("user.timestamp_last_ioerr", "1700000000"),
        ("user.proxy", "DIRECT"),
        ("user.ndownload", "0"),
        ("user.rx", "0"),
        ("user.speed", "n/a"),
        ("user.version", pansoft.__version__),
        ("user.none", None),
        ("security.capability", None),
    ],
)
def test_mount_says(mounted: Mounted, name: str, expected: str | None) -> None:
    assert value(mounted, "", name) == expected


def test_mount_is_described_at_any_path_and_listed_at_the_root(mounted: Mounted) -> None:
    root, file = mounted.reader.entry(""), mounted.reader.entry("odd/empty")

    assert value(mounted, "odd/empty", "user.root_hash") == mounted.reader.root_hash
    assert "user.root_hash" in attributes.names(root)
    assert attributes.names(file) == [
        "user.chunk_list", "user.chunks", "user.compression", "user.hash", "user.lhash",
    ]  # fmt: skip


def test_counters_are_those_of_the_repository_and_of_the_catalog(mounted: Mounted) -> None:
    total = mounted.reader.catalog_with("").statistics().total
    lines = (value(mounted, "", "user.repo_counters") or "").splitlines()
    of_catalog = (value(mounted, "odd/linked/one", "user.catalog_counters") or "").splitlines()

    assert lines == sorted(lines)
    assert len(lines) == 12
    assert f"regular,{total.regular}" in lines
    assert (
        of_catalog[0] == f"catalog_hash: {mounted.reader.nested_catalog_with('odd').content_hash}"
    )
    assert of_catalog[1] == "catalog_mountpoint: /odd"
    assert of_catalog[2].startswith("chunked,")


def test_chunks_are_listed_with_hash_offset_and_size(mounted: Mounted) -> None:
    entry = mounted.reader.entry("odd/large.bin")
    text = value(mounted, "odd/large.bin", "user.chunk_list") or ""

    assert text.splitlines() == [
        "hash,offset,size",
        *(f"{c.content_hash},{c.piece.offset},{c.piece.size}" for c in entry.chunks),
    ]
    assert value(mounted, "odd/large.bin", "user.chunks") == str(len(entry.chunks))
    assert value(mounted, "odd/large.bin", "user.hash") is None
    assert value(mounted, "odd/large.bin", "user.compression") == "zlib"


def test_long_list_of_chunks_comes_in_pages(mounted: Mounted) -> None:
    entry = mounted.reader.entry("odd/large.bin")
    chunk = entry.chunks[0]
    many = replace(entry, chunks=(chunk,) * 2000)
    first, count, *rest = (
        (attributes.value(mounted, many, f"user.chunk_list{page}") or b"").decode()
        for page in ("", "~?", "~0", "~1", "~2", "~3")
    )

    assert count == f"num_pages, {sum(bool(page) for page in rest)}"
    assert first == rest[0]
    assert all(len(page) < 41_000 for page in rest)
    assert all(page.startswith("hash,offset,size\n") for page in rest if page)
    assert sum(max(page.count("\n") - 1, 0) for page in rest) == 2000
    assert attributes.value(mounted, many, "user.chunk_list~9") is None
    assert attributes.value(mounted, many, "user.chunk_list~x") is None


def test_file_of_one_object_is_its_own_chunk(mounted: Mounted) -> None:
    entry = mounted.reader.entry("odd/script.sh")

    assert value(mounted, "odd/script.sh", "user.chunk_list") == (
        f"hash,offset,size\n{entry.content_hash},0,{entry.size}\n"
    )
    assert value(mounted, "odd/script.sh", "user.lhash") == entry.content_hash


def test_metainfo_is_the_text_that_was_published(mounted: Mounted) -> None:
    assert isinstance(json.loads(value(mounted, "", "user.repo_metainfo") or ""), dict)
    nothing = replace(mounted.reader.manifest, metainfo=None)
    mounted.reader.manifest = nothing
    assert value(mounted, "", "user.repo_metainfo") == "metainfo not available"


def test_link_shows_its_target_as_it_is_written(mounted: Mounted) -> None:
    assert value(mounted, "odd/link", "user.rawlink") == "with spaces/a b.txt"
    assert value(mounted, "odd/link", "xfsroot.rawlink") == "with spaces/a b.txt"
    assert value(mounted, "odd/empty", "user.rawlink") is None


def test_own_attributes_give_way_to_those_of_the_mount(mounted: Mounted) -> None:
    entry = replace(
        mounted.reader.entry("odd/empty"),
        xattr=encode({"user.mine": b"\xff", "user.chunks": b"many", "security.capability": b"x"}),
    )

    assert attributes.value(mounted, entry, "user.mine") == b"\xff"
    assert attributes.value(mounted, entry, "user.chunks") == b"1"
    assert {"user.mine", "security.capability"} < set(attributes.names(entry))


def test_damaged_attributes_are_not_shown(mounted: Mounted) -> None:
    entry = replace(mounted.reader.entry("odd/empty"), xattr=b"\x01\x05x")

    with pytest.raises(FormatInvalid):
        attributes.names(entry)


def test_servers_and_traffic_are_shown(
    published: Repository, keys: RepositoryKeys, tmp_path: Path
) -> None:
    with serving(published.folder) as url:
        hosts = [url, "http://127.0.0.1:9/cvmfs/x"]
        reader = open_reader(hosts, FQRN, keys.public_key, tmp_path / "cache", at=AT)
        mounted = Mounted(reader)
        before = value(mounted, "odd/script.sh", "user.lhash")
        reader.read("odd/script.sh")

        assert before == "Not in cache"
        assert (
            value(mounted, "odd/script.sh", "user.lhash")
            == reader.entry("odd/script.sh").content_hash
        )
        assert value(mounted, "", "user.host") == url
        assert value(mounted, "", "user.host_list") == ";".join(hosts)
        assert value(mounted, "", "user.ndownload") == "6"
        reader.close()
