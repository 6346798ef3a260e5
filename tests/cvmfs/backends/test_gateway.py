# SPDX-License-Identifier: BSD-3-Clause
"""Publishing through a gateway over a socket; what came of it is read from the public key upward."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import Busy
from cvmfs.backends.gateway import GatewaySettings, ThroughGateway
from cvmfs.backends.leased import OutsideLease
from cvmfs.checking.check import check
from cvmfs.errors import RepositoryError, Unreachable
from cvmfs.format.history import tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.gateway.api import Gateway, GatewayRefused, LeaseBusy, LeaseLost
from cvmfs.gateway.key import GatewayKey
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository
from tests.cvmfs.backends.gateway_server import GatewayServer, gateway_serving
from tests.cvmfs.samples import AT, FQRN, LATER, read, repository_snapshot, snapshot

KEY = GatewayKey("publisher", "between us")


@pytest.fixture
def gateway(repository: Repository, keys: RepositoryKeys) -> Iterator[GatewayServer]:
    """Give a gateway that serves an empty repository."""
    with gateway_serving(GatewayServer(repository, keys, AT)) as served:
        yield served


@pytest.fixture
def backend(gateway: GatewayServer, tmp_path: Path) -> Iterator[ThroughGateway]:
    """Give a publisher that knows its address and its secret, and reads over HTTP."""
    with serving(gateway.repository.folder) as source:
        settings = GatewaySettings(
            fqrn=FQRN,
            url=gateway.url,
            source=source,
            public_key=gateway.keys.public_key,
            scratch=tmp_path / "scratch",
            wait_s=0.0,
        )
        yield ThroughGateway(settings, KEY, sleep=lambda _: None)


@pytest.fixture
def other(gateway: GatewayServer) -> Iterator[Gateway]:
    """Give the interface of the gateway to another publisher."""
    with closing(Gateway(gateway.url, KEY)) as api:
        yield api


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a folder such as a package is."""
    folder = tmp_path / "tree"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "sub" / "file").write_text("content\n")
    (folder / "sub" / "same").hardlink_to(folder / "sub" / "file")
    (folder / "sub" / "deeper" / "empty").touch()
    (folder / "link").symlink_to("sub/file")
    (folder / "large").write_bytes(os.urandom(300_000))
    (folder / "grüße").write_text("utf-8\n", encoding="utf-8")
    os.utime(folder / "large", ns=(0, 1_700_000_000_123_456_789))
    return folder


def sound(gateway: GatewayServer) -> bool:
    """Return whether the whole repository holds against every rule."""
    return check(read(gateway.repository, gateway.keys)).findings == ()


def test_tree_comes_through_as_it_was(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    with backend.transaction(at=AT, message="the first", chunk_size=100_000) as tx:
        tx.put_tree(tree, "images/one", nest=True)
        tx.put_bytes(b"{}\n", "stable/index.json")

    reader = read(gateway.repository, gateway.keys)
    assert repository_snapshot(reader, "images/one") == snapshot(tree)
    assert reader.read("stable/index.json") == b"{}\n"
    assert len(reader.entry("images/one/large").chunks) == 3
    assert reader.entry("images/one").is_mountpoint
    assert (tx.published.revision, tx.published.root_hash) == (2, reader.root_hash)
    assert tx.published.is_new
    assert sound(gateway)
    assert gateway.leases == {}


def test_next_revision_changes_and_removes(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    with backend.transaction(at=AT, message="one") as tx:
        tx.put_tree(tree, "images/one", nest=True)
    (tree / "sub" / "file").unlink()
    (tree / "large").write_text("small now\n")

    with backend.transaction(at=LATER, message="two") as tx:
        tx.put_tree(tree, "images/one", nest=True)
        tx.put_file(tree / "large", "images/two/large")
        tx.remove("stable")

    reader = read(gateway.repository, gateway.keys)
    assert repository_snapshot(reader, "images/one") == snapshot(tree)
    assert reader.read("images/two/large") == b"small now\n"
    assert reader.revision == 3
    assert sound(gateway)
    described = {tag.description for tag in tags_of(gateway.repository) if "pansoft" in tag.name}
    assert described == {"one", "two"}


def test_patterns_of_the_repository_nest_catalogs(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    with backend.transaction(at=AT, message="patterns and what fits them") as tx:
        tx.put_bytes(b"/images/*\n", ".cvmfsdirtab")
        tx.put_tree(tree, "images/one")

    reader = read(gateway.repository, gateway.keys)
    assert reader.entry("images/one").is_mountpoint
    assert not reader.entry("images").is_mountpoint
    assert sound(gateway)


def test_nothing_changed_is_not_committed(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    with backend.transaction(at=AT, message="one") as tx:
        tx.put_tree(tree, "images/one", nest=True)
    commits = gateway.requests["POST leases/TOKEN"]

    with backend.transaction(at=LATER, message="again") as tx:
        tx.put_tree(tree, "images/one", nest=True)

    assert not tx.published.is_new
    assert tx.published.revision == 2
    assert tx.published.new_objects == 0
    assert gateway.requests["POST leases/TOKEN"] == commits
    assert gateway.leases == {}


def test_many_packs_are_sent(backend: ThroughGateway, gateway: GatewayServer, tree: Path) -> None:
    small = replace(backend, settings=replace(backend.settings, pack_size=1000))

    with small.transaction(at=AT, message="in pieces", chunk_size=10_000) as tx:
        tx.put_tree(tree, "images/one")

    assert gateway.requests["POST payloads"] > 20
    assert repository_snapshot(read(gateway.repository, gateway.keys), "images/one") == snapshot(
        tree
    )


def test_what_others_publish_meanwhile_stays(
    backend: ThroughGateway, gateway: GatewayServer, keys: RepositoryKeys, tree: Path
) -> None:
    leased = replace(backend, settings=replace(backend.settings, lease_path="ours"))

    with leased.transaction(at=AT, message="ours") as tx:
        tx.put_tree(tree, "ours")
        with transaction(gateway.repository, keys, at=AT, message="theirs") as theirs:
            theirs.put_bytes(b"theirs\n", "theirs/file")

    reader = read(gateway.repository, gateway.keys)
    assert reader.revision == 3
    assert reader.read("theirs/file") == b"theirs\n"
    assert repository_snapshot(reader, "ours") == snapshot(tree)
    assert sound(gateway)


def test_an_exception_publishes_nothing_and_gives_the_lease_back(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    def interrupted() -> None:
        with backend.transaction(at=AT, message="no") as tx:
            tx.put_tree(tree, "images/one")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert read(gateway.repository, gateway.keys).revision == 1
    assert gateway.leases == {}
    assert not (backend.settings.scratch / "lease.json").exists()


def test_wrong_secret_is_refused(backend: ThroughGateway, gateway: GatewayServer) -> None:
    stranger = replace(backend, key=GatewayKey("publisher", "guessed"))

    with (
        pytest.raises(GatewayRefused, match="invalid_hmac") as refused,
        stranger.transaction(at=AT, message="no"),
    ):
        pytest.fail("the transaction was opened")

    assert refused.value.hint is not None
    assert "ask who runs it" in refused.value.hint
    assert "guessed" not in f"{refused.value.message}{refused.value.hint}{stranger!r}"
    assert read(gateway.repository, gateway.keys).revision == 1


@pytest.mark.parametrize("act", ["put_tree", "put_file", "put_bytes", "remove", "nest"])
def test_path_outside_the_lease_is_refused(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path, act: str
) -> None:
    leased = replace(backend, settings=replace(backend.settings, lease_path="ours"))
    calls = {
        "put_tree": lambda tx: tx.put_tree(tree, "images/one"),
        "put_file": lambda tx: tx.put_file(tree / "large", "large"),
        "put_bytes": lambda tx: tx.put_bytes(b"", "ours2/empty"),
        "remove": lambda tx: tx.remove("images"),
        "nest": lambda tx: tx.nest("images"),
    }

    with (
        pytest.raises(OutsideLease, match="is not below /ours, which is leased"),
        leased.transaction(at=AT, message="no") as tx,
    ):
        calls[act](tx)

    assert gateway.requests["POST payloads"] == 0
    assert gateway.leases == {}


def test_key_for_another_path_is_explained(backend: ThroughGateway, gateway: GatewayServer) -> None:
    gateway.key_path = "/theirs"

    with pytest.raises(GatewayRefused, match="invalid_path") as refused:
        backend.transaction(at=AT, message="no").__enter__()

    assert "may publish below another path only" in (refused.value.hint or "")


def test_lease_below_a_missing_directory_is_refused(
    backend: ThroughGateway, gateway: GatewayServer
) -> None:
    leased = replace(backend, settings=replace(backend.settings, lease_path="no/such/place"))

    with pytest.raises(RepositoryError, match="has no directory /no/such"):
        leased.transaction(at=AT, message="no").__enter__()

    assert gateway.leases == {}


def test_special_files_are_refused(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    os.mkfifo(tree / "pipe")

    with (
        pytest.raises(RepositoryError, match="/x/pipe is a special file"),
        backend.transaction(at=AT, message="no") as tx,
    ):
        tx.put_tree(tree, "x")

    assert read(gateway.repository, gateway.keys).revision == 1


def test_another_publishers_lease_is_told_with_its_time(
    backend: ThroughGateway, other: Gateway
) -> None:
    other.acquire(f"{FQRN}/images", hostname="elsewhere")

    with pytest.raises(LeaseBusy, match=rf"has leased {FQRN}/, for 7\d\d\d\.\d+s at most"):
        backend.transaction(at=AT, message="no").__enter__()


def test_lease_that_ends_is_waited_for(
    backend: ThroughGateway,
    gateway: GatewayServer,
    other: Gateway,
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs = other.acquire(f"{FQRN}/", hostname="elsewhere")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            other.drop(theirs)

    patient = ThroughGateway(replace(backend.settings, wait_s=60.0), KEY, sleep=sleep)
    with caplog.at_level(logging.WARNING), patient.transaction(at=AT, message="ours") as tx:
        tx.put_bytes(b"1\n", "file")

    assert len(slept) == 2
    assert "another publisher has leased" in caplog.text
    assert read(gateway.repository, gateway.keys).read("file") == b"1\n"


def test_two_publishers_of_one_machine_are_serialised(backend: ThroughGateway) -> None:
    with (
        backend.transaction(at=AT, message="first"),
        pytest.raises(Busy, match=f"cannot publish to {FQRN}"),
    ):
        backend.transaction(at=AT, message="second").__enter__()


def test_expired_lease_is_refused_and_nothing_changes(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    def late() -> None:
        with backend.transaction(at=AT, message="late") as tx:
            tx.put_tree(tree, "images/one")
            gateway.leases.clear()

    with pytest.raises(LeaseLost, match="the lease is no more"):
        late()

    assert read(gateway.repository, gateway.keys).revision == 1
    assert sound(gateway)


def test_lease_that_expires_before_the_commit_is_refused(
    gateway: GatewayServer, other: Gateway
) -> None:
    lease = other.acquire(f"{FQRN}/", hostname="here")
    gateway.leases.clear()

    with pytest.raises(LeaseLost):
        other.commit(lease, old="0" * 40 + "C", new="1" * 40 + "C", tag="t", message="m")


@pytest.mark.parametrize(("can_renew", "renewals"), [(True, 2), (False, 1)])
def test_lease_is_renewed_where_the_gateway_can(
    backend: ThroughGateway, gateway: GatewayServer, *, can_renew: bool, renewals: int
) -> None:
    gateway.trouble.can_renew = can_renew
    brisk = replace(backend, settings=replace(backend.settings, renew_every_s=0.02))

    with brisk.transaction(at=AT, message="slow") as tx:
        tx.put_bytes(b"1\n", "file")
        for _ in range(500):
            if gateway.requests["PATCH leases/TOKEN"] >= renewals:
                break
            signal.sigtimedwait([], 0.02)
        else:
            pytest.fail("the lease was never renewed")

    assert tx.published.is_new
    if not can_renew:
        assert gateway.requests["PATCH leases/TOKEN"] == 1


def test_older_gateway_is_refused(backend: ThroughGateway, gateway: GatewayServer) -> None:
    gateway.trouble.version = 1

    with pytest.raises(GatewayRefused, match="speaks version 1 of its interface, 2 is needed"):
        backend.transaction(at=AT, message="no").__enter__()

    assert gateway.leases == {}


def test_answer_that_is_not_json_is_explained(
    backend: ThroughGateway, gateway: GatewayServer
) -> None:
    gateway.trouble.garbage = True

    with pytest.raises(Unreachable, match=r"answered 200 OK and not JSON.*It works!"):
        backend.transaction(at=AT, message="no").__enter__()


def test_gateway_that_is_away_is_explained(backend: ThroughGateway) -> None:
    away = replace(backend, settings=replace(backend.settings, url="http://127.0.0.1:1/api/v1"))

    with pytest.raises(Unreachable, match="does not answer"):
        away.transaction(at=AT, message="no").__enter__()


def test_payload_that_is_cut_is_sent_again(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    gateway.trouble.cut_payloads = 2

    with backend.transaction(at=AT, message="cut") as tx:
        tx.put_tree(tree, "images/one")

    assert repository_snapshot(read(gateway.repository, gateway.keys), "images/one") == snapshot(
        tree
    )
    assert gateway.requests["POST payloads"] >= 3


def test_network_that_stays_cut_publishes_nothing(
    backend: ThroughGateway, gateway: GatewayServer, tree: Path
) -> None:
    gateway.trouble.cut_payloads = 1000

    with (
        pytest.raises(Unreachable, match="does not answer"),
        backend.transaction(at=AT, message="cut") as tx,
    ):
        tx.put_tree(tree, "images/one")

    assert read(gateway.repository, gateway.keys).revision == 1
    assert gateway.leases == {}
    assert sound(gateway)


def test_commit_whose_answer_is_lost_is_found_by_its_tag(
    backend: ThroughGateway, gateway: GatewayServer
) -> None:
    gateway.trouble.cut_commits = 1

    with backend.transaction(at=AT, message="lost") as tx:
        tx.put_bytes(b"1\n", "file")

    assert tx.published.is_new
    assert tx.published.revision == 2
    assert gateway.requests["POST leases/TOKEN"] == 1
    assert not (backend.settings.scratch / "lease.json").exists()


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from cvmfs.backends.gateway import GatewaySettings, ThroughGateway
from cvmfs.gateway.api import Gateway
from cvmfs.gateway.key import GatewayKey

fqrn, url, source, public_key, scratch, tree, at, when = sys.argv[1:]


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


really_commit = Gateway.commit
if when == "sending":
    Gateway.submit = die
elif when == "committing":
    Gateway.commit = die
elif when == "committed":
    Gateway.commit = lambda *given, **named: (really_commit(*given, **named), die())
settings = GatewaySettings(
    fqrn=fqrn, url=url, source=source, public_key=Path(public_key), scratch=Path(scratch),
    wait_s=0.0, pack_size=1000,
)
backend = ThroughGateway(settings, GatewayKey("publisher", "between us"))
with backend.transaction(at=datetime.fromisoformat(at), message="killed") as tx:
    tx.put_tree(Path(tree), "images/one")
    if when == "filling":
        die()
"""


@pytest.mark.parametrize(
    ("when", "holds_lease", "again_is_new"),
    [
        ("filling", True, True),
        ("sending", True, True),
        ("committing", True, True),
        ("committed", False, False),
    ],
)
def test_killed_publisher_is_taken_up_by_its_next_run(
    backend: ThroughGateway,
    gateway: GatewayServer,
    tree: Path,
    *,
    when: str,
    holds_lease: bool,
    again_is_new: bool,
) -> None:
    settings = backend.settings
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, FQRN, settings.url, str(settings.source),
         str(settings.public_key), str(settings.scratch), str(tree), AT.isoformat(), when],
        check=False, timeout=60,
    )  # fmt: skip
    held = len(gateway.leases)
    was_sound = sound(gateway)

    with backend.transaction(at=AT, message="again") as tx:
        tx.put_tree(tree, "images/one")

    assert killed.returncode == -signal.SIGKILL
    assert held == holds_lease
    assert was_sound
    assert tx.published.is_new is again_is_new
    assert tx.published.revision == 2
    assert not (settings.scratch / "lease.json").exists()
    assert list((settings.scratch / "txn").iterdir()) == []
    assert gateway.leases == {}
    assert sound(gateway)


def test_token_is_kept_from_others(backend: ThroughGateway, gateway: GatewayServer) -> None:
    with backend.transaction(at=AT, message="open"):
        kept = backend.settings.scratch / "lease.json"
        mode = kept.stat().st_mode & 0o777
        [token] = gateway.leases
        written = kept.read_text()

    assert mode == 0o600
    assert token in written


def test_steps_show_requests_without_secrets(backend: ThroughGateway) -> None:
    steps = backend.steps(["images/one"], message="publish one")

    text = "\n".join(steps)
    assert f'"path": "{FQRN}/"' in text
    assert "publish one" in text
    assert f"POST {backend.settings.url}/payloads" in text
    assert "between us" not in text
