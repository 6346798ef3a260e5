# SPDX-License-Identifier: BSD-3-Clause
"""Every command of the README and the pages is executed, page by page, as a reader would paste it.

A page has a copy of the checkout and of the demo's state of its own, so what it does stays there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.images.build_user import build_user
from builder.images.sandbox import remove_tree
from core import process
from core.process import Completed
from cvmfs.mounting.mount import is_mounted, stop_mount
from tests.integration.program import Demo
from tests.pages import PAGES, ROOT, page

pytestmark = pytest.mark.needs("apptainer", "git", "gpg", "make")

PAGE_TIMEOUT_S = 1200.0
MOUNT = "/tmp/software"  # what pages call it; each run has its own
ENDS_ITS_SERVERS = """trap '[ "$?" = 0 ] || kill 0' EXIT"""  # a page that fails leaves some behind
NOT_AGAIN = re.compile(r"^make (test|lint)\b.*$", re.MULTILINE)  # this very run is what they do
LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv", "var", "public", "__pycache__", ".*_cache", "node_modules")
)
WITH_COMMANDS = tuple(file for file in PAGES if any(f.language == "sh" for f in page(file).fences))


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a checkout, a finished demo and a page to follow."""

    checkout: Path
    mount: Path
    environment: Mapping[str, str]

    def follows(self, file: Path) -> Completed:
        """Run all commands of a page in one shell that stops at the first that fails."""
        lines = ["set -eu", ENDS_ITS_SERVERS]
        for fence in page(file).fences:
            if fence.language == "sh":
                text = NOT_AGAIN.sub(":", fence.text).replace(MOUNT, str(self.mount))
                lines += [f"printf '%s\\n' '=== line {fence.line}' >&2", text]
        return process.run(
            ["sh", "-c", "\n".join(lines)],
            reason=f"follow {file.name}",
            cwd=self.checkout,
            env=self.environment,
            timeout_s=PAGE_TIMEOUT_S,
            check=False,
        )


@pytest.fixture
def reader(demo: Demo, tmp_path: Path) -> Iterator[Reader]:
    checkout = tmp_path / "pansoft"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT, symlinks=True)
    environment = {
        **{name: value for name, value in os.environ.items() if name not in _OF_THE_TEST},
        **{f"GIT_{who}_{what}": "reader@example.org" for who in _WHO for what in ("NAME", "EMAIL")},
        "PATH": f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}",
    }
    mount = tmp_path / "software"
    _give_a_program(checkout)
    _give_a_history(checkout, environment)
    _give_the_state(checkout / "var", demo.state)
    manifest = (demo.state / "repository" / ".cvmfspublished").read_bytes()
    yield Reader(checkout, mount, environment)
    if is_mounted(mount):
        stop_mount(mount)
    remove_tree(checkout / "var", build_user())
    assert (demo.state / "repository" / ".cvmfspublished").read_bytes() == manifest


_WHO = ("AUTHOR", "COMMITTER")
_OF_THE_TEST = {"MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "STATE", "ARGS"}


def _give_a_program(checkout: Path) -> None:
    """Make what `make setup` makes, with the libraries of this run: it finds nothing to do."""
    folder = checkout / ".venv" / "bin"
    folder.mkdir(parents=True)
    program = f"PYTHONPATH={shlex.quote(str(checkout))} exec {shlex.quote(sys.executable)}"
    for name, part in (("python", ""), ("pansoft", " -m pansoft")):
        (folder / name).write_text(f'#!/bin/sh\n{program}{part} "$@"\n', encoding="utf-8")
        (folder / name).chmod(0o755)
    wanted = process.run(
        ["sh", "-c", "(pwd -P && cat requirements.lock setup/setup.sh) | sha256sum"],
        reason="name the environment as setup.sh does",
        cwd=checkout,
    )
    (folder.parent / "complete").write_text(wanted.stdout, encoding="utf-8")


def _give_a_history(checkout: Path, environment: Mapping[str, str]) -> None:
    for line in ("init --quiet --initial-branch main", "add .", "commit --quiet --message all"):
        process.run(
            ["git", *line.split()], reason="make a repository", cwd=checkout, env=environment
        )


def _give_the_state(state: Path, made: Path) -> None:
    """Copy a state without copying its bytes: what is in it is replaced, never written into.

    Files of bases belong to subordinate ids, which only a user namespace may link for a user.
    """
    state.mkdir()
    for name in ("keys", "trust-policy", "journal"):
        shutil.copytree(made / name, state / name)
    parts = [made / name for name in ("inputs", "bases", "images", "signed", "repository")]
    same_disk = state.stat().st_dev == made.stat().st_dev
    become = ["unshare", "--user", "--map-root-user", "--map-auto"] if os.geteuid() else []
    process.run(
        [*become, "cp", "-a", "--link" if same_disk else "--reflink=auto", *parts, state],
        reason="copy a state",
    )


@pytest.mark.timeout(PAGE_TIMEOUT_S + 120)
@pytest.mark.parametrize("file", WITH_COMMANDS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_commands_of_a_page_work(file: Path, reader: Reader) -> None:
    done = reader.follows(file)

    assert done.returncode == 0, f"{done.stdout[-4000:]}\n---\n{done.stderr[-4000:]}"
