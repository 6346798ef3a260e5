# SPDX-License-Identifier: BSD-3-Clause
"""The tree of an image: what a program in it sees, made fit for everybody, the same each time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from builder.images.build_user import build_user
from builder.images.tree import tree_of
from builder.images.unpacking.plain import published_mode
from core import process
from core.errors import UserError
from trust.trees import tree_manifest

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "unsquashfs")

PSEUDO = (
    "/gone c 000 0 0 0 0",  # a whiteout: the base's file of this name is not seen
    "/secret m 600 7 7",
    "/setuid m 6755 0 0",
    "/closed m 700 0 0",
    "/sticky m 1777 0 0",
    "/wide m 666 0 0",
    "/pipe i 644 0 0 f",
)


@pytest.fixture(scope="module", name="image")
def _image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an image of a base and a delta that hides, changes and adds."""
    folder = tmp_path_factory.mktemp("image")
    base, delta = folder / "base", folder / "delta"
    for root in (base, delta):
        (root / "usr/bin").mkdir(parents=True)
        (root / "closed").mkdir()
        (root / "sticky").mkdir()
    for name in ("gone", "usr/bin/kept", "usr/bin/changed", "replaced"):
        (base / name).write_text("of the base\n")
    (base / "usr/bin/kept").chmod(0o755)
    (base / "bin").symlink_to("usr/bin")
    (delta / "usr/bin/changed").write_text("of the delta\n")
    (delta / "replaced").mkdir()
    for name in ("secret", "setuid", "wide", "closed/inside", "usr/bin/two\nlines"):
        (delta / name).write_text("new\n")
    sif = folder / "tiny.sif"
    process.run(["apptainer", "sif", "new", sif], reason="make a test image")
    for name, kind in (("base", "2"), ("delta", "4")):
        squashfs = folder / f"{name}.sqfs"
        pseudo = [word for line in PSEUDO if name == "delta" for word in ("-p", line)]
        process.run(
            ["mksquashfs", folder / name, squashfs, "-quiet", "-no-progress", "-all-time", "7",
             *pseudo],
            reason="make a test image",
        )  # fmt: skip
        process.run(
            ["apptainer", "sif", "add", sif, squashfs, "--datatype", "4", "--parttype", kind,
             "--partfs", "1", "--partarch", "2", "--groupid", "1", "--filename", name],
            reason="make a test image",
        )  # fmt: skip
    folder.chmod(0o755)
    sif.chmod(0o755)
    return sif


def lines_of(image: Path, scratch: Path) -> tuple[list[str], dict[str, int]]:
    """Return the lines of the manifest of the image's tree, and the times in it."""
    with tree_of(image, user=build_user(), scratch=scratch) as root:
        lines = [
            tree_manifest.line_of(entry).decode().split(" size=")[0]
            for entry in tree_manifest.scan(root)
        ]
        times = {path: status.st_mtime_ns for path, status in tree_manifest.walk(root)}
        owners = {(s.st_uid, s.st_gid) for _, s in tree_manifest.walk(root)}
        assert owners == {(build_user().uid, build_user().gid)}
        assert (root / "usr/bin/changed").read_text() == "of the delta\n"
        assert (root / "usr/bin/kept").read_text() == "of the base\n"
    assert list(scratch.iterdir()) == []
    return [line.rstrip("\n") for line in lines], times


def test_the_tree_is_what_a_program_in_the_image_sees(image: Path, tmp_path: Path) -> None:
    lines, times = lines_of(image, tmp_path)

    assert lines == [
        ". type=dir mode=0755",
        "./bin type=link mode=0777 link=usr/bin",
        "./closed type=dir mode=0755",
        "./closed/inside type=file mode=0644",
        "./replaced type=dir mode=0755",
        "./secret type=file mode=0644",
        "./setuid type=file mode=0755",
        "./sticky type=dir mode=1777",
        "./usr type=dir mode=0755",
        "./usr/bin type=dir mode=0755",
        "./usr/bin/changed type=file mode=0644",
        "./usr/bin/kept type=file mode=0755",
        "./usr/bin/two\\012lines type=file mode=0644",
        "./wide type=file mode=0644",
    ]
    assert set(times.values()) == {7 * 10**9}


def test_the_same_image_gives_the_same_tree(image: Path, tmp_path: Path) -> None:
    assert lines_of(image, tmp_path) == lines_of(image, tmp_path)


@pytest.mark.parametrize(
    ("mode", "published"),
    [
        (stat.S_IFREG | 0o000, 0o444),
        (stat.S_IFREG | 0o640, 0o644),
        (stat.S_IFREG | 0o4711, 0o755),
        (stat.S_IFREG | 0o1666, 0o644),
        (stat.S_IFDIR | 0o2770, 0o755),
        (stat.S_IFDIR | 0o1777, 0o1777),
        (stat.S_IFDIR | 0o777, 0o755),
    ],
)
def test_everybody_may_read_and_nobody_write(mode: int, published: int) -> None:
    assert published_mode(mode) == published


def test_what_is_no_image_has_no_tree(tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_bytes(os.urandom(64))

    with (
        pytest.raises(UserError, match=r"x\.sif"),
        tree_of(tmp_path / "x.sif", user=build_user(), scratch=tmp_path / "s"),
    ):
        pytest.fail("it has one")
