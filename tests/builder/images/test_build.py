# SPDX-License-Identifier: BSD-3-Clause
"""Real builds on a real base: what gets into an image, what does not, and what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.images.built import Built, built
from builder.images.plan import BuildPlan, PlannedFile
from builder.images.sandbox import scratch_folder
from builder.inputs.lock import read_package_lock
from builder.recipes import load
from core import process
from core.errors import UserError
from core.files import sha256_file
from tests.builder.conftest import ROOT, Builds
from tests.real_projects import real_project

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap")

SCRIPT = r"""
mkdir -p "$PREFIX/bin"
printf '#!/bin/sh\necho hello\n' > "$PREFIX/bin/hello"
cp "$PREFIX/bin/hello" "$PREFIX/bin/becomes root"
chmod 755 "$PREFIX/bin/hello"
chmod 4755 "$PREFIX/bin/becomes root"
echo data > "$PREFIX/anybody"
chmod 666 "$PREFIX/anybody"
rm /etc/issue
rm -r /usr/share/common-licenses
mkdir /usr/share/common-licenses
echo own > /usr/share/common-licenses/OWN
ls /usr/lib/x86_64-linux-gnu/libaec.so.0 > "$PREFIX/tool"
id -u > "$PREFIX/who"
cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' ' > "$PREFIX/interfaces"
getent hosts example.org > "$PREFIX/resolved" || true
env | cut -d= -f1 | sort > "$PREFIX/environment"
"""
CONTENT = b"#!/bin/sh\necho from the recipe\n"
FILES = (
    PlannedFile("/opt/tiny/bin/own", 0o755, "0" * 64, CONTENT),
    PlannedFile("/etc/tiny/a file", 0o600, "1" * 64, b"settings"),
)


@pytest.fixture(scope="session")
def made(builds: Builds) -> Built:
    """Return an image in which everything is that a package can do."""
    return builds.build(rich_plan(builds))


def rich_plan(builds: Builds) -> BuildPlan:
    recipe = load.load_recipe(ROOT / "recipes" / "hdf5-tools")
    lock = read_package_lock(recipe, builds.base.lock)
    tools = tuple(package for package in lock.debian if package.name == "libaec0")
    environment = (("GREETING", "it's me"), ("PATH", "/opt/tiny/bin:/usr/bin:/bin"))
    return builds.plan(SCRIPT, files=FILES, tools=tools, environment=environment)


def test_a_base_has_nothing_of_this_hosts_resolver_not_even_its_mode(builds: Builds) -> None:
    file = builds.state.base(builds.base.id) / "root" / "etc" / "resolv.conf"

    assert (file.read_bytes(), file.stat().st_mode & 0o7777) == (b"", 0o644)


def said(builds: Builds, made: Built, script: str) -> str:
    done = builds.run(made.image.path, script)
    return done.stdout + done.stderr


def test_an_image_is_what_its_facts_say(made: Built) -> None:
    assert made.image.sha256 == sha256_file(made.image.path)
    assert made.image.size == made.image.path.stat().st_size
    assert made.image.delta_size < 1_000_000
    assert (made.image.name, made.image.version, made.image.base) == ("tiny", "1.0", "debian-12")


def test_the_script_installs_programs(builds: Builds, made: Built) -> None:
    assert said(builds, made, "hello") == "hello\n"


def test_local_files_get_in_with_their_modes(builds: Builds, made: Built) -> None:
    assert said(builds, made, "own; stat -c %a '/etc/tiny/a file' /opt/tiny/bin/own") == (
        "from the recipe\n600\n755\n"
    )


def test_the_environment_of_the_recipe_is_set(builds: Builds, made: Built) -> None:
    assert said(builds, made, 'echo "$GREETING"') == "it's me\n"


def test_a_file_of_the_base_that_was_deleted_is_gone(builds: Builds, made: Built) -> None:
    assert said(builds, made, "ls /etc/issue; ls /etc/issue.net").splitlines() == [
        "/etc/issue.net",
        "ls: cannot access '/etc/issue': No such file or directory",
    ]


def test_a_folder_that_was_replaced_shows_nothing_of_the_base(builds: Builds, made: Built) -> None:
    assert said(builds, made, "ls /usr/share/common-licenses") == "OWN\n"


def test_build_tools_are_there_for_the_script_and_gone_afterwards(
    builds: Builds, made: Built
) -> None:
    assert said(builds, made, "cat /opt/tiny/tool; ls /usr/lib/*/libaec*; dpkg -s libaec0") == (
        "/usr/lib/x86_64-linux-gnu/libaec.so.0\n"
        "ls: cannot access '/usr/lib/*/libaec*': No such file or directory\n"
        "dpkg-query: package 'libaec0' is not installed and no information is available\n"
        "Use dpkg --info (= dpkg-deb --info) to examine archive files.\n"
    )


def test_what_is_in_an_image_is_written_beside_it(made: Built) -> None:
    folder = made.image.path.parent
    scan, bill = made.findings.scan, made.findings.bill
    assert scan is not None
    assert bill is not None
    assert scan.files > 3000
    assert scan.sights == ()
    assert bill.spdx_sha256 == sha256_file(folder / "sbom.spdx.json")
    assert bill.cyclonedx_sha256 == sha256_file(folder / "sbom.cdx.json")
    names = {
        part["name"] for part in json.loads((folder / "sbom.cdx.json").read_text())["components"]
    }
    assert {"libc6", "base-files"} <= names
    assert "libaec0" not in names  # a build tool, taken out again


def test_set_uid_and_world_writable_files_are_found(made: Built) -> None:
    assert made.findings.setuid == ("/opt/tiny/bin/becomes root",)
    assert made.findings.world_writable == ("/opt/tiny/anybody",)


def test_a_build_has_no_network(builds: Builds, made: Built) -> None:
    assert said(builds, made, "cat /opt/tiny/interfaces /opt/tiny/resolved") == "lo\n"


def test_a_build_is_root_in_its_namespace_only(builds: Builds, made: Built) -> None:
    assert said(builds, made, "cat /opt/tiny/who") == "0\n"
    assert made.image.path.stat().st_uid == os.geteuid()


def test_nothing_of_the_callers_environment_is_in_a_build(builds: Builds, made: Built) -> None:
    names = said(builds, made, "cat /opt/tiny/environment").split()

    assert set(names) - {"OLDPWD", "PWD", "TERM", "_"} == {
        "DEBIAN_FRONTEND", "HOME", "LC_ALL", "PANSOFT_SOURCES", "PATH", "PREFIX",
        "PYTHONDONTWRITEBYTECODE", "SOURCE_DATE_EPOCH",
    }  # fmt: skip


def test_genuine_apptainer_inspects_the_image(builds: Builds, made: Built) -> None:
    command = builds.user.command(
        ["apptainer", "inspect", "--json", made.image.path], reach=[made.image.path.parent]
    )
    inspected = process.run(
        command, reason="inspect an image", env=builds.user.environment(), cwd=Path("/")
    )

    labels = json.loads(inspected.stdout)["data"]["attributes"]["labels"]
    assert labels == {
        "org.opencontainers.image.title": "tiny",
        "org.opencontainers.image.version": "1.0",
        "org.opencontainers.image.licenses": "MIT",
        "pansoft.base": "debian-12",
        "pansoft.plan": made.image.plan,
    }


def test_the_same_plan_in_another_state_gives_the_same_bytes(
    builds: Builds, tmp_path: Path
) -> None:
    plan = builds.plan("date > $PREFIX/../never; rm $PREFIX/../never; echo x > $PREFIX/file")

    one = builds.build(plan)
    other = builds.build(plan, builds.beside(tmp_path / "another state"))

    assert other.image.path != one.image.path
    assert other.image.sha256 == one.image.sha256


def test_what_is_made_by_chance_or_of_this_machine_gets_into_no_image(
    builds: Builds, tmp_path: Path
) -> None:
    """As postinst scripts of dbus, ssl-cert, openssh-server, sgml-base and install-info make it."""
    chance = " ".join(
        ["/var/lib/dbus/machine-id", "/etc/ssl/private/ssl-cert-snakeoil.key", "/root/.npm/_logs/x",
         "/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssh/ssh_host_rsa_key", "/var/backups/x",
         "/var/lib/sgml-base/supercatalog.old", "/etc/xml/catalog.old", "/usr/share/info/dir.old",
         "/var/lib/ucf/hashfile.0", "/root/.gnupg/random_seed", "/root/.bash_history"]
    )  # fmt: skip
    plan = builds.plan(
        f"for file in {chance}; do mkdir -p ${{file%/*}}; head -c 16 /dev/urandom > $file; done;"
        "uname -n > $PREFIX/host"
    )

    one = builds.build(plan, builds.beside(tmp_path / "one"))
    other = builds.build(plan, builds.beside(tmp_path / "other"))

    assert one.image.sha256 == other.image.sha256
    assert said(builds, one, "cat /opt/tiny/host") == "pansoft\n"


def test_a_plan_that_is_built_is_not_built_again(builds: Builds, made: Built) -> None:
    before = made.image.path.stat()

    again = builds.build(rich_plan(builds))

    assert not again.fresh
    assert again.image == made.image
    assert again.image.path.stat() == before


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("bash -c 'exec 3<>/dev/tcp/example.org/80'", id="by name"),
        pytest.param("bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'", id="by address"),
    ],
)
def test_a_script_that_downloads_is_told_that_builds_have_no_network(
    builds: Builds, script: str
) -> None:
    plan = builds.plan(script)

    with pytest.raises(UserError) as failed:
        builds.build(plan)

    assert failed.value.message.startswith(
        "the recipe's script wants the network, and builds have none"
    )
    assert "build.sources" in str(failed.value.hint)


def test_a_script_that_fails_shows_the_end_of_what_it_said(builds: Builds, tmp_path: Path) -> None:
    state = builds.beside(tmp_path / "state")
    plan = builds.plan("seq 1 100\necho 'make: *** [all] Error 2' >&2\nexit 7")

    with pytest.raises(UserError) as failed:
        builds.build(plan, state)

    lines = failed.value.message.splitlines()
    assert lines[:2] == ["the recipe's script failed", "  at line 3 of the script: exit 7"]
    assert lines[-5:] == [
        "    100",
        "    script$ echo make: *** [all] Error 2",
        "    make: *** [all] Error 2",
        "    script$ exit 7",
        "    pansoft: the script of the recipe ended with status 7",
    ]
    log = state.failed_log(plan.id)
    assert failed.value.hint == (
        "the whole log: pansoft log tiny; look inside: pansoft shell tiny --at-failure"
    )
    assert "\n1\n2\n3\n" in log.read_text()


def test_a_build_that_fails_leaves_nothing_but_its_log(builds: Builds, tmp_path: Path) -> None:
    state = builds.beside(tmp_path / "state")
    plan = builds.plan("mkdir -p $PREFIX/a/b; chmod 0 $PREFIX/a; chown 7:7 $PREFIX; false")

    with pytest.raises(UserError):
        builds.build(plan, state)

    assert list(state.scratch.iterdir()) == []
    assert built(plan, state) is None
    assert sorted(item.name for item in state.folder.iterdir()) == [
        "bases", "inputs", "locks", "logs", "scratch",
    ]  # fmt: skip


def test_a_killed_build_leaves_no_process_and_the_next_run_cleans_and_finishes(
    builds: Builds, tmp_path: Path
) -> None:
    state = builds.beside(tmp_path / "state")
    project = real_project(tmp_path / "project", "mkdir $PREFIX/a; sleep 7.25; echo > $PREFIX/b")
    command: list[str | Path] = [
        sys.executable, "-m", "pansoft", "--project", project, "--state", state.folder,
        "build", "plotter",
    ]  # fmt: skip
    first = process.start(command, reason="build", cwd=ROOT)
    wait_for(lambda: runs("sleep", "7.25"))

    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    wait_for(lambda: not runs("sleep", "7.25"))
    [left] = state.scratch.iterdir()
    [lock] = state.locks.glob("plan-*")
    half = state.folder / "images" / f".{lock.name.removeprefix('plan-')}.half"
    half.mkdir(parents=True)  # as a kill during the last rename leaves it
    again = process.run(command, reason="build", cwd=ROOT)
    assert again.stdout.startswith("plotter 5.4.4 built ")
    assert not left.exists()
    assert not half.exists()
    assert list(state.scratch.iterdir()) == []


def runs(*argv: str) -> bool:
    """Return whether a process with exactly this command line is alive."""
    wanted = "\0".join(argv).encode() + b"\0"
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes() == wanted:
                return True
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def test_what_another_process_builds_in_is_left_alone(builds: Builds, tmp_path: Path) -> None:
    parent = tmp_path / "scratch"

    with scratch_folder(parent, builds.user) as one:
        (one / "file").write_text("in use")
        with scratch_folder(parent, builds.user):
            assert (one / "file").read_text() == "in use"

    assert list(parent.iterdir()) == []
