# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft trust status` tells in time that the repository's whitelist ends, and how it is renewed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builder.state import State
from core.errors import EXIT_DONE, EXIT_REFUSED
from cvmfs.format.keys import create_keys
from cvmfs.format.whitelist import WHITELIST
from cvmfs.publishing.repository import create_repository, sign_whitelist
from pansoft import cli, clock, embedded
from tests.real_projects import real_project
from tests.servers import file_server

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDS = NOW + timedelta(days=30)
NAME = embedded.FQRN

Status = Callable[..., tuple[int, str]]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """Give a state without a repository."""
    monkeypatch.delenv("PANSOFT_SITE", raising=False)
    return State(tmp_path / "state")


@pytest.fixture
def published(state: State) -> State:
    """Give a state with a repository whose whitelist was signed now, for 30 days."""
    embedded.ensure_repository(state, at=NOW)
    return state


@pytest.fixture
def status(
    tmp_path: Path,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Status:
    """Give `pansoft trust status` as it ends and what it prints, some days after now."""
    project = real_project(tmp_path / "project")

    def run(days: float, *argv: str) -> tuple[int, str]:
        monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=days))
        first = ["--project", str(project), "--state", str(state.folder)]
        ended = cli.invoke([*first, "trust", "status", *argv])
        return ended, capsys.readouterr().out

    return run


def test_without_a_repository_nothing_is_said_of_one(status: Status, state: State) -> None:
    ended, said = status(0)

    assert (ended, "whitelist" in said) == (EXIT_DONE, False)
    assert json.loads(status(0, "--json")[1])["whitelist"] is None
    assert not embedded.exists(state)


@pytest.mark.parametrize(
    ("days", "warn", "is_alarm"),
    [
        (0, 10, False),
        (20.9, 10, False),
        (21, 10, True),
        (24, 5, False),
        (25, 5, True),
        (29, 0, False),
    ],
)
def test_it_alarms_when_so_many_days_are_left(
    days: float, warn: int, is_alarm: bool, published: State, status: Status
) -> None:
    ended, said = status(days, "--warn-days", str(warn))

    assert ended == (EXIT_REFUSED if is_alarm else EXIT_DONE)
    assert (f"ALARM: the whitelist of {NAME} expires on 2026-03-31 12:00 UTC: " in said) is is_alarm
    assert (f"the whitelist of {NAME} is good until 2026-03-31 12:00 UTC" in said) is not is_alarm


def test_what_apply_renews_by_itself_is_no_alarm_whatever_is_asked_for(
    published: State, status: Status
) -> None:
    assert status(0)[0] == status(20.9, "--warn-days", "400")[0] == EXIT_DONE

    repository, keys = embedded.ensure_repository(published, at=NOW + timedelta(days=20.9))

    assert repository.whitelist.expires > ENDS
    assert keys.master_key is not None


@pytest.mark.parametrize("days", [30, 45])
def test_one_that_has_ended_is_an_alarm_until_it_is_signed_anew(
    days: int, published: State, status: Status
) -> None:
    ended, said = status(days, "--warn-days", "0")

    assert ended == EXIT_REFUSED
    assert "has expired, clients refuse the repository since 2026-03-31 12:00 UTC: " in said

    repository, keys = embedded.ensure_repository(published, at=NOW)
    sign_whitelist(repository, keys, at=NOW + timedelta(days=days))

    assert status(days, "--warn-days", "0")[0] == EXIT_DONE


def test_it_says_where_the_master_key_is(published: State, status: Status) -> None:
    master_key = embedded.keys_folder(published) / f"{NAME}.masterkey"
    assert f"UTC: pansoft repo resign, with {master_key}\n" in status(25)[1]

    master_key.unlink()

    mend = f"pansoft repo resign, where {NAME}.masterkey is kept: it is not in {master_key.parent}"
    assert f"UTC: {mend}\n" in status(25)[1]


def test_programs_read_the_same(published: State, status: Status) -> None:
    def whitelist(days: int) -> tuple[int, Any]:
        ended, said = status(days, "--json")
        return ended, json.loads(said)["whitelist"]

    good = {"repository": NAME, "expires": "2026-03-31T12:00:00Z", "alarm": None}
    assert whitelist(0) == (EXIT_DONE, good)
    ended, found = whitelist(25)
    assert ended == EXIT_REFUSED
    assert found["alarm"].startswith(f"the whitelist of {NAME} expires on 2026-03-31 12:00 UTC: ")


def test_one_of_another_key_is_an_alarm(published: State, status: Status) -> None:
    file = published.repository / WHITELIST
    file.write_bytes(file.read_bytes().replace(b"E20260331", b"E20270331"))

    ended, said = status(0)

    assert ended == EXIT_REFUSED
    assert f"ALARM: the whitelist of {NAME} cannot be read: " in said
    assert json.loads(status(0, "--json")[1])["whitelist"]["expires"] is None


def test_one_of_a_facility_is_asked_for_and_its_server_may_be_away(
    tmp_path: Path, state: State, status: Status
) -> None:
    keys = create_keys(tmp_path / "keys", "software.example.org", at=NOW)
    create_repository(tmp_path / "stratum0", keys, at=NOW)
    state.folder.mkdir()
    with file_server() as server:
        server.add_folder(tmp_path / "stratum0", at=f"/cvmfs/{keys.fqrn}")
        (state.folder / "site.yaml").write_text(
            "schema: 1\nrepository:\n  backend: cvmfs_server\n"
            f"  name: {keys.fqrn}\n  stratum0: {server.address}/cvmfs/{keys.fqrn}\n"
            f"  public_key: {keys.public_key}\n"
        )
        assert status(20, "--warn-days", "9")[0] == EXIT_DONE
        ended, said = status(25)
    away = status(0)

    assert ended == EXIT_REFUSED
    mend = f"cvmfs_server resign {keys.fqrn}, on its Stratum 0 or where its master key is"
    assert f"expires on 2026-03-31 12:00 UTC: {mend}\n" in said
    assert away[0] == EXIT_REFUSED
    assert f"ALARM: the whitelist of {keys.fqrn} cannot be read: " in away[1]
