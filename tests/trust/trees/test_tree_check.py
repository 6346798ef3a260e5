# SPDX-License-Identifier: BSD-3-Clause
"""A tree against its manifest: every way to be another tree is refused and named."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Refused, UserError
from tests.trust.trees.test_tree_manifest import small_tree
from trust.trees import tree_manifest
from trust.trees.tree_check import WHOLE, Part, Reading, TreeChecked, check_tree, resolved


@pytest.fixture(name="manifest")
def _manifest(tmp_path: Path) -> Path:
    """Make a tree `t` and its manifest beside it."""
    tree_manifest.write(tmp_path / "t.mtree", tree_manifest.scan(small_tree(tmp_path / "t")))
    return tmp_path / "t.mtree"


def check(manifest: Path, part: Part = WHOLE) -> TreeChecked:
    return check_tree(manifest.with_suffix(""), manifest, content=Reading(), part=part)


def test_the_tree_that_was_signed_passes(manifest: Path) -> None:
    checked = check(manifest)

    assert checked == TreeChecked(".", 12, 5, 25, "every byte was read")


def _swap(root: Path) -> None:
    (root / "a b").rename(root / "z")
    (root / "usr/bin-x/y").rename(root / "a b")
    (root / "z").rename(root / "usr/bin-x/y")


def _retarget(root: Path) -> None:
    (root / "bin").unlink()
    (root / "bin").symlink_to("/usr/bin")


def _replace_by_link(root: Path) -> None:
    shutil.move(root / "usr/bin", root.parent / "elsewhere")
    (root / "usr/bin").symlink_to(root.parent / "elsewhere")


def _pipe(root: Path) -> None:
    (root / "a b").unlink()
    os.mkfifo(root / "a b")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(
            lambda root: (root / "usr/bin/x").write_text("jello"),
            "usr/bin/x has another content",
            id="content",
        ),
        pytest.param(
            lambda root: (root / "usr/bin/x").write_text("hell"),
            "usr/bin/x has 4 bytes instead of 5",
            id="size",
        ),
        pytest.param(
            lambda root: (root / "usr/bin/x").chmod(0o777),
            "usr/bin/x has the mode 0777 instead of 0755",
            id="mode",
        ),
        pytest.param(
            lambda root: (root / "usr/bin/x").chmod(0o4755),
            "usr/bin/x has the mode 4755 instead of 0755",
            id="set-uid",
        ),
        pytest.param(
            lambda root: (root / "tmp").chmod(0o777),
            "tmp has the mode 0777 instead of 1777",
            id="sticky",
        ),
        pytest.param(
            lambda root: root.chmod(0o700), ". has the mode 0700 instead of 0755", id="the root"
        ),
        pytest.param(_retarget, "bin leads to '/usr/bin', not to 'usr/bin'", id="target"),
        pytest.param(
            _replace_by_link, "usr/bin is a link, not a folder", id="folder became a link"
        ),
        pytest.param(_pipe, "a b is a device, pipe or socket, not a file", id="pipe"),
        pytest.param(lambda root: (root / "a b").unlink(), "a b is missing", id="missing"),
        pytest.param(
            lambda root: shutil.rmtree(root / "usr"), "usr/bin-x/y is missing", id="folder missing"
        ),
        pytest.param(
            lambda root: (root / "usr/lib").mkdir(),
            "usr/lib is there and was not signed",
            id="one more folder",
        ),
        pytest.param(
            lambda root: (root / "zz").symlink_to("/etc/passwd"),
            "zz is there and was not signed",
            id="one more link",
        ),
        pytest.param(
            lambda root: (root / "..new").touch(),
            "..new is there and was not signed",
            id="one more file",
        ),
    ],
)
def test_another_tree_is_refused_and_says_where(
    manifest: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    spoil(manifest.with_suffix(""))

    with pytest.raises(Refused) as caught:
        check(manifest)

    assert "t is not the tree that was signed" in caught.value.message
    assert f"\n  {reason}" in caught.value.message


def test_what_marks_a_catalog_of_the_repository_is_no_part_of_the_tree(manifest: Path) -> None:
    root = manifest.with_suffix("")
    (root / ".cvmfscatalog").touch()
    (root / "usr/.cvmfsautocatalog").touch()

    assert check(manifest).entries == 12

    (root / ".cvmfscatalog").write_text("a program")
    with pytest.raises(Refused, match=r"\.cvmfscatalog is there and was not signed"):
        check(manifest)


def test_all_that_differs_is_named_up_to_twenty(manifest: Path) -> None:
    for number in range(30):
        (manifest.with_suffix("") / f"new-{number:02}").touch()

    with pytest.raises(Refused) as caught:
        check(manifest)

    lines = caught.value.message.splitlines()
    assert lines[1] == "  new-00 is there and was not signed"
    assert lines[-1] == "  and 10 more"
    assert len(lines) == 22


def test_two_equal_files_may_change_places(manifest: Path) -> None:
    _swap(manifest.with_suffix(""))

    assert check(manifest).files == 5


def test_a_part_is_checked_and_the_way_to_it(manifest: Path) -> None:
    root = manifest.with_suffix("")
    (root / "a b").write_text("changed")

    assert check(manifest, Part("usr/bin")) == TreeChecked(
        "usr/bin", 4, 1, 5, "every byte was read"
    )
    assert check(manifest, Part("/bin/x")).path == "usr/bin/x"
    (root / "usr").chmod(0o777)
    with pytest.raises(Refused, match="usr has the mode 0777"):
        check(manifest, Part("bin/x"))


def test_a_part_behind_a_link_that_was_not_signed_is_refused(manifest: Path) -> None:
    _replace_by_link(manifest.with_suffix(""))

    with pytest.raises(Refused, match="usr/bin is a link, not a folder\n  usr/bin/x is missing"):
        check(manifest, Part("usr/bin/x"))


@pytest.mark.parametrize("path", ["usr/lib", "../t/usr/bin/../nothing", "usr/bin/x/y"])
def test_a_part_that_was_not_signed_is_refused(manifest: Path, path: str) -> None:
    with pytest.raises(Refused, match="does not list"):
        check(manifest, Part(path))


def test_a_part_that_is_there_and_was_not_signed_is_refused(manifest: Path) -> None:
    (manifest.with_suffix("") / "usr/lib").mkdir()

    with pytest.raises(Refused, match="usr/lib is there and was not signed"):
        check(manifest, Part("usr/lib"))


def test_a_sample_looks_into_some_files_and_at_all_the_rest(manifest: Path) -> None:
    checked = check(manifest, Part(sample=2, seed="s"))
    assert (checked.entries, checked.files) == (12, 2)
    assert check(manifest, Part("usr", sample=9)).files == 2

    shutil.rmtree(manifest.with_suffix("") / "tmp")
    with pytest.raises(Refused, match="tmp is missing"):
        check(manifest, Part(sample=0))


def test_another_seed_takes_other_files(manifest: Path) -> None:
    (manifest.with_suffix("") / "a b").write_text("jello")
    refused = 0
    for seed in "abcdefgh":
        try:
            check(manifest, Part(sample=2, seed=seed))
        except Refused:
            refused += 1

    assert 0 < refused < 8


def test_two_trees_that_were_swapped_are_refused(manifest: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(manifest.with_suffix(""), other, symlinks=True)
    (other / "usr/bin/x").write_text("other")

    with pytest.raises(Refused, match="usr/bin/x has another content"):
        check_tree(other, manifest, content=Reading())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("bin/x", "usr/bin/x"),
        ("/bin/../bin/x", "usr/bin/x"),
        ("lib/y", "opt/lib/y"),
        ("up/z", "z"),
        ("", "."),
        ("..", "."),
        ("nothing/at/all", "nothing/at/all"),
    ],
)
def test_links_are_followed_inside_the_tree(path: str, expected: str) -> None:
    links = {"bin": "usr/bin", "lib": "/opt/lib", "up": "../../.."}

    assert resolved(path, links) == expected


def test_links_in_a_circle_are_refused() -> None:
    with pytest.raises(UserError, match="go round in circles"):
        resolved("a/x", {"a": "b", "b": "a"})


_NAMES = st.one_of(
    st.sampled_from(["a", "b", "a b", "a-b", "A", "é", "two\nlines", "..x", "\\"]),
    st.binary(min_size=1, max_size=6).map(
        lambda raw: os.fsdecode(raw.translate(None, b"/\0") or b"x")
    ),
).filter(lambda name: name not in {".", ".."})
_TREES = st.recursive(
    st.one_of(st.binary(max_size=9), st.sampled_from(["a", "/etc/passwd", "../../..", "x//y/."])),
    lambda inner: st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=30,
).filter(lambda tree: isinstance(tree, dict))


def _make(tree: object, place: Path) -> None:
    """Make a folder of a mapping, a file of bytes, a link of a text."""
    match tree:
        case dict():
            place.mkdir()
            place.chmod(0o755)
            for name, inner in tree.items():
                _make(inner, place / name)
        case bytes():
            place.write_bytes(tree)
            place.chmod(0o644)
        case str():
            place.symlink_to(tree)
        case _:
            raise TypeError(tree)


@settings(max_examples=60, deadline=None)
@given(_TREES, st.randoms(use_true_random=False))
def test_any_tree_passes_and_without_any_one_thing_does_not(tree: object, random: object) -> None:
    with tempfile.TemporaryDirectory(prefix="pansoft-tree-") as scratch:
        root, manifest = Path(scratch) / "t", Path(scratch) / "t.mtree"
        _make(tree, root)
        entries = list(tree_manifest.scan(root))
        tree_manifest.write(manifest, entries)

        assert list(tree_manifest.read(manifest)) == entries
        assert check(manifest).entries == len(entries)
        if len(entries) > 1:
            one = random.choice(entries[1:])  # type: ignore[attr-defined]  # a Random
            place = root / one.path
            if one.kind is tree_manifest.Kind.FOLDER:
                shutil.rmtree(place)
            else:
                place.unlink()
            with pytest.raises(Refused, match="is missing"):
                check(manifest)
            short = [each for each in entries if each.path.split("/")[0] != one.path.split("/")[0]]
            tree_manifest.write(manifest, [replace(each) for each in short])
            if (root / one.path.split("/")[0]).exists():
                with pytest.raises(Refused, match="was not signed"):
                    check(manifest)
