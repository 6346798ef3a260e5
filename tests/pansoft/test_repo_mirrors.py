# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft repo replicate`, `status`, `info` and `serve`: a second site from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from builder.state import State
from cvmfs.mirroring.serve import serving
from pansoft import cli, embedded
from tests.cvmfs.s3_server import credentials, s3_server


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


def test_replica_may_be_in_a_bucket(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    credentials(monkeypatch)
    name = ["--fqrn", embedded.FQRN]
    with s3_server() as s3:
        assert pansoft(state, "replicate", str(state.repository), s3.place(), *name) == 0
        capsys.readouterr()
        assert pansoft(state, "status", str(state.repository), s3.public(), *name, "--json") == 0

    facts = json.loads(capsys.readouterr().out)
    assert [mirror["revision"] for mirror in facts["mirrors"]] == [1, 1]


def test_a_replica_is_no_source(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = ["--fqrn", embedded.FQRN]
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert pansoft(state, "replicate", str(state.repository), first, *name) == 0

    assert pansoft(state, "replicate", first, second, *name) == 2

    assert f"{first} is not a server for replication" in capsys.readouterr().err


def test_status_compares_servers(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "replica"
    source = str(state.repository)
    assert pansoft(state, "replicate", source, str(place), "--fqrn", embedded.FQRN) == 0
    capsys.readouterr()
    with serving(state.repository) as original, serving(place) as replica:
        assert pansoft(state, "status", original, replica) == 0
        table = capsys.readouterr().out.splitlines()
        (place / ".cvmfspublished").unlink()
        assert pansoft(state, "status", original, replica, "--json", "--warn-days", "90") == 3

    facts = json.loads(capsys.readouterr().out)
    assert table[0].split() == [
        "revision", "root", "published", "updated", "whitelist", "answers", "server"
    ]  # fmt: skip
    assert [line.split()[0] for line in table[1:]] == ["1", "1"]
    assert "original" in table[1]
    assert "original" not in table[2]
    assert [mirror["verified"] for mirror in facts["mirrors"]] == [True, False]
    said = {alarm["url"]: alarm["message"] for alarm in facts["alarms"]}
    assert said[original].startswith("its whitelist expires in 29 d")
    assert said[replica].endswith(".cvmfspublished is missing")


def test_info_is_written_for_a_web_server(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "srv"
    source, place = str(state.repository), str(root / embedded.FQRN)
    assert pansoft(state, "replicate", source, place, "--fqrn", embedded.FQRN) == 0
    capsys.readouterr()

    assert pansoft(state, "info", str(root), "--email", "cvmfs@example.org") == 0

    assert capsys.readouterr().out == f"replica   {embedded.FQRN}\n"
    meta = json.loads((root / "info" / "v1" / "meta.json").read_text())
    assert meta["email"] == "cvmfs@example.org"


def test_serve_names_a_folder_without_a_repository(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pansoft(state, "serve", str(tmp_path)) == 2

    assert f"{tmp_path}/.cvmfspublished is missing" in capsys.readouterr().err


def test_a_replica_is_checked_where_it_is_and_over_the_web(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / embedded.FQRN
    key = ["--public-key", str(embedded.public_key(state))]
    stranger = State(tmp_path / "else")
    assert (
        pansoft(state, "replicate", str(state.repository), str(folder), "--fqrn", embedded.FQRN)
        == 0
    )
    (folder / "data" / "ab" / ("0" * 38)).write_bytes(b"of no revision")
    capsys.readouterr()

    assert pansoft(stranger, "check", "--source", str(folder), *key, "--orphans") == 0
    assert "1 objects (14 B) belong to no revision" in capsys.readouterr().out
    with serving(folder) as url:
        assert pansoft(stranger, "check", "--source", url, *key) == 0
        assert capsys.readouterr().out.startswith(
            f"revision 1 of {embedded.FQRN}: sound; 1 entries"
        )
        assert pansoft(stranger, "check", "--source", url, *key, "--orphans") == 2
    assert "a web server does not say which objects it has" in capsys.readouterr().err


def test_a_damaged_replica_is_named(
    state: State, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / embedded.FQRN
    assert (
        pansoft(state, "replicate", str(state.repository), str(folder), "--fqrn", embedded.FQRN)
        == 0
    )
    history = next(folder.glob("data/??/*H"))
    history.write_bytes(history.read_bytes()[:-1])

    assert pansoft(state, "check", "--source", str(folder)) == 3

    assert history.name in capsys.readouterr().out


def test_a_key_without_a_source_is_refused(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pansoft(state, "check", "--fqrn", "software.example.org") == 2

    assert "--public-key and --fqrn go with --source" in capsys.readouterr().err
