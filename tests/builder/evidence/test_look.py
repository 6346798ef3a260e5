# SPDX-License-Identifier: BSD-3-Clause
"""What the look at a tree sees, in trees made here: what it must find, and what it must not."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.evidence.looking import Look, look
from builder.images.build_user import build_user
from core import process
from trust.evidence import Sight

pytestmark = pytest.mark.needs("unshare", "setpriv")

KEY = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7"] * 4)
SECRET = "x" * 36  # of the shape of a token, and none


@pytest.fixture
def seen(tmp_path: Path) -> Callable[..., Look]:
    """Look at trees below the test's folder, as builds do."""
    tmp_path.chmod(0o755)
    user = build_user()
    return lambda tree, *below: look(tree, below, user=user)


def put(tree: Path, path: str, content: str | bytes = "", mode: int = 0o644) -> Path:
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(mode)
    return file


def begin(kind: str = "") -> str:
    return f"-----BEGIN {kind}PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("path", "content", "what"),
    [
        pytest.param("etc/a.pem", f"{begin('RSA ')}\n{KEY}\n", "a private key", id="pem"),
        pytest.param(
            "root/.ssh/id", f"words\n{begin('OPENSSH ')}\r\n{KEY}", "a private key", id="ssh"
        ),
        pytest.param(
            "k.pem",
            f"{begin('EC ')}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n{KEY}\n",
            "a private key",
            id="encrypted",
        ),
        pytest.param("a.py", "k = 'AKIA" + "Q" * 16 + "'", "an AWS access key", id="aws"),
        pytest.param("a.sh", f"T=ghp_{SECRET}\n", "a GitHub token", id="github"),
        pytest.param("a.yml", "token: glpat-" + "x" * 20, "a GitLab token", id="gitlab"),
        pytest.param("a.toml", "p = 'pypi-AgE" + "x" * 60, "a PyPI token", id="pypi"),
        pytest.param("a.js", f"npm_{SECRET}", "an npm token", id="npm"),
        pytest.param("root/.netrc", "machine x login y password z", "a password", id="netrc"),
        pytest.param("root/.pypirc", "[pypi]\npassword = z\n", "a password", id="pypirc"),
        pytest.param(
            "etc/pip.conf", "index-url = https://me:secret@x.example", "a password", id="pip"
        ),
    ],
)
def test_a_secret_is_seen(
    tmp_path: Path, seen: Callable[..., Look], path: str, content: str, what: str
) -> None:
    put(tmp_path, path, content)

    assert seen(tmp_path).sights == (Sight("secret", f"/{path}", what),)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("doc.md", f"{begin('RSA ')} begins a key", id="words about keys"),
        pytest.param("a.py", f'HEAD = "{begin()}"\nTAIL = "-----END PRIVATE KEY-----"', id="code"),
        pytest.param("a.pem", f"-----BEGIN CERTIFICATE-----\n{KEY}\n", id="certificate"),
        pytest.param("a.pub", f"-----BEGIN PUBLIC KEY-----\n{KEY}\n", id="public key"),
        pytest.param("aws.md", "AKIAIOSFODNN7EXAMPLE", id="the key of Amazon's manual"),
        pytest.param("seq.fa", "MAKIA" + "Q" * 30, id="a protein"),
        pytest.param("a.txt", "ghp_short glpat-x npm_run", id="too short"),
        pytest.param(".npmrc", "//x/:_authToken=${TOKEN}", id="a variable"),
        pytest.param("pip.conf", "index-url = https://x.example/simple", id="no password"),
        pytest.param("a.bin", b"\0" + f"ghp_{SECRET}".encode(), id="binary"),
    ],
)
def test_what_only_resembles_a_secret_is_not(
    tmp_path: Path, seen: Callable[..., Look], path: str, content: str | bytes
) -> None:
    put(tmp_path, path, content)

    assert seen(tmp_path).sights == ()


def test_links_are_followed_in_the_image_and_not_out_of_it(
    tmp_path: Path, seen: Callable[..., Look]
) -> None:
    base, tree = tmp_path / "base", tmp_path / "tree"
    put(base, "usr/bin/program")
    (base / "bin").symlink_to("usr/bin")
    put(base, "etc/gone")
    (tree / "opt").mkdir(parents=True)
    for name, target in {
        "absolute": "/bin/program",
        "relative": "../bin/program",
        "above": "../../../../bin/program",
        "run time": "/proc/self/exe",
        "nowhere": "/etc/nothing",
        "host": str(put(tmp_path, "outside")),
        "loop": "loop",
        "removed": "/etc/gone",
    }.items():
        (tree / "opt" / name).symlink_to(target)
    put(tree, "etc", "a file over the folder of the base")

    sights = seen(tree, base).sights

    assert {sight.kind for sight in sights} == {"dangling-link"}
    assert [sight.path for sight in sights] == [
        f"/opt/{name}" for name in ("host", "loop", "nowhere", "removed")
    ]


def test_paths_of_the_build_are_seen_in_texts(tmp_path: Path, seen: Callable[..., Look]) -> None:
    put(tmp_path, "opt/x/config.sh", "SOURCE=/tmp/build/x-1.0\n")
    put(tmp_path, "opt/x/other.sh", "mkdir -p /tmp/builds /tmp/build.log\n")

    assert seen(tmp_path).sights == (Sight("build-path", "/opt/x/config.sh", "/tmp/build"),)


@pytest.mark.needs("gcc")
def test_the_search_path_of_a_library_is_read(tmp_path: Path, seen: Callable[..., Look]) -> None:
    source = put(tmp_path / "source", "a.c", "int one(void) { return 1; }\n")
    tree = tmp_path / "tree"
    for name, where in (("bad.so", "/opt/x:/tmp/build/lib"), ("good.so", "$ORIGIN/../lib")):
        put(tree, name)
        process.run(
            ["gcc", "-shared", "-o", tree / name, source, f"-Wl,-rpath,{where}"],
            reason="make a library",
        )

    assert seen(tree).sights == (Sight("build-path", "/bad.so", "RPATH /tmp/build/lib"),)


def test_a_program_for_another_processor_is_seen(tmp_path: Path, seen: Callable[..., Look]) -> None:
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 183) + bytes(44)
    put(tmp_path, "lib/arm.so", head)
    put(tmp_path, "lib/cut.so", b"\x7fELF\x02\x01")

    assert Sight("foreign-program", "/lib/arm.so", "machine 183") in seen(tmp_path).sights


def test_folders_that_anybody_may_write_to_are_seen(
    tmp_path: Path, seen: Callable[..., Look]
) -> None:
    for name, mode in (("open", 0o777), ("sticky", 0o1777), ("plain", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)

    assert seen(tmp_path).sights == (Sight("world-writable", "/open", "a folder"),)


def test_the_packages_say_what_they_are(tmp_path: Path, seen: Callable[..., Look]) -> None:
    base, tree = tmp_path / "base", tmp_path / "tree"
    put(base, "usr/share/doc/libx/copyright", "of the base")
    (tree / "usr/share/doc").mkdir(parents=True)
    (tree / "usr/share/doc/libx-dev").symlink_to("libx")
    put(tree, "var/lib/dpkg/status", "Package: x\n")
    put(tree, "opt/venv/lib/python3.11/site-packages/a-1.dist-info/METADATA", "Name: a\n\nlong")
    put(tree, "usr/lib/python3/dist-packages/b-1.dist-info/METADATA", "Name: b\n")
    put(tree, "opt/x/node_modules/c/package.json", "{}")
    put(tree, "opt/x/node_modules/c/lib/package.json", "{}")
    put(tree, "opt/x/node_modules/@scope/d/package.json", "{}")

    found = seen(tree, base)

    assert found.dpkg == "Package: x\n"
    assert found.copyrights == {"libx-dev": "of the base"}
    assert found.python == {"opt/venv/lib/python3.11/site-packages/a-1.dist-info": "Name: a"}
    assert sorted(found.npm) == ["opt/x/node_modules/@scope/d", "opt/x/node_modules/c"]


def test_a_name_that_is_no_text_is_seen_all_the_same(
    tmp_path: Path, seen: Callable[..., Look]
) -> None:
    name = os.fsencode(tmp_path) + b"/a\xff"
    with open(name, "w") as file:  # noqa: PTH123  # a name in bytes
        file.write(f"T=ghp_{SECRET}\n")

    assert seen(tmp_path).sights == (Sight("secret", "/a\\xff", "a GitHub token"),)
