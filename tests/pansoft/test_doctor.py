# SPDX-License-Identifier: BSD-3-Clause
"""What doctor says of machines that lack one thing or another."""

from __future__ import annotations

import json
import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from click.testing import CliRunner

from builder.images.build_user import BuildUser
from core import process
from core.console import Console
from core.errors import EXIT_USER, UserError
from cvmfs.format.keys import create_keys
from cvmfs.publishing.repository import create_repository
from pansoft import clock, doctor
from pansoft.commands.doctor import doctor as verb
from pansoft.context import Context
from pansoft.doctor import Finding, Health
from tests.fakes import FakeProgram

PROGRAMS = (
    "unshare", "mksquashfs", "squashfuse_ll", "fusermount3", "newuidmap", "mmdebstrap", "dpkg-deb",
    "gpg", "zstd", "apt-get",
)  # fmt: skip
USER = BuildUser("somebody", 1000, 1000, switches=False)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the one folder of programs of a machine that has everything."""
    folder = tmp_path / "bin"
    for program in PROGRAMS:
        FakeProgram.put(folder, program)
    FakeProgram.put(folder, "apptainer", prints="apptainer version 1.4.5-2\n")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(process, "SYSTEM_PATH", str(folder))
    (tmp_path / "fuse").touch()
    (tmp_path / "fuse").chmod(0o666)
    monkeypatch.setattr(doctor, "_FUSE", tmp_path / "fuse")
    monkeypatch.setattr(doctor, "build_user", lambda: USER)
    monkeypatch.setattr(doctor, "_subordinate_ids", lambda *_: 65536)
    FakeProgram.put(folder, "setpriv")
    return folder


def findings(state: Path) -> dict[str, Finding]:
    return {finding.check: finding for finding in doctor.examine(state)}


def bad(state: Path) -> list[Finding]:
    return [finding for finding in doctor.examine(state) if finding.health is Health.BAD]


def test_nothing_is_bad_on_a_machine_that_has_everything(machine: Path, tmp_path: Path) -> None:
    assert bad(tmp_path) == []
    assert findings(tmp_path)["Apptainer"].message == "1.4.5-2"


def test_apptainer_that_is_missing_is_mended_for_this_system(machine: Path, tmp_path: Path) -> None:
    (machine / "apptainer").unlink()

    [finding] = bad(tmp_path)

    assert (finding.check, finding.message) == ("Apptainer", "is not installed")
    assert finding.mend == doctor.how_to_install_apptainer()


@pytest.mark.parametrize(
    ("prints", "message"),
    [
        ("apptainer version 1.1.9\n", "1.1.9, at least 1.2 is needed"),
        ("singularity 0.9\n", "0.9, at least 1.2 is needed"),
        ("", "of unknown version, at least 1.2 is needed"),
    ],
    ids=["old", "very old", "silent"],
)
def test_an_apptainer_that_is_too_old_is_bad(
    machine: Path, tmp_path: Path, prints: str, message: str
) -> None:
    FakeProgram.put(machine, "apptainer", prints=prints)

    [finding] = bad(tmp_path)

    assert finding.message == message


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=debian\nVERSION_ID="12"\n', "sh setup/apptainer-debian.sh"),
        ("ID=ubuntu\nID_LIKE=debian\n", "add-apt-repository -y ppa:apptainer/ppa"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install -y epel-release"),
        ("ID=fedora\n", "dnf install -y apptainer"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "zypper install -y apptainer"),
        ("ID=plan9\n", "see https://apptainer.org/docs/"),
    ],
    ids=["debian", "ubuntu", "rocky", "fedora", "suse", "another"],
)
def test_each_system_has_its_command_for_apptainer(
    monkeypatch: pytest.MonkeyPatch, release: str, command: str
) -> None:
    pairs = dict(line.split("=", 1) for line in release.replace('"', "").splitlines())
    monkeypatch.setattr(doctor, "_os_release", lambda: pairs)

    assert doctor.how_to_install_apptainer().startswith(command)


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("unshare", "util-linux"),
        ("mksquashfs", "squashfs-tools"),
        ("squashfuse_ll", "squashfuse"),
        ("fusermount3", "fuse3"),
        ("newuidmap", "uidmap"),
        ("mmdebstrap", "mmdebstrap"),
        ("dpkg-deb", "dpkg"),
        ("gpg", "gnupg"),
        ("zstd", "zstd"),
    ],
)
def test_a_missing_program_is_named_with_its_package(
    machine: Path, tmp_path: Path, program: str, package: str
) -> None:
    (machine / program).unlink()

    [finding] = bad(tmp_path)

    assert finding.check == program
    assert finding.message.startswith("is missing; it is needed to ")
    assert finding.mend == f"apt-get install -y {package}"


def test_without_apt_one_can_build_but_not_lock(machine: Path, tmp_path: Path) -> None:
    (machine / "apt-get").unlink()

    finding = findings(tmp_path)["apt-get"]

    assert finding.health is Health.WARNING
    assert bad(tmp_path) == []


def test_a_missing_build_user_is_bad(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> BuildUser:
        raise UserError("root does not build", hint="useradd pansoft-build")

    monkeypatch.setattr(doctor, "build_user", missing)
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert {(item.check, item.mend) for item in bad(tmp_path)} == {
        ("build user", "useradd pansoft-build"),
        ("user namespaces", "useradd pansoft-build"),
    }


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("somebody:100000:65536\n", 65536),
        ("1000:100000:65536\n", 65536),
        ("somebody:100000:10\nsomebody:200000:70000\n", 70000),
        ("other:100000:65536\n", 0),
        ("# a comment\nnonsense\n", 0),
        ("somebody:100000:many\n", 0),
        (None, 0),
    ],
    ids=["by name", "by number", "the largest", "of others", "comments", "no number", "no file"],
)
def test_subordinate_ids_are_counted(tmp_path: Path, text: str | None, size: int) -> None:
    file = tmp_path / "subuid"
    if text is not None:
        file.write_text(text)

    assert doctor._subordinate_ids(file, "somebody", 1000) == size


def test_too_few_subordinate_ids_are_bad(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_subordinate_ids", lambda *_: 10)

    assert [(item.check, item.mend) for item in bad(tmp_path)] == [
        ("/etc/subuid", "usermod --add-subuids 100000-165535 somebody"),
        ("/etc/subgid", "usermod --add-subgids 100000-165535 somebody"),
    ]


def test_refused_namespaces_are_bad_with_a_way_out(machine: Path, tmp_path: Path) -> None:
    FakeProgram.put(machine, "setpriv", status=1)

    [finding] = bad(tmp_path)

    assert finding.check == "user namespaces"
    assert finding.message.startswith("are refused: ")
    assert str(finding.mend).startswith(("sysctl -w ", "in a container, run it with: "))


def test_a_fuse_device_that_is_closed_or_missing_is_bad(machine: Path, tmp_path: Path) -> None:
    (tmp_path / "fuse").chmod(0o600)
    [closed] = bad(tmp_path)
    (tmp_path / "fuse").unlink()
    [missing] = bad(tmp_path)

    assert closed.message == "has mode 600: ordinary users cannot mount images"
    assert closed.mend == f"chmod 666 {tmp_path}/fuse"
    assert (missing.message, missing.mend) == ("does not exist", "modprobe fuse")


def test_little_disk_is_a_warning(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 3_000_000_000))

    finding = findings(tmp_path / "not yet" / "there")["disk"]

    assert finding.health is Health.WARNING
    assert finding.message == f"3.0 GB free for {tmp_path}/not yet/there"


def test_a_state_folder_that_cannot_be_written_is_bad(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)

    assert [item.message for item in bad(tmp_path)] == [f"{tmp_path} cannot be written to"]


def settle(state: Path, **fields: object) -> None:
    """Write the site's file of somebody whose repository a facility writes."""
    lines = [f"  {name}: {value}" for name, value in fields.items()]
    (state / "site.yaml").write_text("\n".join(["schema: 1", "repository:", *lines, ""]))


def test_repository_of_a_facility_is_looked_at(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PANSOFT_SITE", raising=False)
    keys = create_keys(tmp_path / "keys", "software.example.org", at=clock.now())
    create_repository(tmp_path / "stratum0", keys, at=clock.now())
    fields = {
        "backend": "cvmfs_server",
        "name": keys.fqrn,
        "stratum0": tmp_path / "stratum0",
        "public_key": keys.public_key,
    }
    settle(tmp_path, **fields)
    [without] = [item.message for item in bad(tmp_path)]
    FakeProgram.put(machine, "cvmfs_server")
    with_it = findings(tmp_path)["repository"]
    settle(tmp_path, **fields | {"stratum0": tmp_path / "nowhere"})
    [unread] = [item.message for item in bad(tmp_path)]
    settle(tmp_path, backend="cvmfs_server")
    [unsaid] = [item.message for item in bad(tmp_path)]

    assert without == "cvmfs_server, which writes software.example.org, is not on this machine"
    assert with_it.message == "software.example.org, revision 1, through cvmfs_server"
    assert unread == f"{tmp_path / 'nowhere' / '.cvmfspublished'} is missing"
    assert "the backend cvmfs_server needs the field 'name'" in unsaid


def test_the_verb_ends_with_2_where_something_is_bad_and_speaks_json(
    machine: Path, tmp_path: Path
) -> None:
    context = Context(project=tmp_path, state=tmp_path, console=Console(quiet=True))

    def run(*argv: str) -> tuple[object, str]:
        done = CliRunner().invoke(verb, argv, obj=context, standalone_mode=False)
        return done.return_value, done.stdout

    assert run()[0] == 0
    (machine / "gpg").unlink()
    status, text = run("--json")
    assert status == EXIT_USER
    [finding] = [item for item in json.loads(text) if item["health"] == "bad"]
    assert finding == {
        "check": "gpg",
        "health": "bad",
        "message": "is missing; it is needed to sign statements",
        "mend": "apt-get install -y gnupg",
    }
    assert "mend: apt-get install -y gnupg" in run()[1]
