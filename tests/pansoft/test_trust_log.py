# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust log` as a publisher and a partner use it, and on logs that somebody changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builder.state import State
from core.console import Console
from core.errors import Refused, UserError
from cvmfs.mirroring.serve import serving
from pansoft import embedded, target
from pansoft.commands.trust import trust
from pansoft.context import Context
from tests.pansoft.publishers import AT, ROOT, log_of, publish
from tests.trust.decisions.chains import decision
from trust.decisions import waiting
from trust.decisions.chain import segment_path
from trust.decisions.head import HEAD_PATH
from trust.keys import local_key, local_policy

pytestmark = pytest.mark.needs("apptainer", "gpg")


def run(state: State, *argv: str | Path) -> Result:
    context = Context(project=ROOT, state=state.folder, console=Console(quiet=True))
    return CliRunner().invoke(trust, ["log", *(str(part) for part in argv)], obj=context)


def answer(state: State, *argv: str | Path) -> Any:
    return json.loads(run(state, *argv, "--json").stdout)


def shown_by(state: State, *argv: str | Path) -> list[str]:
    return [entry["decision"]["subject"] for entry in answer(state, *argv)["entries"]]


@pytest.fixture
def mount(publisher: State, tmp_path: Path) -> Path:
    """Return the log's files in a folder, as a mount shows them, to spoil."""
    folder = tmp_path / "mount"
    (folder / "trust" / "log").mkdir(parents=True)
    with target.read(publisher, at=AT) as reader:
        for path in (segment_path(0), HEAD_PATH):
            (folder / path).write_bytes(reader.read(path))
    return folder


@pytest.fixture
def partner(publisher: State, tmp_path: Path) -> State:
    """Return a partner, whose policy lists the publisher's key."""
    partner = State(tmp_path / "partner")
    shutil.copytree(local_policy(publisher.folder), local_policy(partner.folder))
    return partner


def test_the_log_is_shown_with_who_signed_it(publisher: State) -> None:
    done = run(publisher)

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[1] == (f"    1  2026-06-01 12:00  publish  yes  pyfai 1.0  by pgp:{'A' * 40}")
    assert lines[3].startswith(
        "software.pansoft.local: 3 entries in a whole chain, the last logged"
    )
    assert lines[4].startswith("head signed by local demo key (")


def test_it_can_be_narrowed_to_a_package_or_to_the_newest(publisher: State) -> None:
    publish(publisher, [decision(4, subject="other 2")])

    assert shown_by(publisher, "--package", "other") == ["other 2"]
    assert shown_by(publisher, "--since", f"{AT:%Y-%m-%d}")[-1] == "other 2"
    assert shown_by(publisher, "--since", "2999-01-01") == []


def test_what_waits_is_shown_as_waiting(publisher: State) -> None:
    waiting.note(
        publisher.decisions, decision(5, accepted=False, refused=("tests-passed",), who="")
    )

    done = run(publisher)

    assert (
        "    -  2026-06-01 12:05  publish  NO   pyfai 1.5  refused by tests-passed" in done.stdout
    )
    assert [each["subject"] for each in answer(publisher)["waiting"]] == ["pyfai 1.5"]


def test_a_partner_reads_it_by_http_and_from_a_mount(
    publisher: State, partner: State, mount: Path
) -> None:
    key = shutil.copy(target.public_key(publisher), partner.folder)
    with serving(publisher.repository) as url:
        by_http = answer(partner, "--source", url, "--public-key", key)

    assert by_http["head"]["signed"] is True
    assert answer(partner, "--source", mount)["entries"] == by_http["entries"]


def test_a_partner_that_does_not_list_the_key_is_shown_it_and_refused(
    mount: Path, tmp_path: Path
) -> None:
    done = run(State(tmp_path / "stranger"), "--source", mount)

    assert "pyfai 1.1" in done.stdout
    assert isinstance(done.exception, Refused)
    assert "nobody vouches" in done.exception.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(b"pyfai 1.0", b"pyfai 9.9", "entry 1 was altered", id="edited"),
        pytest.param(b"pyfai 1.1", b"pyfai 9.9", "entry 2 was altered", id="last-edited"),
        pytest.param(b"", b"", "entry 2 of the log: missing; the log was cut off", id="cut-off"),
    ],
)
def test_a_log_that_a_mirror_changed_is_refused_naming_the_entry(
    mount: Path, partner: State, old: bytes, new: bytes, said: str
) -> None:
    file = mount / segment_path(0)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines).replace(old, new) if old else b"".join(lines[:-1]))

    done = run(partner, "--source", mount)

    assert isinstance(done.exception, Refused)
    assert said in done.exception.message


def test_a_replayed_older_log_is_refused_by_who_saw_the_newer(
    publisher: State, partner: State, mount: Path, tmp_path: Path
) -> None:
    publish(publisher, [decision(8)])
    newer = tmp_path / "newer"
    (newer / "trust" / "log").mkdir(parents=True)
    with target.read(publisher, at=AT) as reader:
        for path in (segment_path(0), HEAD_PATH):
            (newer / path).write_bytes(reader.read(path))
    assert run(partner, "--source", newer).exit_code == 0

    done = run(partner, "--source", mount)

    assert isinstance(done.exception, Refused)
    assert "shrank" in done.exception.message
    assert run(
        State(tmp_path / "new here"), "--source", mount
    ).stdout  # who saw nothing cannot tell


def test_the_hash_that_somebody_noted_is_asked_for(publisher: State) -> None:
    noted = log_of(publisher).links[1].hash

    assert run(publisher, "--expect", noted.upper()).exit_code == 0
    refused = run(publisher, "--expect", "e" * 64).exception
    assert isinstance(refused, Refused)


def test_the_log_of_another_repository_is_refused(mount: Path, partner: State) -> None:
    done = run(partner, "--source", mount, "--fqrn", "other.example.org")

    assert isinstance(done.exception, Refused)
    assert "it was swapped" in done.exception.message


def test_a_repository_without_a_log_says_so(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    local_key(state.folder)
    embedded.ensure_repository(state, at=AT)

    done = run(state)

    assert isinstance(done.exception, UserError)
    assert done.exception.hint == "it begins with: pansoft apply"


def test_options_that_do_not_fit_are_refused(publisher: State, mount: Path) -> None:
    for argv in (
        ["--fqrn", "x"],
        ["--source", "/no/such/folder"],
        ["--source", str(mount), "--public-key", str(target.public_key(publisher))],
        ["--since", "yesterday"],
    ):
        assert isinstance(run(publisher, *argv).exception, UserError), argv
