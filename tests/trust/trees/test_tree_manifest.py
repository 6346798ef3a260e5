# SPDX-License-Identifier: BSD-3-Clause
"""The manifest of a tree: one text for one tree, and no text that leads out of it."""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from core.errors import Refused
from trust.trees import tree_manifest
from trust.trees.tree_manifest import Kind, TreeEntry, TreeSize

SUM = hashlib.sha256(b"hello").hexdigest()
HEAD = "#mtree\n# pansoft tree 1\n"
ROOT = ". type=dir mode=0755\n"


def small_tree(root: Path) -> Path:
    """Make a tree with names of every kind."""
    for made in ("usr/bin", "usr/bin-x", "tmp"):
        (root / made).mkdir(parents=True)
    for name in ("usr/bin/x", "usr/bin-x/y", "a b", "two\nlines", os.fsdecode(b"\xe9")):
        (root / name).write_text("hello")
    (root / "usr/bin/x").chmod(0o755)
    (root / "tmp").chmod(0o1777)
    (root / "bin").symlink_to("usr/bin")
    (root / "odd link").symlink_to("./usr//bin")
    for folder in (root, root / "usr", root / "usr/bin", root / "usr/bin-x"):
        folder.chmod(0o755)
    for name in ("usr/bin-x/y", "a b", "two\nlines", os.fsdecode(b"\xe9")):
        (root / name).chmod(0o644)
    return root


def file_line(path: str, mode: str = "0644") -> str:
    return f"./{path} type=file mode={mode} size=5 sha256digest={SUM}\n"


def test_a_tree_has_one_text(tmp_path: Path) -> None:
    size = tree_manifest.write(tmp_path / "m", tree_manifest.scan(small_tree(tmp_path / "t")))

    assert (tmp_path / "m").read_text() == HEAD + "".join(
        [
            ROOT,
            file_line("a\\040b"),
            "./bin type=link mode=0777 link=usr/bin\n",
            "./odd\\040link type=link mode=0777 link=./usr//bin\n",
            "./tmp type=dir mode=1777\n",
            file_line("two\\012lines"),
            "./usr type=dir mode=0755\n",
            "./usr/bin type=dir mode=0755\n",
            file_line("usr/bin/x", "0755"),
            "./usr/bin-x type=dir mode=0755\n",
            file_line("usr/bin-x/y"),
            file_line("\\351"),
        ]
    )
    assert size == TreeSize(files=5, folders=5, links=2, bytes=25)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    entries = list(tree_manifest.scan(small_tree(tmp_path / "t")))
    tree_manifest.write(tmp_path / "m", entries)

    assert list(tree_manifest.read(tmp_path / "m")) == entries


def test_folders_in_folders_do_not_exhaust_us(tmp_path: Path) -> None:
    folders = [tmp_path / "t"]
    folders += [folders[0] / "/".join("d" * depth) for depth in range(1, 1200)]
    for folder in folders:
        folder.mkdir()

    assert sum(1 for _ in tree_manifest.scan(folders[0])) == 1200
    for folder in reversed(folders):  # shutil.rmtree cannot
        folder.rmdir()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        pytest.param("", "lists nothing", id="nothing"),
        pytest.param(file_line("a"), "does not begin with the root", id="no root"),
        pytest.param(ROOT + ROOT, "there twice, or out of order", id="root twice"),
        pytest.param(ROOT + file_line("a") * 2, "'a' is there twice", id="file twice"),
        pytest.param(ROOT + file_line("b") + file_line("a"), "out of order", id="order"),
        pytest.param(ROOT + file_line("a/b"), "below something that is no folder", id="no folder"),
        pytest.param(
            ROOT + file_line("a") + file_line("a/b"), "that is no folder", id="below a file"
        ),
        pytest.param(
            ROOT + "./a type=link mode=0777 link=/etc\n" + file_line("a/passwd"),
            "'a/passwd' is below something that is no folder",
            id="through a link",
        ),
        pytest.param(
            ROOT + "./a type=dir mode=0755\n./b type=dir mode=0755\n" + file_line("a/x"),
            "out of order",
            id="back in a folder that was left",
        ),
        pytest.param(ROOT + file_line("../x"), "leads elsewhere", id="out of the tree"),
        pytest.param(ROOT + file_line("a/../../x"), "leads elsewhere", id="out by a folder"),
        pytest.param(ROOT + file_line("/etc/x"), "leads elsewhere", id="absolute"),
        pytest.param(ROOT + file_line("./x"), "leads elsewhere", id="dot"),
        pytest.param(ROOT + file_line("a\\000b"), "leads elsewhere", id="zero byte"),
        pytest.param(ROOT + file_line("a\nb"), "is cut short, or is not one", id="newline"),
        pytest.param(ROOT + file_line("é"), "is not ASCII", id="not ASCII"),
        pytest.param(ROOT + file_line("\\141"), "is not how a name", id="two spellings"),
        pytest.param(ROOT + "x type=dir mode=0755\n", "not in its one form", id="no ./"),
        pytest.param(ROOT + "./d type=dir mode=4755\n", "is not one of a man", id="set-uid"),
        pytest.param(ROOT + "./d type=char mode=0755\n", "is not one of a man", id="device"),
        pytest.param(
            ROOT + "./l type=link mode=0777\n", "not in its one form", id="link to nothing"
        ),
        pytest.param(ROOT + "./l type=link mode=0644 link=x\n", "or has a mode", id="link mode"),
        pytest.param(ROOT + "./d type=dir mode=0755 link=x\n", "its one form", id="folder links"),
        pytest.param(ROOT + "./f type=file mode=0644\n", "not in its one form", id="no sum"),
        pytest.param(ROOT + file_line("a").replace("=5", "=05"), "not one of", id="size"),
        pytest.param(ROOT + file_line("a").replace(SUM, SUM.upper()), "not one of", id="sum"),
        pytest.param(ROOT + file_line("a")[:-1], "line 4 of m is cut short", id="cut short"),
        pytest.param(ROOT + file_line("a")[:-9], "line 4 of m is cut short", id="in the sum"),
        pytest.param(ROOT + "\n", "is cut short", id="empty line"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path: Path, lines: str, reason: str) -> None:
    (tmp_path / "m").write_text(HEAD + lines, encoding="utf-8")

    with pytest.raises(Refused, match=reason):
        list(tree_manifest.read(tmp_path / "m"))


@pytest.mark.parametrize("text", ["", "#mtree\n", "{}", "#mtree\n# pansoft tree 2\n" + ROOT])
def test_a_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m").write_text(text)

    with pytest.raises(Refused, match="is not a manifest of a tree"):
        list(tree_manifest.read(tmp_path / "m"))


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6755])
def test_nothing_set_uid_gets_into_a_manifest(tmp_path: Path, mode: int) -> None:
    root = small_tree(tmp_path / "t")
    (root / "usr/bin/x").chmod(mode)

    with pytest.raises(Refused, match="'usr/bin/x' is set-uid or set-gid"):
        tree_manifest.write(tmp_path / "m", tree_manifest.scan(root))
    assert not (tmp_path / "m").exists()


def test_a_pipe_or_a_socket_gets_into_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    root = small_tree(Path("t"))
    os.mkfifo(root / "pipe")

    with pytest.raises(Refused, match="pipe in t is a device, a pipe or a socket"):
        list(tree_manifest.scan(root))

    (root / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("t/socket")
        with pytest.raises(Refused, match="socket in t is a device, a pipe or a socket"):
            list(tree_manifest.scan(root))


def test_an_entry_that_leads_out_is_not_written(tmp_path: Path) -> None:
    root = TreeEntry(".", Kind.FOLDER, 0o755)

    with pytest.raises(Refused, match="leads elsewhere"):
        tree_manifest.write(tmp_path / "m", [root, TreeEntry("../x", Kind.FILE, 0o644, 5, SUM)])
