# SPDX-License-Identifier: BSD-3-Clause
"""SIF files that we write: what is in them, always the same bytes, accepted by genuine Apptainer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.images.sif import DataType, PartitionType, SifObject, partition_offsets, write_sif
from core import process
from core.errors import UserError
from trust.signing import sif

IDENTITY = uuid.UUID("6f1d1d0e-5f0b-5a0e-9c55-0d2b8f3f6a11")
EPOCH = 1_700_000_000


@pytest.fixture
def objects(tmp_path: Path) -> tuple[SifObject, ...]:
    """Return the objects of an image of ours; the base is a file, the delta bytes."""
    base = tmp_path / "base.squashfs"
    base.write_bytes(b"hsqs" + bytes(range(256)) * 100)
    return (
        SifObject(DataType.DEFINITION, "plan", b"Bootstrap: pansoft\n"),
        SifObject(DataType.GENERIC_JSON, "plan.json", b'{"name":"x"}'),
        SifObject(DataType.PARTITION, "base", base, PartitionType.PRIMARY_SYSTEM),
        SifObject(DataType.PARTITION, "delta", b"hsqs delta", PartitionType.OVERLAY),
    )


def write(target: Path, objects: tuple[SifObject, ...]) -> Path:
    write_sif(target, objects, identity=IDENTITY, epoch=EPOCH, architecture="amd64")
    return target


@pytest.fixture
def image(tmp_path: Path, objects: tuple[SifObject, ...]) -> Path:
    return write(tmp_path / "image.sif", objects)


def test_what_is_written_is_read_back(image: Path, tmp_path: Path) -> None:
    layout = sif.read(image)

    assert [(item.id, item.kind, item.name, item.partition) for item in layout.objects] == [
        (1, DataType.DEFINITION, "plan", None),
        (2, DataType.GENERIC_JSON, "plan.json", None),
        (3, DataType.PARTITION, "base", PartitionType.PRIMARY_SYSTEM),
        (4, DataType.PARTITION, "delta", PartitionType.OVERLAY),
    ]
    content = image.read_bytes()
    texts = [content[item.offset : item.end] for item in layout.objects]
    assert texts == [
        b"Bootstrap: pansoft\n",
        b'{"name":"x"}',
        (tmp_path / "base.squashfs").read_bytes(),
        b"hsqs delta",
    ]


def test_everything_is_in_one_group_so_that_one_signature_covers_it(image: Path) -> None:
    assert {item.group for item in sif.read(image).objects} == {1}


def test_writing_twice_gives_the_same_bytes(
    tmp_path: Path, objects: tuple[SifObject, ...], image: Path
) -> None:
    assert write(tmp_path / "again.sif", objects).read_bytes() == image.read_bytes()


def test_file_systems_begin_on_pages_and_that_is_where_a_store_cuts(image: Path) -> None:
    offsets = partition_offsets(image)

    assert len(offsets) == 2
    assert all(offset % 4096 == 0 for offset in offsets)
    assert all(image.read_bytes()[offset:].startswith(b"hsqs") for offset in offsets)


def test_a_file_that_is_there_is_not_overwritten(
    image: Path, objects: tuple[SifObject, ...]
) -> None:
    with pytest.raises(FileExistsError):
        write(image, objects)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(lambda content: b"", "is not a SIF file", id="empty"),
        pytest.param(lambda content: b"#!/bin/sh\n" * 9000, "is not a SIF file", id="a script"),
        pytest.param(lambda content: content[:100], "is cut short", id="cut in its header"),
        pytest.param(lambda content: content[:9000], "is cut short", id="cut in its descriptors"),
        pytest.param(lambda content: content[:-1], "is cut short", id="cut in its last object"),
    ],
)
def test_what_is_no_whole_sif_is_refused(
    image: Path, spoil: Callable[[bytes], bytes], message: str
) -> None:
    image.write_bytes(spoil(image.read_bytes()))

    with pytest.raises(UserError, match=message):
        partition_offsets(image)


@pytest.mark.needs("apptainer")
def test_genuine_apptainer_lists_the_objects(image: Path) -> None:
    listed = process.run(["apptainer", "sif", "list", image], reason="list an image").stdout

    rows = [line.split("|") for line in listed.splitlines() if line[:1].isdigit()]
    assert [(row[0].strip(), row[1].strip(), row[4].strip()) for row in rows] == [
        ("1", "1", "Def.FILE"),
        ("2", "1", "JSON.Generic"),
        ("3", "1", "FS (Squashfs/*System/amd64)"),
        ("4", "1", "FS (Squashfs/Overlay/amd64)"),
    ]


@pytest.mark.needs("apptainer")
def test_genuine_apptainer_reads_the_header(image: Path) -> None:
    header = process.run(["apptainer", "sif", "header", image], reason="read a header").stdout

    assert str(IDENTITY) in header
    assert "amd64" in header
    assert "2023-11-14 22:13:20 +0000 UTC" in header


@pytest.mark.needs("apptainer")
def test_genuine_apptainer_takes_an_object_out_unchanged(image: Path, tmp_path: Path) -> None:
    dumped = process.run(["apptainer", "sif", "dump", "3", image], reason="dump an object")

    expected = (tmp_path / "base.squashfs").read_bytes()
    assert dumped.stdout == expected.decode("utf-8", "replace")
