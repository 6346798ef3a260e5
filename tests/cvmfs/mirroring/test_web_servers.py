# SPDX-License-Identifier: BSD-3-Clause
"""docs/serving, held: the real nginx, Apache and squid, set up with these files."""

from __future__ import annotations

import http.client
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cvmfs.checking.check import check
from cvmfs.format.hashes import Suffix, object_path
from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.format.manifest import parse_manifest
from cvmfs.mirroring.mirrors import look
from cvmfs.mirroring.replicate import replicate
from cvmfs.mirroring.server_info import write_server_info
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository
from cvmfs.reading.reader import open_reader
from cvmfs.storage.local import LocalStorage
from tests.cvmfs.samples import AT, FQRN, make_odd_tree, publish_tree, repository_snapshot, snapshot
from tests.web_servers import apache, nginx, squid

MANIFEST = f"/cvmfs/{FQRN}/.cvmfspublished"
WebServer = Callable[..., AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Site:
    """What a web server exports as /cvmfs, and the tree that is published in it."""

    root: Path
    tree: Path
    repository: Repository
    keys: RepositoryKeys

    @property
    def root_catalog(self) -> str:
        """Return the path of the root catalog on the server."""
        path = object_path(self.repository.manifest.root_hash, Suffix.CATALOG)
        return f"/cvmfs/{FQRN}/{path}"


@pytest.fixture
def site(keys: RepositoryKeys) -> Iterator[Site]:
    """Give a server's folder that other users may read, as web servers of root do."""
    with tempfile.TemporaryDirectory(prefix="site-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "srv").mkdir(mode=0o755)
        tree = make_odd_tree(folder / "tree")
        repository = create_repository(folder / "srv" / FQRN, keys, at=AT)
        publish_tree(repository, keys, tree, "odd", nest=True)
        write_server_info(folder / "srv")
        (folder / "srv" / FQRN / "data" / "txn" / "unfinished").touch()
        create_keys(folder / "srv" / "keys", "careless.example.org", at=AT)
        yield Site(folder / "srv", tree, repository, keys)


@pytest.fixture(params=["nginx", "apache2"])
def web_server(request: pytest.FixtureRequest) -> WebServer:
    return {"nginx": nginx, "apache2": apache}[request.param]


def ask(
    address: str,
    path: str,
    method: str = "GET",
    *,
    proxy: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of one request; the path is sent as it is."""
    connection = http.client.HTTPConnection(urlsplit(proxy or address).netloc, timeout=20)
    connection.request(method, f"{address}{path}" if proxy else path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


needs_web_servers = pytest.mark.needs("nginx", "apache2")


@needs_web_servers
def test_signed_files_are_kept_for_a_minute_and_objects_for_days(
    site: Site, web_server: WebServer
) -> None:
    with web_server(site.root) as address:
        signed = ask(address, MANIFEST)
        stored = ask(address, site.root_catalog)
        info = ask(address, "/cvmfs/info/v1/repositories.json")
        head = ask(address, site.root_catalog, "HEAD")

    for answer, kind, age, file in (
        (signed, "application/x-cvmfs", "max-age=61", MANIFEST),
        (stored, "application/octet-stream", "max-age=259200, immutable", site.root_catalog),
        (info, "application/json", "max-age=61", "/cvmfs/info/v1/repositories.json"),
    ):
        status, headers, body = answer
        assert (status, body) == (200, (site.root / file.removeprefix("/cvmfs/")).read_bytes())
        assert headers["Content-Type"] == kind
        assert headers["Cache-Control"] == age
        assert headers["Content-Length"] == str(len(body))
        assert not {"Last-Modified", "ETag", "Content-Encoding"} & headers.keys()
    assert (head[0], head[1]["Content-Length"], head[2]) == (200, str(len(stored[2])), b"")


@needs_web_servers
def test_ranges_are_answered(site: Site, web_server: WebServer) -> None:
    with web_server(site.root) as address:
        whole = ask(address, site.root_catalog)[2]
        status, headers, part = ask(address, site.root_catalog, headers={"Range": "bytes=10-19"})

    assert (status, part) == (206, whole[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"


@needs_web_servers
def test_nothing_else_is_shown(site: Site, web_server: WebServer) -> None:
    data = f"/cvmfs/{FQRN}/data"
    paths = [
        "/", "/cvmfs", "/cvmfs/", f"/cvmfs/{FQRN}", f"/cvmfs/{FQRN}/", data, f"{data}/",
        f"{data}/00/", f"{data}/txn/", f"{data}/txn/unfinished", "/cvmfs/info/v1/",
        f"/cvmfs/{FQRN}/.publish.lock", "/cvmfs/keys/careless.example.org.masterkey",
        f"{data}/00/" + "0" * 38, f"/cvmfs/{FQRN}/../../etc/passwd", "/cvmfs/.cvmfspublished",
        "/cvmfs/other.example.org/.cvmfspublished", f"/cvmfs/{FQRN}/.cvmfs/../.publish.lock",
    ]  # fmt: skip
    assert (site.root / "keys" / "careless.example.org.masterkey").exists()

    with web_server(site.root) as address:
        seen = {path: ask(address, path)[0] for path in paths}
        written = [ask(address, MANIFEST, method)[0] for method in ("PUT", "DELETE")]

    assert {path for path, status in seen.items() if status not in (400, 403, 404)} == set()
    assert set(written) == {405}


@needs_web_servers
def test_reader_and_replica_work_through_it(site: Site, web_server: WebServer) -> None:
    replica = LocalStorage(site.root.parent / "replica" / FQRN)

    with web_server(site.root) as address:
        url = f"{address}/cvmfs/{FQRN}"
        with open_reader(url, FQRN, site.keys.public_key, at=AT) as reader:
            assert repository_snapshot(reader, "odd") == snapshot(site.tree)
            assert check(reader).is_sound
        done = replicate(url, replica, site.keys.public_key, at=AT)

    assert done.revision == site.repository.manifest.revision


# -- a site's cache


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    with squid("127.0.0.1") as address:
        yield address


@pytest.mark.needs("nginx", "squid")
def test_cache_keeps_objects_and_follows_the_manifest(site: Site, proxy: str) -> None:
    """The minute of the manifest is a second here, so that the test need not wait for it."""
    short = {'"max-age=61"': '"max-age=1"'}
    with nginx(site.root, changes=short) as address:
        first = [ask(address, path, proxy=proxy) for path in (site.root_catalog, MANIFEST)]
        again = [ask(address, path, proxy=proxy) for path in (site.root_catalog, MANIFEST)]
        with transaction(site.repository, site.keys, at=AT, message="more") as tx:
            tx.put_bytes(b"more\n", "more")
        time.sleep(2.1)
        later = ask(address, MANIFEST, proxy=proxy)
        kept = ask(address, site.root_catalog, proxy=proxy)

    assert [answer[2] for answer in first] == [answer[2] for answer in again]
    assert first[0][1]["X-Cache"].startswith("MISS")
    assert again[0][1]["X-Cache"].startswith("HIT")
    assert again[1][1]["X-Cache"].startswith("HIT")
    assert parse_manifest(later[2], where="squid").revision == 3
    assert later[1]["X-Cache"].startswith("MISS")
    assert kept[0] == 200


@pytest.mark.needs("nginx", "squid")
def test_a_second_reader_behind_the_cache_asks_the_server_for_nothing(
    site: Site, proxy: str
) -> None:
    with nginx(site.root) as address:
        url = f"{address}/cvmfs/{FQRN}"
        for _ in range(2):
            with open_reader(url, FQRN, site.keys.public_key, at=AT, proxies=proxy) as reader:
                assert repository_snapshot(reader, "odd") == snapshot(site.tree)
        asked = ask(address, site.root_catalog, proxy=proxy)

    assert asked[1]["X-Cache"].startswith("HIT")


@pytest.mark.needs("nginx", "squid")
def test_replica_and_status_go_through_a_proxy(site: Site, proxy: str) -> None:
    """The object is in the cache afterwards, so that is the way it came."""
    replica = LocalStorage(site.root.parent / "replica" / FQRN)
    key = site.keys.public_key
    with nginx(site.root) as address:
        url = f"{address}/cvmfs/{FQRN}"
        done = replicate(url, replica, key, at=AT, proxies=proxy)
        (mirror,) = look([url], key, at=AT, proxies=proxy)
        asked = ask(address, site.root_catalog, proxy=proxy)

    assert mirror.state is not None
    assert done.revision == mirror.state.revision
    assert asked[1]["X-Cache"].startswith("HIT")


@pytest.mark.needs("nginx", "squid")
def test_cache_gives_no_old_manifest_when_the_server_is_gone(site: Site, proxy: str) -> None:
    """Clients go to the next server when they see an error."""
    short = {'"max-age=61"': '"max-age=1"'}
    with nginx(site.root, changes=short) as address:
        before = ask(address, MANIFEST, proxy=proxy)
        stored = ask(address, site.root_catalog, proxy=proxy)
    time.sleep(2.1)
    after = ask(address, MANIFEST, proxy=proxy)
    still = ask(address, site.root_catalog, proxy=proxy)

    assert (before[0], stored[0], still[0]) == (200, 200, 200)
    assert after[0] in (502, 503, 504)
    assert still[2] == stored[2]


@pytest.mark.needs("nginx", "squid")
def test_cache_is_open_to_nothing_else(site: Site, proxy: str) -> None:
    with nginx(site.root) as address:
        elsewhere = ask(address.replace("127.0.0.1", "localhost"), MANIFEST, proxy=proxy)
        other_path = ask(address, "/private", proxy=proxy)
        writing = ask(address, MANIFEST, "PUT", proxy=proxy)

    assert [answer[0] for answer in (elsewhere, other_path, writing)] == [403, 403, 403]
