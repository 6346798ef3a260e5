# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cvmfs.sources.transfer import DIRECT, Connections, HostFailed, Missing, ProxyFailed, Request
from tests.cvmfs.servers import Raw, Server, Status, Trickle, Well, misbehaving

OK = b"HTTP/1.1 200 OK\r\n"
PATH = "/cvmfs/software.example.org/.cvmfspublished"
URL = f"http://stratum1.example.org:8000{PATH}"


@pytest.fixture(name="server")
def _server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "file").write_bytes(b"content" * 1000)
    with misbehaving(tmp_path, Well()) as server:
        yield server


@pytest.mark.parametrize(
    ("url", "proxy", "target", "host"),
    [
        (URL, DIRECT, PATH, "stratum1.example.org"),
        (URL, "http://proxy:3128", URL, "proxy"),
        (URL.replace("http:", "https:"), "http://proxy:3128", PATH, "proxy"),
    ],
    ids=["direct", "by proxy", "through a proxy's tunnel"],
)  # fmt: skip
def test_request_goes_where_it_should(url: str, proxy: str, target: str, host: str) -> None:
    request = Request(url, proxy)

    assert request.target == target
    assert request.connect().host == host


def test_requests_through_one_proxy_share_its_connections() -> None:
    other = URL.replace("stratum1", "stratum0")

    assert Request(URL, "http://proxy:3128").route == Request(other, "http://proxy:3128").route
    assert Request(URL).route != Request(other).route


def test_connection_is_used_again(server: Server) -> None:
    connections = Connections()

    assert {connections.get(Request(f"{server.url}/file")) for _ in range(3)} == {b"content" * 1000}
    assert sum(map(len, connections._idle.values())) == 1
    assert connections.traffic.requests == 3
    connections.close()
    assert sum(map(len, connections._idle.values())) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\xff\xfe\r\n\r\n",
        b"HTTP/9.9 what\r\n\r\n",
        OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        OK + b"".join(b"X%d: y\r\n" % number for number in range(200)) + b"\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\nabc",
        OK + b"Content-Length: 5\r\n\r\nabc",
    ],
    ids=["nothing", "noise", "version", "long header", "many headers", "no number", "long chunk", "short"],
)  # fmt: skip
def test_answer_that_is_none_is_the_hosts_failure(server: Server, data: bytes) -> None:
    server.behaviour = Raw(data)

    with pytest.raises(HostFailed):
        Connections().get(Request(f"{server.url}/file", limit=1 << 20))


@pytest.mark.parametrize("code", [301, 304, 401, 403, 429, 500, 503])
def test_any_status_but_200_is_a_failure(server: Server, code: int) -> None:
    server.behaviour = Status(code)

    with pytest.raises(HostFailed, match=f"the answer is {code}"):
        Connections().get(Request(f"{server.url}/file"))


@pytest.mark.parametrize("code", [404, 410])
def test_missing_file_is_missing(server: Server, code: int) -> None:
    server.behaviour = Status(code)

    with pytest.raises(Missing):
        Connections().get(Request(f"{server.url}/file"))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(400, HostFailed), (403, ProxyFailed), (404, Missing), (407, ProxyFailed), (504, HostFailed)],
)
def test_status_through_a_proxy_is_of_one_of_them(
    server: Server, code: int, kind: type[Exception]
) -> None:
    server.behaviour = Status(code)

    with pytest.raises(kind):
        Connections().get(Request(URL, server.address))


def test_answer_that_trickles_is_given_up(server: Server) -> None:
    server.behaviour = Trickle(0.05)

    with pytest.raises(HostFailed, match="too slow"):
        Connections().get(Request(f"{server.url}/file", timeout_s=0.5))

    assert server.sent < 100


def test_exactly_the_limit_is_allowed(server: Server) -> None:
    request = Request(f"{server.url}/file", limit=7000)

    assert len(Connections().get(request)) == 7000
    with pytest.raises(HostFailed, match="7000 bytes are announced, 6999 are allowed"):
        Connections().get(Request(f"{server.url}/file", limit=6999))
