# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import process
from cvmfs.errors import FormatInvalid, NotFound, ObjectCorrupted, RepositoryError, Unreachable
from cvmfs.format.hashes import Suffix
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.manifest import MANIFEST
from cvmfs.mirroring.serve import serving
from cvmfs.publishing.repository import Repository
from cvmfs.reading.cache import ObjectCache
from cvmfs.reading.contents import Contents
from cvmfs.reading.reader import open_reader
from cvmfs.sources.fetch import CONTROL_LIMIT, HttpSource, source_of
from tests.cvmfs.samples import AT, CHUNK, FQRN
from tests.cvmfs.servers import (
    Behaviour,
    Boast,
    Cut,
    Endless,
    Silent,
    Status,
    Trickle,
    Well,
    Wrong,
    misbehaving,
)

BAD = {
    "refuses": Status(403),
    "fails": Status(503),
    "redirects": Status(302),
    "has nothing": Status(404),
    "cuts": Cut(),
    "lies": Wrong(),
    "is silent": Silent(30),
    "trickles": Trickle(0.2),
    "never ends": Endless(),
    "boasts": Boast(1 << 40),
}


def root_catalog(repository: Repository, source: HttpSource) -> bytes:
    """Return the stored bytes of the root catalog, verified."""
    return Contents(source).stored(repository.manifest.root_hash, Suffix.CATALOG, limit=1 << 20)


@pytest.fixture(name="closed_port")
def _closed_port() -> str:
    """Give the address of a server that is not there."""
    return f"http://127.0.0.1:9/cvmfs/{FQRN}"


@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_next_host_is_asked_when_the_first(published: Repository, behaviour: Behaviour) -> None:
    with (
        misbehaving(published.folder, behaviour) as bad,
        misbehaving(published.folder, Well()) as good,
    ):
        source = HttpSource([bad.url, good.url], timeout_s=0.5)

        stored = root_catalog(published, source)
        again = root_catalog(published, source)

    assert stored == again
    assert good.asked == [bad.asked[0]] * 2
    assert bad.sent < (8 << 20)


@pytest.mark.parametrize(
    "behaviour", [behaviour for name, behaviour in BAD.items() if name != "has nothing"]
)
def test_host_that_failed_is_left_and_named_once(
    published: Repository, behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        misbehaving(published.folder, behaviour) as bad,
        misbehaving(published.folder, Well()) as good,
        caplog.at_level(logging.WARNING, "cvmfs.sources.routes"),
    ):
        source = HttpSource([bad.url, good.url], timeout_s=0.5)
        root_catalog(published, source)
        asked = len(bad.asked)
        root_catalog(published, source)

        assert source.hosts == (good.url, bad.url)
        assert len(bad.asked) == asked
    named = [message for message in caplog.messages if "is left" in message]
    assert len(named) == 1
    assert named[0].startswith(f"host {bad.url} is left for 5 s: ")


def test_mirror_without_a_new_object_is_not_left(published: Repository) -> None:
    with (
        misbehaving(published.folder, Status(404), only="data/") as behind,
        misbehaving(published.folder, Well()) as good,
    ):
        source = HttpSource([behind.url, good.url])
        root_catalog(published, source)

        assert source.hosts == (behind.url, good.url)


def test_host_that_works_again_is_said_to(
    published: Repository, closed_port: str, caplog: pytest.LogCaptureFixture
) -> None:
    with misbehaving(published.folder, Status(500)) as server:
        source = HttpSource([server.url, closed_port])
        with pytest.raises(Unreachable):
            source.get(MANIFEST)
        server.behaviour = Well()
        with caplog.at_level(logging.INFO, "cvmfs.sources.routes"):
            source.get(MANIFEST)

    assert f"host {server.url} works again" in caplog.messages


def test_reasons_of_all_hosts_are_told(published: Repository, closed_port: str) -> None:
    with misbehaving(published.folder, Status(503)) as server:
        source = HttpSource(f"{server.url};{closed_port}")
        with pytest.raises(Unreachable) as caught:
            source.get(MANIFEST)

    assert "the answer is 503 Service Unavailable" in caught.value.message
    assert "127.0.0.1:9" in caught.value.message
    assert "Connection refused" in caught.value.message


def test_wrong_bytes_from_everywhere_are_the_error_to_report(
    published: Repository, closed_port: str
) -> None:
    with (
        misbehaving(published.folder, Wrong()) as server,
        pytest.raises(ObjectCorrupted, match=r"was changed: its hash is .* expected was"),
    ):
        root_catalog(published, HttpSource([closed_port, server.url]))


def test_file_that_no_host_has_is_not_found(published: Repository) -> None:
    with serving(published.folder) as one, serving(published.folder) as two:
        source = HttpSource([one, two])
        with pytest.raises(NotFound, match=r"\.cvmfs_last_snapshot is missing"):
            source.get(".cvmfs_last_snapshot")


def test_connection_that_was_closed_meanwhile_is_opened_anew(published: Repository) -> None:
    with misbehaving(published.folder, Well()) as server:
        source = HttpSource(server.url)
        first = source.get(MANIFEST)
        for waiting in source._connections._idle.values():
            for connection in waiting:
                assert connection.sock is not None
                connection.sock.shutdown(2)
        again = source.get(MANIFEST)

    assert first == again
    assert source.traffic.requests == 2


@pytest.mark.parametrize(
    "behaviour", [Endless(), Boast(CONTROL_LIMIT + 1)], ids=["endless", "long"]
)
def test_control_file_may_not_be_large(published: Repository, behaviour: Behaviour) -> None:
    with misbehaving(published.folder, behaviour, only=r"\.cvmfs") as server:
        source = HttpSource(server.url)
        with pytest.raises(Unreachable, match="allowed"):
            source.get(MANIFEST, limit=CONTROL_LIMIT)

    assert server.sent < 16 * CONTROL_LIMIT


def test_large_control_file_in_a_folder_is_refused(
    published: Repository, keys: RepositoryKeys
) -> None:
    (published.folder / MANIFEST).write_bytes(bytes(CONTROL_LIMIT + 1))

    with pytest.raises(FormatInvalid, match="more than the allowed"):
        open_reader(published.folder, FQRN, keys.public_key, at=AT)


def test_many_threads_share_a_source(published: Repository) -> None:
    results: list[bytes] = []
    with serving(published.folder) as url:
        source = HttpSource(url)
        threads = [
            threading.Thread(target=lambda: results.append(source.get(MANIFEST))) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert results == [(published.folder / MANIFEST).read_bytes()] * 12
    assert source.traffic.requests == 12
    assert source.traffic.bytes == 12 * len(results[0])


# -- proxies


def test_proxy_is_told_the_whole_address(published: Repository, closed_port: str) -> None:
    with misbehaving(published.folder, Well()) as proxy:
        source = HttpSource(closed_port, proxies=proxy.address.removeprefix("http://"))
        stored = root_catalog(published, source)

    assert stored
    assert proxy.headers[0]["Host"] == "127.0.0.1:9"
    assert source.proxy == proxy.address


def test_damage_by_a_proxy_is_asked_for_past_its_cache(published: Repository) -> None:
    with (
        misbehaving(published.folder, Wrong(only_cached=True)) as proxy,
        misbehaving(published.folder, Well()) as host,
    ):
        source = HttpSource(host.url, proxies=proxy.address)
        root_catalog(published, source)

        assert source.proxy == proxy.address
    assert [headers.get("Cache-Control") for headers in proxy.headers] == [None, "no-cache"]
    assert host.asked == []


@pytest.mark.parametrize(
    "behaviour",
    [Wrong(), Status(403), Cut(), Silent(30)],
    ids=["damages", "forbids", "cuts", "silent"],
)
def test_proxy_that_fails_is_left_for_the_next_group(
    published: Repository, behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        misbehaving(published.folder, behaviour) as proxy,
        misbehaving(published.folder, Well()) as host,
        caplog.at_level(logging.WARNING, "cvmfs.sources.routes"),
    ):
        source = HttpSource(host.url, proxies=f"{proxy.address};DIRECT", timeout_s=0.5)
        root_catalog(published, source)

        assert (source.proxy, source.hosts) == ("DIRECT", (host.url,))
    left = [message for message in caplog.messages if "is left" in message]
    assert len(left) == 1
    assert left[0].startswith(f"proxy {proxy.address} is left for 5 s")


def test_host_that_lies_is_not_blamed_on_the_proxy(published: Repository) -> None:
    with (
        misbehaving(published.folder, Wrong()) as proxied,
        misbehaving(published.folder, Wrong()) as host,
    ):
        source = HttpSource(host.url, proxies=f"{proxied.address};DIRECT")
        with pytest.raises(ObjectCorrupted):
            root_catalog(published, source)

        assert source.proxy == proxied.address


def test_host_error_behind_a_proxy_is_the_hosts(published: Repository) -> None:
    with misbehaving(published.folder, Status(502)) as proxy:
        source = HttpSource(
            ["http://one.example.org/cvmfs/x.org", "http://two.example.org/cvmfs/x.org"],
            proxies=proxy.address,
        )
        with pytest.raises(Unreachable, match=r"one\.example\.org.*two\.example\.org"):
            source.get(MANIFEST)

        assert source.proxy == proxy.address


@pytest.fixture(name="squid")
def _squid(tmp_path: Path) -> Iterator[str]:
    """Run a real squid in the foreground and give its address."""
    program = process.which("squid")
    assert program is not None
    with misbehaving(tmp_path, Well()) as taken:  # a port that is free
        port = int(taken.address.rpartition(":")[2])
    # root's squid becomes another user, who may not look into pytest's folders
    with tempfile.TemporaryDirectory(prefix="squid-") as name:
        folder = Path(name)
        (folder / "squid.conf").write_text(
            f"http_port 127.0.0.1:{port}\nacl here dst 127.0.0.0/8\nhttp_access allow here\n"
            f"pid_filename {folder}/pid\naccess_log none\ncache_log {folder}/cache.log\n"
            f"cache_mem 16 MB\npinger_enable off\ncoredump_dir {folder}\n"
            "shutdown_lifetime 0 seconds\nmax_filedescriptors 1024\n"
        )
        if os.geteuid() == 0:
            shutil.chown(folder, "proxy")
        running = subprocess.Popen([program, "-N", "-f", folder / "squid.conf"])
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait()


@pytest.mark.needs("squid")
def test_tree_comes_through_a_real_squid(
    published: Repository, keys: RepositoryKeys, squid: str, tmp_path: Path
) -> None:
    with misbehaving(published.folder, Well()) as host:
        _ask_until_it_answers(HttpSource(host.url, proxies=squid))
        for cache in (tmp_path / "one", tmp_path / "two"):
            reader = open_reader(host.url, FQRN, keys.public_key, cache, at=AT, proxies=squid)
            with reader:
                assert len(reader.read("odd/large.bin")) > 8 * CHUNK
        catalogs = [path for path in host.asked if path.endswith("C")]

    assert len(catalogs) == len(set(catalogs)) == 2


def _ask_until_it_answers(source: HttpSource) -> None:
    for _ in range(100):
        try:
            source.get(MANIFEST)
        except Unreachable:
            threading.Event().wait(0.1)
        else:
            return
    pytest.fail("squid does not answer")


# -- addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a/cvmfs/@fqrn@", ("http://a/cvmfs/software.example.org",)),
        ("http://a/@org@/; http://b:8000/x ;", ("http://a/software", "http://b:8000/x")),
    ],
)
def test_addresses_are_written_as_clients_write_them(text: str, expected: tuple[str, ...]) -> None:
    source = source_of(text, fqrn=FQRN)

    assert isinstance(source, HttpSource)
    assert source.hosts == expected


@pytest.mark.parametrize("text", ["ftp://a/x", "http://", "http://a:99999/x", "http://a/x;b"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(RepositoryError, match="not the address of a repository"):
        source_of(text)


def test_cache_of_a_folder_is_not_used(published: Repository, tmp_path: Path) -> None:
    contents = Contents(source_of(published.folder), ObjectCache(tmp_path / "cache"))
    contents.stored(published.manifest.root_hash, Suffix.CATALOG)

    assert not (tmp_path / "cache").exists()
