# SPDX-License-Identifier: BSD-3-Clause
"""What does not need a server; the rest is in tests/cvmfs/backends/test_gateway.py, over a socket."""

from __future__ import annotations

import json

import pytest

from cvmfs.errors import RepositoryError
from cvmfs.gateway.api import (
    Gateway,
    Lease,
    authorization,
    lease_request,
    payload_request,
    seconds_of,
)
from cvmfs.gateway.key import GatewayKey
from cvmfs.gateway.object_pack import ObjectPack

URL = "http://gateway.example.org:4929/api/v1"


def test_signature_is_the_base64_of_hex_digits() -> None:
    # HMAC-SHA1 of the well-known test vector, its hex digits in base64
    assert authorization(
        GatewayKey("k", "key"), b"The quick brown fox jumps over the lazy dog"
    ) == ("k ZGU3YzliODViOGI3OGFhNmJjOGE3YTM2ZjcwYTkwNzAxYzlkYjRkOQ==")


def test_lease_is_asked_for_in_text_values() -> None:
    request = lease_request(URL, "software.example.org/images", hostname="here")

    assert json.loads(request.body) == {
        "path": "software.example.org/images",
        "api_version": "2",
        "hostname": "here",
    }
    assert request.signed == request.body


def test_payload_is_message_header_objects() -> None:
    pack = ObjectPack()
    pack.add("a" * 40, b"content")

    request = payload_request(URL, Lease("p", "token"), pack)

    size = int(request.headers["Message-Size"])
    message = json.loads(request.body[:size])
    assert request.body[size:] == pack.header() + b"content"
    assert request.signed == request.body[:size]
    assert message == {
        "session_token": "token",
        "payload_digest": pack.digest(),
        "header_size": str(len(pack.header())),
        "api_version": "2",
    }


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("1h2m3.5s", 3723.5), ("59.999s", 59.999), ("850ms", 0.85), ("2m0s", 120.0), ("soon", 0.0)],
)
def test_durations_are_those_of_go(duration: str, seconds: float) -> None:
    assert seconds_of(duration) == pytest.approx(seconds)


@pytest.mark.parametrize("url", ["gateway.example.org", "ftp://gateway/api", ""])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(RepositoryError, match="is not the address of a gateway"):
        Gateway(url, GatewayKey("k", "s"))


def test_token_is_not_printed() -> None:
    assert "secret" not in repr(Lease("path", "secret"))
