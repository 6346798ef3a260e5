# SPDX-License-Identifier: BSD-3-Clause
"""Builds that must hold: the same bytes anywhere, no network, and no trace of a killed run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from core import process
from tests.integration.program import ROOT, Demo, pansoft

pytestmark = pytest.mark.needs("apptainer", "mmdebstrap", "mksquashfs")


def fresh_state(demo: Demo, folder: Path, *, with_bases: bool = True) -> Path:
    """Return a state that has the demo's inputs, and its bases where wanted, and nothing else."""
    folder.mkdir()
    for name in ("inputs", "bases") if with_bases else ("inputs",):
        process.run(["cp", "-al", demo.state / name, folder / name], reason="copy a state")
    return folder


def project_with(folder: Path, name: str, change: dict[str, str]) -> Path:
    """Return a copy of the project in which the text of one recipe is changed."""
    project = folder / "project"
    for part in ("recipes", "trust-policy"):
        shutil.copytree(ROOT / part, project / part)
    file = project / "recipes" / name / "recipe.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return project


def test_a_script_that_downloads_is_told_that_builds_have_no_network(
    demo: Demo, tmp_path: Path
) -> None:
    download = "import urllib.request as r; r.urlopen('http://example.org/archive.tar.gz')"
    script = f'build:\n  script: |\n    python3 -c "{download}"\n'
    project = project_with(tmp_path, "gemmi", {"build:\n": script})
    state = fresh_state(demo, tmp_path / "state")

    done = pansoft("--project", project, "build", "gemmi", state=state)

    assert done.returncode == 2, done.stdout + done.stderr
    assert "wants the network, and builds have none" in done.stderr
    assert "build.sources" in done.stderr
    assert list((state / "scratch").iterdir()) == []


def test_a_script_cannot_leave_the_sandbox(demo: Demo, tmp_path: Path) -> None:
    """A recipe of a merge request is run before anybody read it."""
    secret = tmp_path / "outside" / "secret"
    secret.parent.mkdir()
    secret.write_text("of the host", encoding="utf-8")
    for folder in (secret, *secret.parents[:2]):
        folder.chmod(0o777)
    climb = 'mkdir "/tmp/j"; chroot "/tmp/j"; chdir ".." for 1..99; chroot "."; exit(-e $ARGV[0])'
    tries = [
        f"test ! -e /proc/1/root{secret}",
        f"perl -e '{climb}' {secret}",
        "! mount -t tmpfs tmpfs /mnt",
        "! mount -o remount,bind,rw /run/pansoft/archive/pool",
        "! touch /run/pansoft/archive/pool/new",
        "! touch /run/pansoft/stage/new",
        "! mknod /tmp/disk b 8 0",
    ]
    script = "  script: |\n" + "".join(f"    {line}\n" for line in tries)
    project = project_with(tmp_path, "mcpl", {"  script: |\n": script})
    state = fresh_state(demo, tmp_path / "state")

    done = pansoft("--project", project, "build", "mcpl", state=state)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("seconds", [0.8, 2.5, 5.0])
def test_a_killed_apply_goes_on_where_it_was(demo: Demo, tmp_path: Path, seconds: float) -> None:
    state = fresh_state(demo, tmp_path / "state")
    running = process.start(
        [sys.executable, "-m", "pansoft", "--state", state, "apply", "cif2hkl"],
        reason="apply",
        cwd=ROOT,
    )
    time.sleep(seconds)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()

    again = pansoft("apply", "cif2hkl", state=state)

    assert again.returncode == 0, again.stderr
    assert pansoft("repo", "check", state=state).returncode == 0
    listed = json.loads(pansoft("plan", "--json", "cif2hkl", state=state).stdout)
    assert [item["status"] for item in listed] == ["published"]
    assert list((state / "scratch").iterdir()) == []


def test_a_failing_package_does_not_hold_the_others_back(demo: Demo, tmp_path: Path) -> None:
    project = project_with(
        tmp_path, "mcpl", {"  script: |\n": "  script: |\n    echo this will not do; exit 3\n"}
    )
    state = fresh_state(demo, tmp_path / "state")

    done = pansoft("--project", project, "apply", "mcpl", "cif2hkl", state=state)

    assert done.returncode == 2
    assert "this will not do" in done.stderr
    listed = json.loads(
        pansoft("--project", project, "plan", "--json", "mcpl", "cif2hkl", state=state).stdout
    )
    assert {item["name"]: item["status"] for item in listed} == {
        "mcpl": "new",
        "cif2hkl": "published",
    }


def test_published_bytes_never_change(demo: Demo, tmp_path: Path) -> None:
    state = fresh_state(demo, tmp_path / "state")
    assert pansoft("apply", "cif2hkl", state=state).returncode == 0
    recipe = (ROOT / "recipes/cif2hkl/recipe.yaml").read_text(encoding="utf-8")
    changed = "environment:\n  NEW: value\n"
    project = project_with(tmp_path, "cif2hkl", {"commands:\n": f"{changed}commands:\n"})
    assert "environment:" not in recipe

    done = pansoft("--project", project, "apply", "cif2hkl", state=state)

    assert done.returncode == 3
    assert "version-immutable" in done.stderr
