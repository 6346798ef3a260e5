# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft lock --check` and `--upgrade`: what they print, write and end with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.inputs.lock import BaseLock, base_asked, write_base_lock
from builder.recipes import load
from core import process
from pansoft import cli
from tests.builder.recipes.projects import changed, make_project
from tests.packages import Deb, apt_host, debian_archive
from tests.real_projects import ROOT
from tests.servers import FileServer, file_server

ESSENTIAL = "Essential: yes\nPriority: required\n"
SYSTEM = (Deb("bash", fields=ESSENTIAL), Deb("apt"), Deb("usr-is-merged"), Deb("ca-certificates"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Return the server of the one archive that this host's apt knows."""
    with file_server() as running:
        for name, value in apt_host(tmp_path / "host", running.url("/debian")).items():
            monkeypatch.setenv(name, value)
        offer(running, tmp_path, "5.4.4-1")
        yield running


def offer(server: FileServer, folder: Path, version: str) -> None:
    server.files.clear()
    root = debian_archive(folder / f"archive-{version}", (*SYSTEM, Deb("gnuplot-nox", version)))
    server.add_folder(root, at="/debian")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = make_project(tmp_path / "project")
    shutil.copytree(ROOT / "trust-policy", root / "trust-policy")
    return root


def lock(project: Path, *argv: str) -> int:
    state = project.parent / "state"
    shutil.rmtree(state / "apt", ignore_errors=True)  # its lists would be fresh for hours
    return cli.invoke(["-q", "--project", str(project), "--state", str(state), "lock", *argv])


@pytest.mark.needs("apt-get", "dpkg-deb")
def test_a_lock_is_made_checked_and_upgraded(
    project: Path, server: FileServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "recipes" / "plotter" / "lock.json"
    assert lock(project, "plotter") == 0
    first = file.read_bytes()
    capsys.readouterr()

    assert lock(project, "--check") == 0
    assert capsys.readouterr().out == "all 2 locks hold\n"

    offer(server, tmp_path, "5.4.5-1")
    assert lock(project, "--check") == 2
    assert capsys.readouterr().out == (
        "plotter: archive: gnuplot-nox 5.4.4-1 is no longer in the archive, which has 5.4.5-1\n"
        "    mend it with: pansoft lock plotter\n"
    )

    assert lock(project, "--upgrade") == 0
    assert capsys.readouterr().out == (
        "plotter:\n    debian gnuplot-nox: 5.4.4-1 → 5.4.5-1\n1 of 2 locks would be written\n"
    )
    assert file.read_bytes() == first

    assert lock(project, "--upgrade", "--write", "--json", "plotter") == 0
    change = {"part": "debian", "name": "gnuplot-nox", "old": "5.4.4-1", "new": "5.4.5-1"}
    assert json.loads(capsys.readouterr().out) == {
        "written": True,
        "locks": [{"name": "plotter", "changes": [change]}],
    }
    assert file.read_bytes() != first
    assert lock(project, "--check", "--json", "plotter") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.needs("apt-get", "dpkg-deb")
def test_one_that_cannot_be_locked_holds_no_other_back(
    project: Path, server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(project, name="broken", recipe=changed("name: plotter", "name: other"))
    lacking = changed("name: plotter", "name: lacking").replace("gnuplot-nox", "not-there")
    make_project(project, name="lacking", recipe=lacking)
    assert server.files

    assert lock(project, "broken", "lacking", "plotter") == 2

    said = capsys.readouterr()
    assert said.out.splitlines()[1:] == ["locked plotter 5.4.4: 1 Debian and 0 Python packages"]
    assert "broken: not locked\n" in said.err
    assert "the name is 'other', but the folder is 'broken'" in said.err
    assert "lacking: not locked\n" in said.err
    assert "not-there" in said.err
    assert not (project / "recipes" / "lacking" / "lock.json").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "name the recipes and bases to lock"),
        (("--check", "--upgrade"), "ask one at a time"),
        (("--write", "plotter"), "--write belongs to --upgrade"),
        (("--json", "plotter"), "--json belongs to --check or --upgrade"),
        (("--check", "nothing-like-it"), "there is no recipe named 'nothing-like-it'"),
    ],
    ids=["no name", "both", "write", "json", "unknown"],
)
def test_what_makes_no_sense_is_refused(
    project: Path, argv: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lock(project, *argv) == 2
    assert said in capsys.readouterr().err


def test_a_lock_that_is_told_to_end_leaves_no_pip_behind(tmp_path: Path) -> None:
    """The index takes the question and does not answer; `timeout` would have no more patience."""
    root = make_project(
        tmp_path / "project",
        recipe=changed("  apt:\n    - gnuplot-nox\n", "  pip:\n    - plotter==1\n"),
    )
    base = load.load_base(root / "recipes" / "bases" / "debian-12")
    asked = BaseLock(base.name, base_asked(base), epoch=0, system=(), debian=())
    write_base_lock(asked, base.lock_file)
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(60)
        address = f"http://127.0.0.1:{index.getsockname()[1]}/{tmp_path.name}"
        own = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": address, "PIP_NO_PROXY": "*"}
        others = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
        where = ("--project", root, "--state", tmp_path / "state")
        running = process.start(
            [sys.executable, "-m", "pansoft", *where, "lock", "plotter"],
            reason="lock",
            cwd=ROOT,
            env={**{n: t for n, t in others.items() if "proxy" not in n.lower()}, **own},
        )
        question, _ = index.accept()
        with question:
            pip = pips_of(tmp_path)
            running.terminate()
            status = running.wait(30)

    assert len(pip) == 1
    assert status == 128 + signal.SIGTERM
    assert pips_of(tmp_path) == []


def pips_of(folder: Path) -> list[str]:
    """Return the processes of pip that ask the index of a test."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            environment = (place / "environ").read_bytes()
        except OSError:
            continue
        if b"install" in words and f"/{folder.name}".encode() in environment:
            found.append(place.name)
    return found
