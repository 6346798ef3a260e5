# SPDX-License-Identifier: BSD-3-Clause
"""What must hold: a kill at any stage, a full disk, damage, two at once; never a wrong image."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builder.images import build as building
from builder.images.failure import BuildFailed
from builder.inputs.cache import InputCache
from builder.inputs.lock import read_package_lock
from builder.recipes import load
from builder.state import State
from core import process
from core.files import sha256_file
from tests.builder.conftest import ROOT, Builds
from tests.builder.images.test_build import runs, wait_for
from tests.real_projects import real_project

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

KILLED_AT = {
    "fetching": "building.fetch = die",
    "its script": "sandbox._Follower.look = die",
    "packed": "building._keep = die",
    "half a SIF": "building.write_sif = half",
    "before it has its name": "building.sha256_file = die",
    "its name just given": "files.sync_folder = die_where_there_is_an_image",
}
DIES = """
import os, signal, sys
from builder.images import build as building, sandbox
from core import files
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def half(path, *_, **__):
    path.write_bytes(b"half")
    die()
def die_where_there_is_an_image(folder):
    if folder.name == "images":
        die()
"""


def build_command(project: Path, state: State) -> list[str]:
    return ["--project", str(project), "--state", str(state.folder), "build", "--json", "plotter"]


@pytest.mark.parametrize("stage", KILLED_AT)
def test_after_a_kill_the_next_run_gives_the_right_image(
    builds: Builds, tmp_path: Path, stage: str
) -> None:
    state = builds.beside(tmp_path / "state")
    project = real_project(tmp_path / "project", "echo > $PREFIX/a; sleep 0.5")
    command = build_command(project, state)
    dying = f"{DIES}\n{KILLED_AT[stage]}\nfrom pansoft.cli import main\nmain(sys.argv[1:])"

    first = subprocess.run([sys.executable, "-c", dying, *command], cwd=ROOT, check=False)
    again = process.run([sys.executable, "-m", "pansoft", *command], reason="build", cwd=ROOT)

    assert first.returncode == -signal.SIGKILL
    [made] = json.loads(again.stdout)
    assert made["sha256"] == sha256_file(Path(made["image"]))
    builds_again = stage != "its name just given"
    assert made["fresh"] == builds_again
    assert not builds_again or list(state.scratch.iterdir()) == []  # the next build clears it
    assert [path.name for path in (state.folder / "images").iterdir()] == [made["plan"]]


def test_of_two_builds_of_a_plan_one_builds_and_the_other_gets_it(
    builds: Builds, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "state")
    project = real_project(tmp_path / "project", "echo > $PREFIX/a; sleep 1")
    command = [sys.executable, "-m", "pansoft", *build_command(project, state)]

    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    made = [json.loads(one.communicate()[0])[0] for one in both]

    assert sorted(one["fresh"] for one in made) == [False, True]
    assert made[0]["sha256"] == made[1]["sha256"]


ON_A_SMALL_DISK = """
mount -t tmpfs -o size="$2" tmpfs "$1"
ln -s "$3/inputs" "$3/bases" "$1/"
shift 3
status=0
"$@" || status=$?
cd "$STATE"
find images scratch kept -mindepth 1 2>/dev/null || true
exit "$status"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
@pytest.mark.parametrize(
    ("script", "size"),
    [
        pytest.param("head -c 60000000 /dev/urandom > $PREFIX/x", "20m", id="in the build"),
        pytest.param("echo > $PREFIX/x", "30m", id="for the image"),
    ],
)
def test_a_full_disk_is_said_and_leaves_nothing_half(
    builds: Builds, tmp_path: Path, script: str, size: str
) -> None:
    state = State(tmp_path / "state")
    state.folder.mkdir()
    project = real_project(tmp_path / "project", script)
    argv = [sys.executable, "-m", "pansoft", *build_command(project, state)]

    done = process.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-euc", ON_A_SMALL_DISK, "small",
         state.folder, size, builds.state.folder, *argv],
        reason="build on a small disk", cwd=ROOT, check=False,
        env={**os.environ, "STATE": str(state.folder)},
    )  # fmt: skip

    assert done.returncode == 2, done.stdout + done.stderr
    [row] = json.loads(done.stdout)  # and nothing was found after the answer
    assert row["message"].startswith("the disk is full: ")
    assert "pansoft cache prune --unused" in row["hint"]


def test_an_input_that_is_damaged_after_it_was_checked_is_refused_in_the_build(
    builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = builds.beside(tmp_path / "state")
    recipe = load.load_recipe(ROOT / "recipes" / "hdf5-tools")
    lock = read_package_lock(recipe, builds.base.lock)
    [package] = [item for item in lock.debian if item.name == "libaec0"]
    whole = InputCache(builds.state.inputs).path(package.sha256)
    (state.folder / "inputs").unlink()
    damaged = InputCache(state.inputs).path(package.sha256)
    damaged.parent.mkdir(parents=True)
    content = bytearray(whole.read_bytes())
    content[-100] ^= 1
    damaged.write_bytes(content)
    monkeypatch.setattr(building, "fetch", lambda *_, **__: None)

    with pytest.raises(BuildFailed, match="another hash than was expected"):
        builds.build(builds.plan(debian=(package,)), state)

    assert list(state.scratch.iterdir()) == []
    assert not (state.folder / "images").exists()


RUN = """
import sys
from pathlib import Path
from builder.images.apptainer import run_confined
from builder.images.build_user import build_user
image, work = map(Path, sys.argv[1:])
program = ["sh", "-c", "setsid sleep 7.75 & sleep 7.75"]
run_confined(image, program, work=work, user=build_user(), timeout_s=60)
"""


def test_what_runs_in_an_image_ends_with_who_started_it(builds: Builds, tmp_path: Path) -> None:
    made = builds.build(builds.plan("echo > $PREFIX/a"))
    work = builds.user.own(tmp_path / "work")
    running = process.start(
        [sys.executable, "-c", RUN, made.image.path, work], reason="run", cwd=ROOT
    )
    wait_for(lambda: runs("sleep", "7.75"))

    os.kill(running.pid, signal.SIGKILL)
    running.wait()

    wait_for(lambda: not runs("sleep", "7.75"))
