# SPDX-License-Identifier: BSD-3-Clause
"""The image of jobs, as a Docker executor uses it: a script on the standard input of a shell, the checkout
in a volume, and here no network at all.

It is made from the archives of this host, loaded into a real daemon, and builds a package from its lock.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.images import sandbox
from builder.images.build_user import build_user
from builder.state import State
from core import process
from core.console import Console
from core.files import sha256_file
from pansoft import clock
from pansoft.ci.image.ingredients import gather
from pansoft.ci.image.layers import make_layers
from tests.builder.conftest import Builds
from tests.checkouts import commit, new_checkout
from tests.docker_daemons import Daemon, docker_daemon
from tests.integration.program import ROOT, pansoft

pytestmark = [
    pytest.mark.needs(
        *("apptainer", "apt-get", "docker", "dockerd", "git", "mmdebstrap", "patchelf", "tar"),
    ),
    # a minute or two on a machine with nothing else to do, and a gigabyte to be written
    pytest.mark.timeout(2400),
]

_TIMEOUT_S = 1500.0

PACKAGE = "hdf5-tools"
TAG = "pansoft-ci:test"
PLACE = "/builds/facility/software"
# what docs/operator.md has a runner's config.toml say, but for the network
OPTIONS = (
    *("--device", "/dev/fuse", "--cap-add", "SYS_ADMIN", "--network", "none"),
    *("--security-opt", "seccomp=unconfined"),
)


@dataclass(frozen=True, slots=True)
class Made:
    """An image as `pansoft ci image --json` tells of it, what is in its archive, and its commit."""

    archive: Path
    id: str
    files: frozenset[str]
    commit: str


@pytest.fixture(scope="module")
def software(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkout of this project with one recipe, as a runner has it: no environment in it."""
    folder = new_checkout(tmp_path_factory.mktemp("checkout") / "software")
    listing = ("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in process.run(listing, reason="list the project").stdout.split("\0"):
        if name and is_wanted(Path(name)) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    commit(folder, "software: what a runner fetched")
    return folder


def is_wanted(path: Path) -> bool:
    match path.parts:
        case ("recipes", "bases", *_):
            return True
        case ("recipes", name, _, *_):
            return name == PACKAGE
        case _:
            return True


@pytest.fixture(scope="module")
def state(software: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state folder of a runner, with the inputs of one package and nothing built."""
    folder = tmp_path_factory.mktemp("builds")
    done = pansoft("fetch", PACKAGE, state=folder, cwd=software)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def made(software: Path, state: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Return the image, made by the command."""
    archive = tmp_path_factory.mktemp("image") / "image.tar"
    done = pansoft(
        *("ci", "image", "--output", archive, "--tag", TAG, "--json"),
        state=state,
        cwd=software,
        timeout_s=_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    head = process.run(["git", "-C", software, "rev-parse", "HEAD"], reason="name the commit")
    files = process.run(["tar", "--list", "--file", archive], reason="list the image").stdout
    return Made(
        archive, json.loads(done.stdout)["id"], frozenset(files.split()), head.stdout.strip()
    )


@pytest.fixture(scope="module")
def daemon(made: Made) -> Iterator[Daemon]:
    """Return a daemon that has loaded the image; with it all that it keeps goes."""
    if os.geteuid() != 0:
        pytest.skip("a Docker daemon needs root")
    with docker_daemon() as running:
        running.run("load", "--input", made.archive)
        made.archive.unlink()  # it has a gigabyte
        yield running


@pytest.fixture
def job(daemon: Daemon, software: Path, state: Path) -> Job:
    return Job(daemon, software, state)


@dataclass(frozen=True, slots=True)
class Job:
    """A job on a Docker executor."""

    daemon: Daemon
    software: Path
    state: Path

    def run(self, *lines: str, options: tuple[str, ...] = OPTIONS) -> process.Completed:
        """Run the lines of a script in a fresh container, and return how it ended."""
        volumes = ("-v", f"{self.software}:{PLACE}", "-v", f"{self.state}:/srv/builds")
        return process.run(
            [
                *("docker", "--host", self.daemon.address, "run", "--rm", "--interactive"),
                *(*options, *volumes, "--workdir", PLACE, TAG, "sh"),
            ],
            reason="run a job",
            timeout_s=_TIMEOUT_S,
            stdin="\n".join(("set -e", *lines, "")),
            check=False,
        )


# before there is a daemon: not everything has to be on the disk at the same time
def test_the_same_ingredients_give_the_same_layers(
    made: Made, software: Path, state: Path, tmp_path: Path
) -> None:
    user, console = build_user(), Console(io.StringIO())
    epoch = int(
        process.run(
            ["git", "-C", software, "show", "-s", "--format=%ct"], reason="ask for the time"
        ).stdout
    )

    with sandbox.scratch_folder(tmp_path / "another place", user) as scratch:
        ingredients = gather(
            software, State(state), scratch, tests=False, at=clock.now(), console=console
        )
        layers = make_layers(
            ingredients, scratch, state / "inputs", epoch=epoch, user=user, console=console
        )
        digests = [sha256_file(layer.tar) for layer in layers]

    assert len(digests) == 2
    assert {f"blobs/sha256/{digest}" for digest in digests} < made.files


def test_it_is_the_image_that_was_made_and_says_of_which_commit(daemon: Daemon, made: Made) -> None:
    told = json.loads(daemon.run("image", "inspect", TAG))[0]

    assert told["Id"] == made.id
    assert told["Config"]["Labels"]["org.opencontainers.image.revision"] == made.commit
    assert len(told["RootFS"]["Layers"]) == 2


def test_setup_has_nothing_to_do_in_it_and_the_machine_is_good(job: Job) -> None:
    setup = job.run("make setup")
    rest = job.run(
        "make setup", ".venv/bin/pansoft check", ".venv/bin/pansoft doctor", "ls -A /sys/class/net"
    )

    assert (setup.returncode, setup.stdout, setup.stderr) == (0, "", "")
    assert rest.returncode == 0, rest.stdout + rest.stderr
    found = [line.split()[0] for line in rest.stdout.splitlines()]
    assert set(found) <= {"good", "warning", "1", "lo"}  # the check of one recipe, one interface
    assert found[-1] == "lo"


def test_a_package_is_built_and_tested_in_it_without_a_network_with_the_bytes_of_any_machine(
    job: Job, builds: Builds
) -> None:
    ours = f".venv/bin/pansoft --state /srv/builds {{}} {PACKAGE}"

    done = job.run("make setup", ours.format("build"), ours.format("test"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 of 15 passed" in done.stderr
    assert list(job.state.glob(f"images/*/{PACKAGE}.sif"))
    here, there = (folder / "bases" / builds.base.id for folder in (builds.state.folder, job.state))
    assert sha256_file(here / "base.squashfs") == sha256_file(there / "base.squashfs")


@pytest.mark.parametrize("left_out", ["SYS_ADMIN", "seccomp=unconfined"])
def test_doctor_says_what_a_container_lacks(job: Job, left_out: str) -> None:
    at = OPTIONS.index(left_out)

    done = job.run(
        "make setup", ".venv/bin/pansoft doctor", options=OPTIONS[: at - 1] + OPTIONS[at + 1 :]
    )

    assert done.returncode == 2
    assert "user namespaces  are refused" in done.stdout
    assert f" {left_out}" in done.stdout
