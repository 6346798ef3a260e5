# SPDX-License-Identifier: BSD-3-Clause
"""Publishing through `cvmfs_server`: the tests' program makes the revision, reader and check judge it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.errors import Busy, CommandFailed, UserError
from cvmfs.backends.cvmfs_server import OWNER, CvmfsServer
from cvmfs.checking.check import check
from cvmfs.errors import NotFound, RepositoryError
from cvmfs.format.history import log as log_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.publishing.repository import Repository, repository_at
from cvmfs.reading.reader import Reader
from tests.cvmfs.backends.machines import put_server
from tests.cvmfs.samples import AT, FQRN, LATER, make_odd_tree, read, repository_snapshot, snapshot


@dataclass(frozen=True)
class Site:
    """A machine with the program and one repository."""

    state: Path
    keys: RepositoryKeys
    backend: CvmfsServer

    @property
    def repository(self) -> Repository:
        return repository_at(self.state / "repositories" / FQRN, FQRN)

    @property
    def reader(self) -> Reader:
        return read(self.repository, self.keys)

    @property
    def mount(self) -> Path:
        return self.state / "mounts" / FQRN

    @property
    def calls(self) -> list[str]:
        """Return the command of every call."""
        lines = (self.state / "log").read_text().splitlines()
        return [line.split()[0] for line in lines]

    def is_in_transaction(self) -> bool:
        return (self.state / "spool" / FQRN / "in_transaction").exists()

    def configure(self, **settings: str) -> None:
        (self.state / "conf" / f"{FQRN}.json").write_text(json.dumps(settings))


@pytest.fixture
def site(tmp_path: Path, repository: Repository, keys: RepositoryKeys) -> Site:
    """Give a machine whose repository is empty."""
    state = tmp_path / "machine"
    program = put_server(tmp_path / "bin", state, repository, keys)
    backend = CvmfsServer(
        fqrn=FQRN,
        source=state / "repositories" / FQRN,
        public_key=keys.public_key,
        program=str(program),
        mounts=state / "mounts",
    )
    return Site(state, keys, backend)


def test_tree_comes_through_as_it_was(site: Site, tmp_path: Path) -> None:
    tree = make_odd_tree(tmp_path / "odd tree")

    with site.backend.transaction(at=AT, message="publish odd 1.0; rm -rf $HOME") as tx:
        tx.put_tree(tree, "images/odd", nest=True)
        tx.put_file(tree / "script.sh", "bin/script")
        tx.put_bytes(b"{}\n", "stable/index.json", mtime=1_700_000_000)

    reader = site.reader
    assert repository_snapshot(reader, "images/odd") == snapshot(tree)
    assert reader.entry("images/odd").is_mountpoint
    assert reader.entry("images/odd/linked/one").link_count == 3
    assert reader.entry("bin/script").mode == 0o100755
    assert reader.entry("stable/index.json").mtime == 1_700_000_000
    assert reader.lookup(OWNER) is None
    assert check(reader).findings == ()
    assert site.calls == ["transaction", "publish"]
    assert (tx.published.revision, tx.published.root_hash) == (2, reader.root_hash)
    assert tx.published.is_new
    assert tx.published.new_bytes is None
    [latest, *_] = log_of(site.repository)
    assert latest.description.startswith("pansoft-2026-03-01T12:30:15Z-")
    assert latest.description.endswith(" publish_odd_1.0_rm_-rf_HOME")


def test_next_revision_changes_and_removes(site: Site, tmp_path: Path) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    with site.backend.transaction(at=AT, message="one") as tx:
        tx.put_tree(tree, "odd", nest=True)
        tx.put_bytes(b"old\n", "old/file")
    (tree / "empty").write_text("not now\n")
    shutil.rmtree(tree / "with spaces")
    (tree / "with spaces").write_text("a file now\n")
    (tree / "secret").chmod(0o600)

    with site.backend.transaction(at=LATER, message="two") as tx:
        tx.put_tree(tree, "odd", nest=True)
        tx.remove("old")
        was_there = tx.exists("odd/secret"), tx.exists("old/file")

    reader = site.reader
    assert repository_snapshot(reader, "odd") == snapshot(tree)
    assert reader.lookup("old") is None
    assert was_there == (True, False)
    assert reader.revision == 3
    assert check(reader).findings == ()


def test_nothing_changed_is_aborted(site: Site, tmp_path: Path) -> None:
    tree = make_odd_tree(tmp_path / "tree")
    with site.backend.transaction(at=AT, message="one") as tx:
        tx.put_tree(tree, "odd", nest=True)
        tx.put_bytes(b"1\n", "file")

    with site.backend.transaction(at=LATER, message="again") as tx:
        tx.put_tree(tree, "odd", nest=True)
        tx.put_bytes(b"1\n", "file")
        tx.remove("nothing/here")

    assert not tx.published.is_new
    assert tx.published.revision == 2
    assert site.calls == ["transaction", "publish", "transaction", "abort"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_failure_aborts(site: Site, error: type[BaseException]) -> None:
    def interrupted() -> None:
        with site.backend.transaction(at=AT, message="no") as tx:
            tx.put_bytes(b"1\n", "file")
            raise error

    with pytest.raises(error):
        interrupted()

    assert site.calls == ["transaction", "abort"]
    assert not site.is_in_transaction()
    assert list(site.mount.iterdir()) == []


def test_publish_that_fails_aborts_with_its_words(site: Site) -> None:
    site.configure(breaks="sync")

    with (
        pytest.raises(CommandFailed, match="Synchronization failed"),
        site.backend.transaction(at=AT, message="no") as tx,
    ):
        tx.put_bytes(b"1\n", "file")

    assert site.calls == ["transaction", "publish", "abort"]
    assert site.reader.revision == 1
    assert not site.is_in_transaction()


def test_transaction_of_somebody_else_is_left_alone(site: Site) -> None:
    subprocess.run([site.backend.program, "transaction", FQRN], check=True)
    (site.mount / "theirs").write_text("work\n")

    with pytest.raises(Busy, match="is open already, and nothing says that it is ours") as busy:
        site.backend.transaction(at=AT, message="no").__enter__()

    assert f"abort -f {FQRN}" in (busy.value.hint or "")
    assert (site.mount / "theirs").exists()
    assert site.is_in_transaction()


def test_second_publisher_is_told_who_the_first_is(site: Site) -> None:
    with (
        site.backend.transaction(at=AT, message="first"),
        pytest.raises(Busy, match=f"process {os.getpid()} of .*, since {AT.isoformat()[:10]}"),
    ):
        site.backend.transaction(at=AT, message="second").__enter__()


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from cvmfs.backends.cvmfs_server import CvmfsServer

fqrn, source, public_key, program, mounts, at, when = sys.argv[1:]


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


really_run = CvmfsServer._run


def run(self, command, **named):
    if when == "before publish" and command[1] == "publish":
        die()
    really_run(self, command, **named)
    if when == f"after {command[1]}":
        die()


CvmfsServer._run = run
backend = CvmfsServer(
    fqrn=fqrn, source=Path(source), public_key=Path(public_key), program=program, mounts=Path(mounts)
)
with backend.transaction(at=datetime.fromisoformat(at), message="killed") as tx:
    tx.put_bytes(b"half\\n", "half")
    if when == "filling":
        die()
"""


def kill(site: Site, when: str) -> None:
    """Publish in a process of its own that dies at some point."""
    backend = site.backend
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, FQRN, str(backend.source), str(backend.public_key),
         backend.program, str(backend.mounts), AT.isoformat(), when],
        check=False, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL


def test_transaction_of_a_killed_run_is_aborted_by_the_next(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    kill(site, "filling")
    was_open = site.is_in_transaction()

    with caplog.at_level(logging.WARNING), site.backend.transaction(at=AT, message="again") as tx:
        tx.put_bytes(b"whole\n", "file")

    assert was_open
    assert "that was left by process" in caplog.text
    assert site.calls == ["transaction", "transaction", "abort", "transaction", "publish"]
    assert site.reader.read("file") == b"whole\n"
    assert site.reader.lookup("half") is None


@pytest.mark.parametrize("when", ["after transaction", "before publish"])
def test_killed_where_nobody_can_tell_whose_it_is_explains(site: Site, when: str) -> None:
    kill(site, when)

    with pytest.raises(Busy, match="is open already, and nothing says that it is ours") as busy:
        site.backend.transaction(at=AT, message="again").__enter__()

    assert f"abort -f {FQRN}" in (busy.value.hint or "")
    assert site.reader.revision == 1


def test_killed_after_publishing_has_published(site: Site) -> None:
    kill(site, "after publish")

    with site.backend.transaction(at=AT, message="again") as tx:
        tx.put_bytes(b"half\n", "half")

    assert not tx.published.is_new
    assert site.reader.read("half") == b"half\n"
    assert check(site.reader).findings == ()


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"),
    [
        ({"leased": "elsewhere"}, Busy, "the gateway has leased a path"),
        ({"owner": "somebody"}, RepositoryError, "belongs to another user: .* owned by somebody"),
        ({"whitelist": "expired"}, RepositoryError, "the whitelist of .* has expired"),
    ],
    ids=["leased", "not the owner", "expired"],
)
def test_refusals_are_named(
    site: Site, settings: dict[str, str], kind: type[UserError], sentence: str
) -> None:
    site.configure(**settings)

    with pytest.raises(kind, match=sentence) as refused:
        site.backend.transaction(at=AT, message="no").__enter__()

    assert refused.value.hint
    assert site.reader.revision == 1


def test_repository_that_is_not_here_is_named(site: Site) -> None:
    (site.state / "conf" / f"{FQRN}.json").unlink()

    with pytest.raises(NotFound, match=f"there is no Stratum 0 of {FQRN} on this machine"):
        site.backend.transaction(at=AT, message="no").__enter__()


def test_missing_program_is_named(site: Site) -> None:
    elsewhere = replace(site.backend, program="cvmfs_server_that_is_missing")

    with pytest.raises(NotFound, match="is not on this machine"):
        elsewhere.transaction(at=AT, message="no").__enter__()


def test_mount_elsewhere_is_named_and_aborted(site: Site, tmp_path: Path) -> None:
    elsewhere = replace(site.backend, mounts=tmp_path / "elsewhere")

    with pytest.raises(RepositoryError, match="is not there though the transaction is open"):
        elsewhere.transaction(at=AT, message="no").__enter__()

    assert not site.is_in_transaction()


def test_nothing_is_written_through_a_link(site: Site, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "way").symlink_to(outside)
    with site.backend.transaction(at=AT, message="a link") as tx:
        tx.put_tree(tree, "tree")

    with (
        pytest.raises(RepositoryError, match="/tree/way is not a directory"),
        site.backend.transaction(at=AT, message="through it") as tx,
    ):
        tx.put_bytes(b"1\n", "tree/way/file")

    assert list(outside.iterdir()) == []
    assert not tx.exists("tree/way/file")


def test_one_tree_is_ingested(site: Site, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_text("first\n")
    first = site.backend.ingest(tree, "trees/one", at=AT, nest=True)
    (tree / "sub" / "file").unlink()
    (tree / "other").write_text("second\n")
    for path in (tree / "other", tree / "sub", tree):
        os.utime(path, (1_700_000_000, 1_700_000_000))

    second = site.backend.ingest(tree, "trees/one", at=LATER, nest=True)

    reader = site.reader
    assert repository_snapshot(reader, "trees/one") == snapshot(tree)
    assert reader.entry("trees/one").is_mountpoint
    assert check(reader).findings == ()
    assert (first.revision, second.revision, second.files) == (2, 3, 1)
    assert site.calls == ["ingest", "ingest"]


def test_steps_are_the_commands(site: Site) -> None:
    backend = replace(
        site.backend, program="cvmfs_server", mounts=Path("/cvmfs"), lease_path="soft", wait_s=60
    )

    assert backend.steps(["soft/images/one"], message="publish one 1.0") == (
        f"cvmfs_server transaction -t 60 {FQRN}/soft",
        f"# copy to /cvmfs/{FQRN}/soft/images/one",
        f"cvmfs_server publish -a 'pansoft-<time>' -m publish_one_1.0 {FQRN}",
        f"# in place of that where nothing differs or anything fails: cvmfs_server abort -f {FQRN}",
    )
