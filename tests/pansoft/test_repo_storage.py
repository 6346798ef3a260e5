# SPDX-License-Identifier: BSD-3-Clause
"""The repository in a bucket or another folder, as the site's file says, and who holds it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from builder.state import State
from core.errors import EXIT_DONE, EXIT_USER
from cvmfs.publishing.lease import LEASE, holder_of
from pansoft import cli, clock, embedded, target
from tests.cvmfs.s3_server import S3Server, credentials, s3_server


@pytest.fixture(scope="module")
def running_s3() -> Iterator[S3Server]:
    """Give a running S3 server."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(running_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Give an S3 server with an empty bucket, and its credentials to this process."""
    credentials(monkeypatch)
    running_s3.begin()
    return running_s3


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    """Give a state folder with nothing in it."""
    monkeypatch.delenv("PANSOFT_SITE", raising=False)
    (tmp_path / "state").mkdir()
    return State(tmp_path / "state")


@pytest.fixture
def in_bucket(state: State, s3: S3Server) -> State:
    """Give a state whose repository is in the bucket."""
    (state.folder / "site.yaml").write_text(
        "schema: 1\nrepository:\n  storage: s3://software/cvmfs/software.pansoft.local\n"
        f"  endpoint: {s3.url}\n"
    )
    return state


def pansoft(state: State, *argv: str) -> int:
    """Run a verb of `pansoft repo`."""
    return cli.invoke(["--state", str(state.folder), "-q", "repo", *argv])


def test_repository_is_made_published_to_and_checked_in_a_bucket(
    in_bucket: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pansoft(in_bucket, "init") == EXIT_DONE
    assert "is in s3://software/cvmfs/software.pansoft.local, revision 1" in capsys.readouterr().out

    backend = target.backend_of(in_bucket, at=clock.now())
    with backend.transaction(at=clock.now(), message="a first file") as tx:
        tx.put_bytes(b"content\n", "testing/file")

    with target.read(in_bucket, at=clock.now()) as reader:
        assert reader.read("testing/file") == b"content\n"
    assert pansoft(in_bucket, "log") == EXIT_DONE
    assert "a first file" in capsys.readouterr().out
    assert pansoft(in_bucket, "check") == EXIT_DONE
    assert "sound" in capsys.readouterr().out
    assert not in_bucket.repository.exists()


def test_bucket_is_not_served_and_mounted_from_where_readers_find_it(
    in_bucket: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pansoft(in_bucket, "init") == EXIT_DONE

    for verb in (["serve", "--port", "0"], ["mount", str(in_bucket.folder / "mnt")]):
        assert pansoft(in_bucket, *verb) == EXIT_USER
        said = capsys.readouterr().err
        assert "is in s3://software/cvmfs/software.pansoft.local, not in a folder" in said
        assert "`public` in site.yaml" in said


def test_where_readers_find_a_bucket_is_what_is_mounted(in_bucket: State) -> None:
    with (in_bucket.folder / "site.yaml").open("a") as file:
        file.write("  public: https://software.example.org/cvmfs/software.pansoft.local\n")

    source = embedded.readers_source(in_bucket)

    assert source == "https://software.example.org/cvmfs/software.pansoft.local"


def test_repository_may_be_in_another_folder(state: State, tmp_path: Path) -> None:
    (state.folder / "site.yaml").write_text(
        f"schema: 1\nrepository: {{storage: {tmp_path}/elsewhere, wait: 1}}\n"
    )

    assert pansoft(state, "init") == EXIT_DONE

    assert (tmp_path / "elsewhere" / ".cvmfspublished").is_file()
    assert embedded.open_embedded(state).wait_s == 60.0


def test_holder_is_shown_and_put_out(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    assert pansoft(state, "init") == EXIT_DONE
    repository = embedded.open_embedded(state)
    with repository.locked("try"):
        holder = holder_of(repository.storage)
    assert holder is not None
    other = replace(holder, machine="another", owner="anna@build7", expires=time.time() + 60)
    capsys.readouterr()

    assert pansoft(state, "unlock") == EXIT_DONE
    assert "nobody holds software.pansoft.local" in capsys.readouterr().out

    repository.storage.replace(LEASE, other.encode())
    assert pansoft(state, "unlock", "--json") == EXIT_DONE
    assert json.loads(capsys.readouterr().out)["holder"]["owner"] == "anna@build7"
    assert holder_of(repository.storage) == other

    assert pansoft(state, "unlock", "--force") == EXIT_DONE
    assert "is held by anna@build7, process" in capsys.readouterr().out
    assert holder_of(repository.storage) is None
