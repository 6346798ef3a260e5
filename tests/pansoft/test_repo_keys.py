# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo init --hash`, `describe`, `resign` and `rekey`, from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builder.state import State
from core.errors import EXIT_USER
from cvmfs.checking.check import check
from cvmfs.format.hashes import Algorithm, algorithm_of
from pansoft import cli, embedded


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Give a state with an empty repository."""
    state = State(tmp_path / "state")
    assert pansoft(state, "init", "--hash", "shake128") == 0
    return state


def pansoft(state: State, *argv: str) -> int:
    """Run a verb of `pansoft repo`."""
    return cli.invoke(["--state", str(state.folder), "-q", "repo", *argv])


def test_repository_has_the_algorithm_that_was_asked_for(state: State) -> None:
    root_hash = embedded.open_embedded(state).manifest.root_hash

    assert algorithm_of(root_hash) is Algorithm.SHAKE128


def test_key_is_replaced_and_the_whitelist_signed_for_it(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = embedded.open_embedded(state)
    before = repository.whitelist.fingerprints

    assert pansoft(state, "rekey") == 0
    between = repository.whitelist.fingerprints
    assert pansoft(state, "resign", "--days", "5") == 0

    assert len(between) == 2
    assert between[1:] == before
    assert repository.whitelist.fingerprints == between[:1]
    now = datetime.now(UTC)
    assert timedelta(days=4) < repository.whitelist.expires - now <= timedelta(days=5)
    assert check(embedded.read_repository(state, at=now)).is_sound
    assert "pansoft repo resign" in capsys.readouterr().out


def test_without_the_master_key_nothing_is_signed(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    (embedded.keys_folder(state) / f"{embedded.FQRN}.masterkey").unlink()

    assert [pansoft(state, verb) for verb in ("rekey", "resign")] == [EXIT_USER, EXIT_USER]
    assert pansoft(state, "describe", "--email", "a@b") == 0
    assert "do this where the master key is kept" in capsys.readouterr().err
    assert not list(embedded.keys_folder(state).glob("*.next"))


def test_description_is_published_and_printed(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    stratum1s = ("--recommended-stratum1", "http://a", "--recommended-stratum1", "http://b")
    assert pansoft(state, "describe", "--email", "a@b", *stratum1s) == 0
    assert pansoft(state, "describe", "--organisation", "a facility") == 0
    capsys.readouterr()
    before = embedded.open_embedded(state).manifest

    assert pansoft(state, "describe") == 0

    assert json.loads(capsys.readouterr().out) == {
        "email": "a@b",
        "organisation": "a facility",
        "recommended-stratum1s": ["http://a", "http://b"],
    }
    assert embedded.open_embedded(state).manifest == before
    assert before.revision == 1
