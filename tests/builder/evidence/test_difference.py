# SPDX-License-Identifier: BSD-3-Clause
"""How two images differ is read from the images: what they share, and all that is not the same."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from builder.evidence.difference import (
    Change,
    Difference,
    FileChange,
    How,
    as_json,
    difference,
    text,
)
from builder.evidence.holdings import read_holdings
from builder.images.build_user import build_user
from builder.images.sandbox import scratch_folder
from builder.images.sif import DataType, PartitionType, SifObject, write_sif
from core import process
from core.errors import Refused, UserError

pytestmark = pytest.mark.needs("mksquashfs", "unsquashfs")

SITE = "opt/venv/lib/python3.11/site-packages"
STATUS = "Package: libx\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n"
BASE = {
    "bin": "->usr/bin",
    "usr/bin/tool": "tool",
    "var/lib/dpkg/status": STATUS.format("1.0"),
    "etc/gone": "will be taken away",
    "etc/folder/inside": "will be hidden",
    ".singularity.d/env/10-base.sh": "export LC_ALL=C.UTF-8\n",
}
ONE = {
    "opt/x/same": "the same in both",
    "opt/x/content": "aaaa",
    "opt/x/size": "short",
    "opt/x/only in one [*]": "1",
    "opt/x/link": "->content",
    f"{SITE}/numpy-2.1.dist-info/METADATA": "Name: numpy\nVersion: 2.1\n\nwords",
    ".singularity.d/env/90-environment.sh": "export A='it'\"'\"'s'\nexport B=1\n",
    ".singularity.d/labels.json": '{"version": "1"}',
}
OTHER = {
    "opt/x/same": "the same in both",
    "opt/x/content": "bbbb",
    "opt/x/size": "much longer",
    "opt/x/link": "->size",
    "etc/gone": "whiteout",
    "etc/folder": "whiteout",
    "var/lib/dpkg/status": STATUS.format("1.1"),
    f"{SITE}/numpy-2.2.dist-info/METADATA": "Name: numpy\nVersion: 2.2\n\nwords",
    ".singularity.d/env/90-environment.sh": "export A='it'\"'\"'s'\n",
    ".singularity.d/labels.json": '{"version": "2"}',
}


def packed(folder: Path, name: str, files: Mapping[str, str]) -> Path:
    """Pack a file system; `->` begins a link, `whiteout` is one, made without root's help."""
    tree = folder / f"{name}.tree"
    devices = []
    for path, content in files.items():
        file = tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            file.symlink_to(content[2:])
        elif content == "whiteout":
            devices += ["-p", f"{path} c 644 0 0 0 0"]
        else:
            file.write_text(content)
    squashfs = folder / f"{name}.squashfs"
    fixed = ("-quiet", "-no-progress", "-all-root", "-all-time", "0", "-mkfs-time", "0")
    process.run(["mksquashfs", tree, squashfs, *fixed, *devices], reason="pack a test")
    return squashfs


def image(folder: Path, name: str, *layers: tuple[str, Path]) -> Path:
    file = folder / f"{name}.sif"
    kinds = [PartitionType.PRIMARY_SYSTEM, *[PartitionType.OVERLAY] * (len(layers) - 1)]
    objects = [
        SifObject(DataType.PARTITION, part, squashfs, kind)
        for (part, squashfs), kind in zip(layers, kinds, strict=True)
    ]
    write_sif(file, objects, identity=uuid.UUID(int=1), epoch=0, architecture="amd64")
    return file


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two images of one base: the second changes, adds and takes away."""
    folder = tmp_path_factory.mktemp("images")
    folder.chmod(0o755)
    base = packed(folder, "base", BASE)
    one, other = packed(folder, "one", ONE), packed(folder, "other", OTHER)
    return (
        image(folder, "first", ("base", base), ("delta", one)),
        image(folder, "second", ("base", base), ("delta", other)),
    )


@pytest.fixture
def compare(tmp_path: Path) -> Callable[[Path, Path], Difference]:
    tmp_path.chmod(0o755)

    def compared(one: Path, other: Path) -> Difference:
        user = build_user()
        with scratch_folder(tmp_path / "scratch", user) as scratch:
            first, second = (read_holdings(x, user=user, scratch=scratch) for x in (one, other))
            return difference(first, second, user=user, scratch=scratch)

    return compared


def test_all_that_differs_is_found(
    images: tuple[Path, Path], compare: Callable[[Path, Path], Difference]
) -> None:
    found = compare(*images)

    assert not found.is_none
    assert found.shared == ("base",)
    assert found.changes == (
        Change("package", "deb:libx", "1.0", "1.1"),
        Change("package", "pypi:numpy", "2.1", "2.2"),
        Change("variable", "B", "1", None),
        Change("label", "version", "1", "2"),
    )
    assert [(file.path, file.how, file.why) for file in found.files if "dist-info" not in file.path] == [
        ("/.singularity.d/env/90-environment.sh", How.CHANGED, "content"),
        ("/.singularity.d/labels.json", How.CHANGED, "content"),
        ("/etc/folder", How.REMOVED, "removed"),
        ("/etc/folder/inside", How.REMOVED, "removed"),
        ("/etc/gone", How.REMOVED, "removed"),
        ("/opt/x/content", How.CHANGED, "content"),
        ("/opt/x/link", How.CHANGED, "link to content, now to size"),
        ("/opt/x/only in one [*]", How.REMOVED, "removed"),
        ("/opt/x/size", How.CHANGED, "content"),
        ("/var/lib/dpkg/status", How.CHANGED, "content"),
    ]  # fmt: skip
    assert FileChange("/opt/x/size", How.CHANGED, 5, 11, "content") in found.files


def test_the_other_way_round_it_is_the_other_way_round(
    images: tuple[Path, Path], compare: Callable[[Path, Path], Difference]
) -> None:
    there, back = compare(*images), compare(*reversed(images))
    turned = {How.ADDED: How.REMOVED, How.REMOVED: How.ADDED, How.CHANGED: How.CHANGED}

    assert [(f.path, turned[f.how]) for f in there.files] == [(f.path, f.how) for f in back.files]
    assert [(c.name, c.before, c.after) for c in there.changes] == [
        (c.name, c.after, c.before) for c in back.changes
    ]


def test_an_image_does_not_differ_from_itself(
    images: tuple[Path, Path], compare: Callable[[Path, Path], Difference]
) -> None:
    found = compare(images[0], images[0])

    assert (found.is_none, found.changes, found.files) == (True, (), ())
    assert text(found).endswith("the same, byte for byte")


def test_what_is_packed_otherwise_is_the_same_files_in_another_image(
    images: tuple[Path, Path], compare: Callable[[Path, Path], Difference], tmp_path: Path
) -> None:
    base, one = packed(tmp_path, "base", BASE), packed(tmp_path, "one", ONE)
    again = tmp_path / "again.squashfs"
    process.run(
        ["mksquashfs", tmp_path / "one.tree", again, "-quiet", "-no-progress", "-all-root",
         "-all-time", "0", "-mkfs-time", "0", "-comp", "xz"],
        reason="pack it otherwise",
    )  # fmt: skip
    assert one.read_bytes() != again.read_bytes()

    found = compare(images[0], image(tmp_path, "third", ("base", base), ("delta", again)))

    assert (found.is_none, found.changes, found.files) == (False, (), ())
    assert "files: no different, the order or the packing is" in text(found)


def test_a_difference_is_told_in_words_and_in_json(
    images: tuple[Path, Path], compare: Callable[[Path, Path], Difference]
) -> None:
    found = compare(*images)
    said = text(found, files=3)

    assert "  base: the same, " in said
    assert "  ~ deb:libx 1.0 -> 1.1\n" in said
    assert "  - B 1\n" in said
    assert f"  and {len(found.files) - 3} more; --all shows them" in said
    assert "more; --all" not in text(found, files=None)
    data = json.loads(json.dumps(as_json(found)))
    assert len(data["files"]) == len(found.files)
    assert data["shared_partitions"] == ["base"]


def test_a_file_that_is_no_image_is_refused(
    images: tuple[Path, Path], compare: Callable[[Path, Path], Difference], tmp_path: Path
) -> None:
    odd = tmp_path / "odd.sif"
    odd.write_bytes(os.urandom(9000))
    with pytest.raises(Refused, match="is not a SIF file"):
        compare(images[0], odd)

    write_sif(
        odd.with_name("empty.sif"), [], identity=uuid.UUID(int=1), epoch=0, architecture="amd64"
    )
    with pytest.raises(UserError, match="has no file system in it"):
        compare(images[0], odd.with_name("empty.sif"))
