# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo replicate`: a second site from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.state import State
from cvmfs.serve import serving
from pansoft import cli, embedded


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Give a state with an empty repository."""
    state = State(tmp_path / "state")
    assert pansoft(state, "init") == 0
    return state


def pansoft(state: State, *argv: str) -> int:
    """Run a verb of `pansoft repo`."""
    return cli.invoke(["--state", str(state.folder), "-q", "repo", *argv])


def test_replica_is_made_and_brought_up_to_date(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    place = str(tmp_path / "replica")
    key = str(embedded.public_key(state))
    with serving(state.repository) as url:
        assert pansoft(State(tmp_path / "else"), "replicate", url, place, "--public-key", key) == 0
        said = capsys.readouterr().out
        assert pansoft(state, "replicate", url, place, "--json") == 0

    facts = json.loads(capsys.readouterr().out)
    assert said.startswith(f"revision 1 of {embedded.FQRN} (new replica): 4 objects fetched, ")
    assert (facts["fqrn"], facts["was"], facts["new_objects"]) == (embedded.FQRN, 1, 0)


def test_a_replica_is_no_source(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = ["--fqrn", embedded.FQRN]
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert pansoft(state, "replicate", str(state.repository), first, *name) == 0

    assert pansoft(state, "replicate", first, second, *name) == 2

    assert f"{first} is not a server for replication" in capsys.readouterr().err
