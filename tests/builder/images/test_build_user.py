# SPDX-License-Identifier: BSD-3-Clause
"""Root hands over to the build user, who reaches what a build needs and nothing else."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.images.build_user import BUILD_USER, BuildUser, build_user, mount_holder
from core import process
from core.errors import UserError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands over")


@pytest.fixture
def user() -> BuildUser:
    return build_user()


@pytest.fixture
def closed() -> Iterator[Path]:
    """Return a folder that only we may enter, with an open one and a secret in it."""
    folder = Path(tempfile.mkdtemp(prefix="pansoft closed "))
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "secret").write_text("secret")
    (folder / "open to all").mkdir(mode=0o755)
    (folder / "open to all" / "file").write_text("content")
    yield folder
    shutil.rmtree(folder)


def said(user: BuildUser, script: str, *reach: Path) -> str:
    """Return what a script of the build user prints, both outputs."""
    command = user.command(["sh", "-c", script, "script", *reach], reach=reach)
    done = process.run(command, reason="try", env=user.environment(), cwd=Path("/"), check=False)
    return done.stdout + done.stderr


@as_root
def test_root_hands_over_to_the_build_user(user: BuildUser) -> None:
    assert user.name == BUILD_USER
    assert said(user, "id -un; id -G") == f"{BUILD_USER}\n{user.gid}\n"


@as_root
def test_a_closed_folder_is_reached_and_the_rest_of_it_is_not_seen(
    user: BuildUser, closed: Path
) -> None:
    inner = closed / "open to all"

    assert said(user, 'cat "$1/file"; ls -A "$1/.."', inner) == "contentopen to all\n"


@as_root
def test_without_reach_the_closed_folder_stays_closed(user: BuildUser, closed: Path) -> None:
    command = user.command(["ls", closed / "open to all"], reach=[])

    done = process.run(command, reason="try", env=user.environment(), check=False)

    assert "Permission denied" in done.stderr


@as_root
def test_several_folders_are_reached_by_one_command(user: BuildUser, closed: Path) -> None:
    other = closed / "a second"
    (other / "below").mkdir(parents=True)
    (other / "below" / "file").write_text(" second")

    assert said(
        user, 'cat "$1/file" "$2/file"', closed / "open to all", other / "below"
    ) == "content second"  # fmt: skip


@as_root
def test_a_link_in_a_closed_folder_is_followed(user: BuildUser, closed: Path) -> None:
    elsewhere = Path(tempfile.mkdtemp(prefix="pansoft-open-"))
    elsewhere.chmod(0o755)
    (elsewhere / "file").write_text("elsewhere")
    (closed / "link").symlink_to(elsewhere)

    assert said(user, 'cat "$1/file"', closed / "link") == "elsewhere"

    shutil.rmtree(elsewhere)


@as_root
def test_a_link_into_a_closed_folder_is_followed(user: BuildUser, closed: Path) -> None:
    elsewhere = Path(tempfile.mkdtemp(prefix="pansoft-open-"))
    elsewhere.chmod(0o755)
    (elsewhere / "link").symlink_to(closed / "open to all")

    assert said(user, 'cat "$1/file"', elsewhere / "link") == "content"

    shutil.rmtree(elsewhere)


@as_root
def test_what_the_build_user_writes_is_really_there(user: BuildUser, closed: Path) -> None:
    mine = user.own(closed / "mine")

    assert said(user, 'echo hello > "$1/made"', mine) == ""

    assert (mine / "made").read_text() == "hello\n"
    assert (mine / "made").stat().st_uid == user.uid


@as_root
def test_a_folder_with_a_line_break_in_its_name_is_refused(user: BuildUser) -> None:
    with pytest.raises(UserError, match="line break in its name"):
        user.command(["true"], reach=[Path("/tmp/a\nb")])


def test_an_ordinary_user_builds_as_itself() -> None:
    user = BuildUser("me", os.geteuid(), os.getegid(), switches=False)

    assert user.command(["id", "-un"], reach=[Path("/root")])[-2:] == ["id", "-un"]
    assert said(user, "id -u") == f"{os.geteuid()}\n"


@as_root
def test_a_caller_without_a_name_is_called_by_its_number() -> None:
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:  # a process of its own, since there is no way back from this
        os.setresgid(54321, 54321, 54321)
        os.setresuid(54321, 54321, 54321)
        os.write(writer, repr(build_user()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answer:
        said = answer.read()
    os.waitpid(child, 0)

    assert said == repr(BuildUser("54321", 54321, 54321, switches=False))


@as_root
def test_root_without_a_build_user_is_told_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nobody(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", nobody)

    with pytest.raises(UserError, match="root does not build") as missing:
        build_user()

    assert str(missing.value.hint).startswith("useradd ")


def test_nothing_of_the_callers_environment_leaks(
    user: BuildUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")

    environment = user.environment(EPOCH="1")

    assert environment == {
        "PATH": process.SYSTEM_PATH,
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
        "USER": user.name,
        "EPOCH": "1",
    }


def test_a_mount_hides_no_file_of_the_build() -> None:
    assert mount_holder([Path("/tmp/x")]) == Path("/mnt")
    assert mount_holder([Path("/mnt/state/x")]) != Path("/mnt")


def test_where_everything_is_taken_the_way_out_is_named() -> None:
    everywhere = [Path(f) / "x" for f in ("/mnt", "/media", "/srv", "/opt")]

    with pytest.raises(UserError, match="no folder is free to mount on") as full:
        mount_holder(everywhere)

    assert full.value.hint == "keep the state in another place: --state DIR"
